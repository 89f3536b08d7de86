"""Flows that an account was asked to book, each once under its key, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from storage.database import Connection, transaction
from storage.typed_rows import column, read_all
from strategy.account.cash_flows import Booking, CashFlow, FlowKind, FlowRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFlow:
    """A flow with the key and reason that it was asked under, and the first day on which it may be booked.

    `cost` is what a unit of a transferred position had cost, for the record alone. `settled_on` is the day that booked
    or refused it (None: it waits), `value` its signed value at that day's close, `refusal` why it was not booked.
    """

    flow_key: str
    kind: FlowKind
    symbol: str
    cash: Decimal
    quantity: Decimal
    cost: Decimal | None
    not_before: date
    reason: str
    asked_at: datetime
    settled_on: date | None = None
    value: Decimal | None = None
    refusal: FlowRefusal | None = None

    @property
    def flow(self) -> CashFlow:
        """Return the flow itself."""
        return CashFlow(kind=self.kind, symbol=self.symbol, cash=self.cash, quantity=self.quantity)


_SELECT = (
    "SELECT flow_key, kind, symbol, cash, quantity, cost, not_before, reason, asked_at, settled_on, value, refusal "
    "FROM cash_flows WHERE account = ? "
)
_ORDER = "ORDER BY number, symbol"


def record(connection: Connection, account: str, flows: Sequence[RecordedFlow]) -> None:
    """Record flows of one key, which wait to be booked."""
    with transaction(connection):
        for flow in flows:
            connection.execute(
                "INSERT INTO cash_flows (account, flow_key, symbol, number, kind, cash, quantity, cost, not_before, "
                "reason, asked_at) SELECT $account, $flow_key, $symbol, 1 + coalesce(max(number), 0), $kind, $cash, "
                "$quantity, $cost, $not_before, $reason, $asked_at FROM cash_flows WHERE account = $account",
                {
                    "account": account,
                    "flow_key": flow.flow_key,
                    "symbol": flow.symbol,
                    "kind": str(flow.kind),
                    "cash": flow.cash,
                    "quantity": flow.quantity,
                    "cost": flow.cost,
                    "not_before": flow.not_before,
                    "reason": flow.reason,
                    "asked_at": flow.asked_at,
                },
            )


def with_key(connection: Connection, account: str, key: str) -> tuple[RecordedFlow, ...]:
    """Return the flows recorded under the key, by symbol; empty if it is new."""
    return read_all(connection, RecordedFlow, _SELECT + "AND flow_key = ? ORDER BY symbol", [account, key])


def every(connection: Connection, account: str) -> tuple[RecordedFlow, ...]:
    """Return all flows of the account, in the order in which they were asked for."""
    return read_all(connection, RecordedFlow, _SELECT + _ORDER, [account])


def waiting(connection: Connection, account: str) -> tuple[RecordedFlow, ...]:
    """Return the flows that no day has settled yet, in their order."""
    return read_all(connection, RecordedFlow, _SELECT + "AND settled_on IS NULL " + _ORDER, [account])


def due(connection: Connection, account: str, day: date) -> tuple[RecordedFlow, ...]:
    """Return the flows of a day, in their order: those that it settled, and those that wait and may be booked then."""
    due = "AND (settled_on = ? OR settled_on IS NULL AND not_before <= ?) "
    return read_all(connection, RecordedFlow, _SELECT + due + _ORDER, [account, day, day])


def settle(
    connection: Connection, account: str, day: date, flows: Sequence[RecordedFlow], bookings: Sequence[Booking]
) -> None:
    """Record what the day made of the flows; call it in the transaction that records the day."""
    for flow, booking in zip(flows, bookings, strict=True):
        connection.execute(
            "UPDATE cash_flows SET settled_on = ?, value = ?, refusal = ? "
            "WHERE account = ? AND flow_key = ? AND symbol = ?",
            [
                *(day, booking.value, booking.refusal and str(booking.refusal)),
                *(account, flow.flow_key, flow.symbol),
            ],
        )


def cancel(connection: Connection, account: str, key: str) -> None:
    """Delete the flows of the key that wait to be booked."""
    delete = "DELETE FROM cash_flows WHERE account = ? AND flow_key = ? AND settled_on IS NULL"
    with transaction(connection):
        connection.execute(delete, [account, key])


def symbols(connection: Connection, account: str) -> tuple[str, ...]:
    """Return the symbols of the account's transfers, sorted."""
    select = "SELECT DISTINCT symbol FROM cash_flows WHERE account = ? AND symbol <> '' ORDER BY symbol"
    return column(connection, select, [account])
