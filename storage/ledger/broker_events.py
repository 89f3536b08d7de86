"""An external broker's reports on an account: order events, trades, funding payments and balances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from storage.database import Connection, transaction
from storage.keyed_rows import Row, Table, insert_once
from storage.typed_rows import column, read_all, scalar
from strategy.account.money import quantised
from strategy.account.orders import Order, OrderState
from strategy.broker.fills import BrokerFill, FundingPayment

ADOPTIONS = Table(
    name="adoptions",
    key=("account", "broker", "number", "symbol"),
    values=(),
    changing=("quantity", "adopted_at", "reason", "charges_from"),
)
BASELINE_CHARGES = Table(name="baseline_charges", key=("account", "broker", "number", "charge_id"), values=())
EXECUTIONS = Table(
    name="executions",
    key=("account", "order_id", "trade_id"),
    values=("symbol", "executed_at", "side", "quantity", "price", "fee", "fee_asset", "realised"),
    changing=("adoption", "amount", "base", "quote", "fee_symbol"),
)
CHARGES = Table(
    name="charges",
    key=("account", "charge_id"),
    values=("charged_at", "symbol", "cash"),
    changing=("as_of", "adoption"),
)
_EXECUTION = ", ".join(name for name in EXECUTIONS.columns if name not in {"account", "adoption"})
_CHARGE = "charge_id, charged_at, symbol, cash"
#: The condition that a trade has a fill whose account day is as follows.
_BOOKED = (
    "EXISTS (SELECT 1 FROM fills WHERE fills.account = executions.account AND fills.order_id = executions.order_id "
    "AND fills.trade_id = executions.trade_id AND fills.as_of"
)
#: The symbol under which the adoptions table keeps cash.
CASH = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerBaseline:
    """The broker's balances when the account took it over for the `number`-th time: cash and signed quantities.

    Funding payments stamped `charges_from` or later change them, except those in `charges_held`, which they hold
    already; the time is None in baselines of old, where it is `adopted_at`.
    """

    account: str
    broker: str
    number: int
    reason: str
    adopted_at: datetime
    cash: Decimal
    positions: Mapping[str, Decimal]
    charges_from: datetime | None = None
    charges_held: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str, int]:
        """Return the natural key: an account's takeovers of a broker are numbered from 1."""
        return self.account, self.broker, self.number


def newest_baseline(connection: Connection, account: str, broker: str) -> BrokerBaseline | None:
    """Return the account's newest baseline at the broker; None if it never took the broker over."""
    rows = connection.execute(
        "SELECT number, adopted_at, symbol, quantity, reason, charges_from FROM adoptions "
        "WHERE account = ? AND broker = ? QUALIFY number = max(number) OVER () ORDER BY symbol",
        [account, broker],
    ).fetchall()
    if not rows:
        return None
    number, adopted_at, _, _, reason, charges_from = rows[0]
    held = {row[2]: row[3] for row in rows}
    charges = column(
        connection,
        "SELECT charge_id FROM baseline_charges WHERE account = ? AND broker = ? AND number = ?",
        [account, broker, number],
    )
    return BrokerBaseline(
        account=account,
        broker=broker,
        number=number,
        reason=reason,
        adopted_at=adopted_at.astimezone(UTC),
        cash=held.pop(CASH),
        positions=held,
        charges_from=charges_from and charges_from.astimezone(UTC),
        charges_held=frozenset(charges),
    )


def broker_of(connection: Connection, account: str) -> str | None:
    """Return the external broker that the account trades at; None if it has none."""
    return scalar(connection, str, "SELECT broker FROM adoptions WHERE account = ? ORDER BY broker", [account])


def account_at(connection: Connection, broker: str) -> str | None:
    """Return the account that trades at the broker; None if none does."""
    return scalar(connection, str, "SELECT account FROM adoptions WHERE broker = ? ORDER BY account", [broker])


def record_baseline(connection: Connection, taken: BrokerBaseline) -> None:
    """Record the baseline with which the account takes the broker over.

    Symbols may join it later, with their balances at that time.
    """
    held = {CASH: taken.cash, **taken.positions}
    rows: list[Row] = [
        (*taken.key, symbol, quantised(quantity), taken.adopted_at, taken.reason, taken.charges_from)
        for symbol, quantity in sorted(held.items())
    ]
    insert_once(connection, ADOPTIONS, rows)
    charges: list[Row] = [(*taken.key, charge_id) for charge_id in sorted(taken.charges_held)]
    insert_once(connection, BASELINE_CHARGES, charges)


def record_step(connection: Connection, account: str, order: Order, at: datetime) -> None:
    """Record the order's state at that instant; a repetition of the last state and reason is not recorded."""
    with transaction(connection):
        last = connection.execute(
            "SELECT number, state, reason FROM order_events WHERE account = ? AND order_id = ? "
            "ORDER BY number DESC LIMIT 1",
            [account, order.order_id],
        ).fetchone()
        if last and last[1:] == (str(order.state), order.reason):
            return
        connection.execute(
            "INSERT INTO order_events (account, order_id, number, state, reason, recorded_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [account, order.order_id, last[0] + 1 if last else 1, str(order.state), order.reason, at],
        )


