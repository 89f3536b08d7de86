"""Many account days at once: a batch is written atomically, and the whole record is read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection, transaction
from storage.keyed_rows import Row, insert_once
from storage.ledger import orders as order_store
from storage.ledger import risk_state
from storage.ledger.row_codec import (
    DECISIONS,
    ENTRIES,
    FILLS,
    FX_RATES,
    ORDERS,
    PASSES,
    SNAPSHOTS,
    DayPass,
    Provenance,
    decision_row,
    entry_row,
    fill_row,
    fx_row,
    order_row,
    pass_row,
    select_fills,
    snapshot_row,
)
from strategy.account.orders import OPEN_STATES, Fill, Order, ReasonCode
from strategy.backtest.day_loop import Day
from strategy.market.currencies import FxRate
from strategy.portfolio.decision import Decision
from strategy.portfolio.drawdown_halt import RiskState


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDay:
    """A day from its settlement to its orders, in the state in which the broker accepted them.

    `day_pass` is its first pass; None if that has missed nothing. `fx` are the exchange rates that it took.
    """

    settled: Day
    decisions: tuple[Decision, ...]
    provenance: Provenance
    orders: tuple[Order, ...]
    day_pass: DayPass | None = None
    fx: tuple[FxRate, ...] = ()

    @property
    def as_of(self) -> date:
        """Return the day's date."""
        return self.settled.state.account.as_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A change of model: from `as_of` on it decides; None is the strategy without a model."""

    as_of: date
    model_id: str | None


def record(connection: Connection, account: str, days: Sequence[SimulatedDay], risk: RiskState, at: datetime) -> None:
    """Record the days as daily runs would have, and the risk state after the last one, at this instant.

    One statement for a table costs hardly more than one for a row. Raises LedgerConflict if the ledger holds different
    rows for these days; then nothing is written.
    """
    decisions = [decision_row(account, decision, day.provenance) for day in days for decision in day.decisions]
    with transaction(connection):
        insert_once(connection, DECISIONS, decisions)
        insert_once(connection, FILLS, [fill_row(account, fill) for day in days for fill in day.settled.fills])
        insert_once(connection, ENTRIES, [entry_row(account, entry) for day in days for entry in day.settled.entries])
        insert_once(connection, SNAPSHOTS, [snapshot_row(account, day.settled.state.snapshot) for day in days])
        insert_once(connection, PASSES, [pass_row(account, day.as_of, day.day_pass) for day in days if day.day_pass])
        insert_once(connection, FX_RATES, [fx_row(account, day.as_of, rate) for day in days for rate in day.fx])
        insert_once(connection, ORDERS, _order_rows(account, days))
        fresh = {order.order_id for day in days for order in day.orders}
        for day in days:
            earlier = [order for order in day.settled.settled if order.order_id not in fresh]
            order_store.update_orders(connection, account, earlier, day=day.as_of)
        risk_state.save(connection, account, risk, at)


def _order_rows(account: str, days: Sequence[SimulatedDay]) -> list[Row]:
    """Return the rows of the days' orders, each in the state at the end of the last day."""
    ended = {
        order.order_id: (order, day.as_of)
        for day in days
        for order in day.settled.settled
        if order.state not in OPEN_STATES
    }
    rows = []
    for order in (order for day in days for order in day.orders):
        row = order_row(account, *ended.get(order.order_id, (order, order.as_of)))
        # An order that traded was open before: the ledger keeps that state for readers of earlier days.
        open_state = str(order.state) if order.state in OPEN_STATES else None
        rows.append((*row[:-2], open_state, row[-1]))
    return rows


def fills(connection: Connection, account: str, until: date) -> tuple[Fill, ...]:
    """Return every trade of the account up to the day, oldest first."""
    return select_fills(connection, "account = ? AND as_of <= ?", [account, until])


def order_counts(connection: Connection, account: str, until: date) -> tuple[int, int]:
    """Return how many orders the account decided up to the day, and how many of them a halt withheld or cut."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (code = ? OR cut_by_halt) FROM orders WHERE account = ? AND as_of <= ?",
        [str(ReasonCode.HALTED), account, until],
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def switches(connection: Connection, account: str, until: date) -> tuple[ModelChange, ...]:
    """Return the changes of model up to the day, oldest first; the first entry is the account's first day."""
    rows = connection.execute(
        "SELECT as_of, model_id FROM (SELECT DISTINCT as_of, model_id FROM decisions WHERE account = ? AND as_of <= ?) "
        "QUALIFY row_number() OVER (ORDER BY as_of) = 1 "
        "OR model_id IS DISTINCT FROM lag(model_id) OVER (ORDER BY as_of) ORDER BY as_of",
        [account, until],
    ).fetchall()
    return tuple(ModelChange(as_of=as_of, model_id=model_id) for as_of, model_id in rows)
