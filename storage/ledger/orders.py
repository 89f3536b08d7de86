"""The orders of an account: recorded before they are sent, claimed by one run, and identified by a deterministic id."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from storage.database import Connection, transaction
from storage.keyed_rows import LedgerConflict, insert_once
from storage.ledger.row_codec import ORDER_COLUMNS, ORDERS, order_row
from storage.typed_rows import Values, column, read_all, read_first
from strategy.account.orders import OPEN_STATES, Order, OrderState, ReasonCode

#: Orders per statement.
_CHUNK = 200


def record_orders(connection: Connection, account: str, orders: Sequence[Order]) -> int:
    """Record the orders before they are sent and return how many were new; a stored one keeps its state.

    Raises LedgerConflict if a stored order differs in symbol, day, side or quantity.
    """
    with transaction(connection):
        return insert_once(connection, ORDERS, [order_row(account, order, order.as_of) for order in orders])


def update_orders(connection: Connection, account: str, orders: Sequence[Order], *, day: date | None = None) -> None:
    """Move each order to its new state, reached on `day` (None: on the day it was decided).

    Raises LedgerConflict if an order is not recorded, differs, or has ended in another state already.
    """
    with transaction(connection):
        for order in orders:
            advance(connection, account, order, day or order.as_of)


def claim_order(connection: Connection, account: str, order: Order) -> bool:
    """Move a waiting order to its new state; return True for the one run that succeeds, which alone may send it."""
    reached = order_row(account, order, order.as_of)[-5:]
    claimed = connection.execute(
        "UPDATE orders SET state = ?, reason = ?, code = ?, open_state = coalesce(?, open_state), settled_on = ? "
        "WHERE account = ? AND order_id = ? AND state = ? RETURNING order_id",
        [*reached, account, order.order_id, str(OrderState.INTENDED)],
    ).fetchone()
    return claimed is not None


def conclude_waiting(connection: Connection, account: str, orders: Sequence[Order]) -> None:
    """Move waiting orders to their new states, reached on the days that decided them; others stay."""
    for start in range(0, len(orders), _CHUNK):
        chunk = orders[start : start + _CHUNK]
        rows = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(chunk))
        # Only marks of values are put into the text.
        statement = f"""
            UPDATE orders SET state = new.state, reason = new.reason, code = new.code::VARCHAR,
                open_state = coalesce(new.open_state::VARCHAR, orders.open_state), settled_on = new.settled_on::DATE
            FROM (VALUES {rows}) AS new(order_id, state, reason, code, open_state, settled_on)
            WHERE orders.account = ? AND orders.order_id = new.order_id AND orders.state = ?
        """  # noqa: S608
        values = [value for order in chunk for value in (order.order_id, *order_row(account, order, order.as_of)[-5:])]
        connection.execute(statement, [*values, account, str(OrderState.INTENDED)])


def release_order(connection: Connection, account: str, order_id: str) -> bool:
    """Put a claimed order that certainly did not arrive back to waiting; return True if it was claimed."""
    released = connection.execute(
        "UPDATE orders SET state = ?, open_state = ? WHERE account = ? AND order_id = ? AND state = ? "
        "RETURNING order_id",
        [str(OrderState.INTENDED), str(OrderState.INTENDED), account, order_id, str(OrderState.SENT)],
    ).fetchone()
    return released is not None


def read_order(connection: Connection, account: str, order_id: str) -> Order:
    """Return the order of that id. Raises ValueError if the account has none."""
    order = _recorded(connection, account, order_id)
    if order is None:
        raise ValueError(f"account {account} has no order {order_id}")
    return order


def orders_on(connection: Connection, account: str, day: date) -> tuple[Order, ...]:
    """Return the orders decided on the day, in their present state, sorted by symbol."""
    return _orders(connection, "account = ? AND as_of = ? ORDER BY symbol, order_id", [account, day])


def orders_until(connection: Connection, account: str, day: date) -> tuple[Order, ...]:
    """Return the orders decided up to the day, in their present state and with their marks, by day and symbol."""
    return read_all(
        connection,
        Order,
        f"SELECT {ORDER_COLUMNS}, mark FROM orders WHERE account = ? AND as_of <= ? "  # noqa: S608
        "ORDER BY as_of, symbol, order_id",
        [account, day],
    )


def open_orders(connection: Connection, account: str) -> tuple[Order, ...]:
    """Return the orders that may still trade, by day and symbol."""
    return _orders(connection, "account = ? AND settled_on IS NULL ORDER BY as_of, symbol, order_id", [account])


def marks_of(connection: Connection, account: str, order_ids: Sequence[str]) -> dict[str, Decimal]:
    """Return the close at which each of the orders was decided, by order id; absent in older stores."""
    rows = connection.execute(
        "SELECT order_id, mark FROM orders WHERE account = ? AND mark IS NOT NULL AND list_contains(?, order_id)",
        [account, list(order_ids)],
    ).fetchall()
    return dict(rows)


def orders_since(connection: Connection, account: str, day: date) -> tuple[Order, ...]:
    """Return the orders that were decided on the day or later, or ended after it, by day and symbol."""
    ended = "account = $account AND (as_of >= $day OR settled_on > $day) ORDER BY as_of, symbol, order_id"
    return _orders(connection, ended, {"account": account, "day": day})


def days_ordered(connection: Connection, account: str, *, most: int) -> tuple[date, ...]:
    """Return the newest days with an order that was not skipped, at most `most`, newest first."""
    return column(
        connection,
        "SELECT DISTINCT as_of FROM orders WHERE account = ? AND state <> ? ORDER BY as_of DESC LIMIT ?",
        [account, str(OrderState.SKIPPED), most],
    )


def ordered_symbols(connection: Connection, account: str) -> tuple[str, ...]:
    """Return every symbol that the account ever ordered, sorted: those it may hold or be about to hold."""
    return column(connection, "SELECT DISTINCT symbol FROM orders WHERE account = ? ORDER BY symbol", [account])


def orders_open_at(connection: Connection, account: str, day: date, late: Collection[str] = ()) -> tuple[Order, ...]:
    """Return the orders that could still trade after the day, in the state they had then, by day and symbol.

    Of `late` symbols, which a later pass of the day settled and ordered, it is the state before that pass.
    """
    return read_all(
        connection,
        Order,
        "SELECT order_id, symbol, as_of, side, quantity, open_state AS state, reason, code, cut_by_halt, "
        "reduce_only, mark FROM orders WHERE account = $account AND as_of <= $day AND (settled_on IS NULL "
        # What a flattening has cancelled is no order of the late bar either.
        "OR settled_on > $day OR settled_on = $day AND list_contains($late, symbol) AND code IS DISTINCT FROM $gone) "
        "AND NOT (as_of = $day AND list_contains($late, symbol)) ORDER BY as_of, symbol, order_id",
        {"account": account, "day": day, "late": list(late), "gone": str(ReasonCode.FLATTENED)},
    )


def _orders(connection: Connection, where: str, values: Values) -> tuple[Order, ...]:
    """Return the orders that fulfil the condition, whose values are bound, in the order that it ends with."""
    return read_all(connection, Order, f"SELECT {ORDER_COLUMNS} FROM orders WHERE {where}", values)  # noqa: S608


def _recorded(connection: Connection, account: str, order_id: str) -> Order | None:
    select = f"SELECT {ORDER_COLUMNS} FROM orders WHERE account = ? AND order_id = ?"  # noqa: S608
    return read_first(connection, Order, select, [account, order_id])


def advance(connection: Connection, account: str, order: Order, day: date) -> None:
    """Move the order to its new state, reached on the day. Raises LedgerConflict as `update_orders` does."""
    stored = _recorded(connection, account, order.order_id)
    if stored is None or replace(stored, state=order.state, reason=order.reason, code=order.code) != replace(
        order, quantity=stored.quantity
    ):
        raise LedgerConflict(f"{account}: order {order} is not the one recorded ({stored}); record an order first")
    if (stored.state, stored.reason, stored.code) == (order.state, order.reason, order.code):
        return
    if stored.state not in OPEN_STATES:
        raise LedgerConflict(
            f"{account}: order {order.order_id} has ended as {stored.state}; it cannot be {order.state}"
        )
    changed = order_row(account, order, day)[-5:]
    connection.execute(
        "UPDATE orders SET state = ?, reason = ?, code = ?, open_state = coalesce(?, open_state), settled_on = ? "
        "WHERE account = ? AND order_id = ?",
        [*changed, account, order.order_id],
    )