def sent_at(connection: Connection, account: str, order_id: str) -> datetime | None:
    """Return when the order was last sent to the broker; None if it never was."""
    select = "SELECT max(recorded_at) FROM order_events WHERE account = ? AND order_id = ? AND state = ?"
    return scalar(connection, datetime, select, [account, order_id, str(OrderState.SENT)])


def last_sent_at(connection: Connection, account: str) -> datetime | None:
    """Return when any order of the account was last sent to the broker; None if none ever was."""
    select = "SELECT max(recorded_at) FROM order_events WHERE account = ? AND state = ?"
    return scalar(connection, datetime, select, [account, str(OrderState.SENT)])


def record_executions(
    connection: Connection, account: str, number: int, reported: Sequence[BrokerFill]
) -> tuple[BrokerFill, ...]:
    """Record the trades and return those that were new. Raises LedgerConflict if a stored one differs."""
    return tuple(
        fill for fill in reported if insert_once(connection, EXECUTIONS, [_execution_row(account, number, fill)])
    )


def executions(connection: Connection, account: str, number: int) -> tuple[BrokerFill, ...]:
    """Return the trades since the takeover of that number, in order of time."""
    return _executions(connection, "account = ? AND adoption = ?", [account, number])


def trade_ids(connection: Connection, account: str, symbol: str) -> frozenset[str]:
    """Return the ids of all recorded trades of the symbol."""
    select = "SELECT trade_id FROM executions WHERE account = ? AND symbol = ?"
    return frozenset(column(connection, select, [account, symbol]))


def executions_booked(connection: Connection, account: str, day: date) -> tuple[BrokerFill, ...]:
    """Return the trades whose fills belong to the account day, in order of time."""
    return _executions(connection, f"account = ? AND {_BOOKED} = ?)", [account, day])


def executions_after(connection: Connection, account: str, day: date) -> tuple[BrokerFill, ...]:
    """Return the trades whose fills belong to later account days, in order of time."""
    return _executions(connection, f"account = ? AND {_BOOKED} > ?)", [account, day])


def record_charge(connection: Connection, account: str, number: int, charge: FundingPayment, as_of: date) -> bool:
    """Record the funding payment under the account day; return True if it was new.

    Raises LedgerConflict if the stored one differs.
    """
    money = (charge.charged_at, charge.symbol, quantised(charge.cash))
    return bool(insert_once(connection, CHARGES, [(account, charge.charge_id, *money, as_of, number)]))


def charges(connection: Connection, account: str, number: int) -> tuple[FundingPayment, ...]:
    """Return the funding payments since the takeover of that number, in order of time."""
    return _charges(connection, "account = ? AND adoption = ?", [account, number])


def charges_booked(connection: Connection, account: str, day: date) -> tuple[FundingPayment, ...]:
    """Return the funding payments that belong to the account day, in order of time."""
    return _charges(connection, "account = ? AND as_of = ?", [account, day])


def executions_since(connection: Connection, account: str, since: datetime) -> tuple[BrokerFill, ...]:
    """Return the trades at that instant or later, whatever the takeover, in order of time."""
    return _executions(connection, "account = ? AND executed_at >= ?", [account, since])


def charges_after(connection: Connection, account: str, day: date) -> tuple[FundingPayment, ...]:
    """Return the funding payments that belong to later account days, in order of time."""
    return _charges(connection, "account = ? AND as_of > ?", [account, day])


def executions_of(connection: Connection, account: str, order_id: str) -> tuple[BrokerFill, ...]:
    """Return the order's trades, in order of time; empty for paper orders."""
    return _executions(connection, "account = ? AND order_id = ?", [account, order_id])


def _executions(connection: Connection, where: str, values: Sequence[object]) -> tuple[BrokerFill, ...]:
    """Return the trades that fulfil the condition, whose values are bound, in order of time."""
    select = f"SELECT {_EXECUTION} FROM executions WHERE {where} ORDER BY executed_at, order_id, trade_id"  # noqa: S608
    return read_all(connection, BrokerFill, select, values)


def _charges(connection: Connection, where: str, values: Sequence[object]) -> tuple[FundingPayment, ...]:
    """Return the funding payments that fulfil the condition, whose values are bound, in order of time."""
    select = f"SELECT {_CHARGE} FROM charges WHERE {where} ORDER BY charged_at, charge_id"  # noqa: S608 - names alone
    return read_all(connection, FundingPayment, select, values)


def _execution_row(account: str, number: int, fill: BrokerFill) -> Row:
    money = (quantised(fill.quantity), quantised(fill.price), quantised(fill.fee))
    realised, amount = (None if cash is None else quantised(cash) for cash in (fill.realised, fill.amount))
    return (
        *(account, fill.order_id, fill.trade_id, fill.symbol, fill.executed_at, str(fill.side), *money),
        *(fill.fee_asset, realised, number, amount, fill.base, fill.quote, fill.fee_symbol),
    )
