"""Positions that an account kept when it took its broker over again, and the entries it booked for the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from storage.database import Connection
from storage.keyed_rows import Row, Table, insert_once
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.money import quantised
from strategy.account.state import Entry, EntryKind
from strategy.broker.takeover import Change

POSITIONS = Table(
    name="takeover_positions", key=("account", "broker", "number", "symbol"), values=("quantity", "cost"), changing=()
)
ENTRIES = Table(
    name="takeover_entries",
    key=("account", "broker", "number", "line"),
    values=("as_of", "symbol", "cash", "quantity", "cause", "reason"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPositions:
    """The signed quantities that the account owned after a takeover, and the cost of those on margin."""

    positions: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]


def record_kept_positions(connection: Connection, taken: BrokerBaseline, kept: KeptPositions) -> None:
    """Record what the account owns after the takeover with that baseline; writes nothing if it owns nothing."""
    rows: list[Row] = [
        (*taken.key, symbol, quantised(quantity), quantised(kept.costs.get(symbol, Decimal(0))))
        for symbol, quantity in sorted(kept.positions.items())
    ]
    insert_once(connection, POSITIONS, rows)


def kept_positions(connection: Connection, taken: BrokerBaseline) -> KeptPositions:
    """Return what the account owned after the takeover with that baseline; empty for the first."""
    rows = connection.execute(
        "SELECT symbol, quantity, cost FROM takeover_positions WHERE account = ? AND broker = ? AND number = ? "
        "ORDER BY symbol",
        taken.key,
    ).fetchall()
    return KeptPositions(
        positions={symbol: quantity for symbol, quantity, _ in rows},
        costs={symbol: cost for symbol, _, cost in rows if cost},
    )


def record_changes(
    connection: Connection, taken: BrokerBaseline, as_of: date, changes: Sequence[tuple[Change, str]]
) -> None:
    """Record the entries that a takeover books on the day, each change with its reason."""
    rows: list[Row] = [
        (
            *(*taken.key, line, as_of, change.symbol, quantised(change.cash), quantised(change.quantity)),
            *(str(change.cause), reason),
        )
        for line, (change, reason) in enumerate(changes, start=1)
    ]
    insert_once(connection, ENTRIES, rows)


def entries_on(connection: Connection, account: str, day: date) -> tuple[Entry, ...]:
    """Return the takeovers' entries of the day, one per symbol, sorted by symbol; cash alone has symbol ""."""
    return _entries(connection, account, day, day)


def entries_after(connection: Connection, account: str, day: date) -> tuple[Entry, ...]:
    """Return the takeovers' entries of later days, one per symbol, dated on the last of these days."""
    return _entries(connection, account, date.fromordinal(day.toordinal() + 1), date.max)


def _entries(connection: Connection, account: str, first: date, last: date) -> tuple[Entry, ...]:
    rows = connection.execute(
        "SELECT symbol, max(as_of), sum(cash), sum(quantity) FROM takeover_entries "
        "WHERE account = ? AND as_of BETWEEN ? AND ? GROUP BY symbol ORDER BY symbol",
        [account, first, last],
    ).fetchall()
    return tuple(
        Entry(as_of=as_of, kind=EntryKind.REBASE, symbol=symbol, cash=cash, quantity=quantity)
        for symbol, as_of, cash, quantity in rows
        if cash or quantity
    )
