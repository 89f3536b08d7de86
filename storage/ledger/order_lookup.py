"""Look-up of one order by the beginning of its id, with its steps, fills and broker trades."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from storage.database import Connection
from storage.ledger.row_codec import FILL_COLUMNS, to_fill
from strategy.account.orders import Fill, OrderState, Side
from strategy.broker.fills import BrokerFill

#: The prefix of every order id; it may be omitted in a look-up.
_PREFIX = "tdmt-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An order's key, symbol and day."""

    account: str
    order_id: str
    symbol: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A state that an order reached at an external broker, when, and why."""

    state: OrderState
    reason: str
    recorded_at: datetime


def beginning(connection: Connection, text: str, account: str | None, *, most: int) -> tuple[Found, ...]:
    """Return the newest orders whose id begins so, of the account or (None) of all, at most `most` of them."""
    rows = connection.execute(
        "SELECT account, order_id, symbol, as_of FROM orders WHERE (starts_with(order_id, $text) OR "
        "starts_with(order_id, $prefixed)) AND ($account IS NULL OR account = $account) "
        "ORDER BY as_of DESC, account, symbol, order_id LIMIT $most",
        {"text": text, "prefixed": _PREFIX + text, "account": account, "most": most},
    ).fetchall()
    return tuple(Found(account=row[0], order_id=row[1], symbol=row[2], as_of=row[3]) for row in rows)


def steps(connection: Connection, account: str, order_id: str) -> tuple[Step, ...]:
    """Return the recorded steps of an order at an external broker, oldest first; empty for paper orders."""
    rows = connection.execute(
        "SELECT state, reason, recorded_at FROM order_events WHERE account = ? AND order_id = ? ORDER BY number",
        [account, order_id],
    ).fetchall()
    return tuple(
        Step(state=OrderState(state), reason=reason, recorded_at=at.astimezone(UTC)) for state, reason, at in rows
    )


def fills_of(connection: Connection, account: str, order_id: str) -> tuple[Fill, ...]:
    """Return the order's fills, by day and trade."""
    rows = connection.execute(
        f"SELECT {FILL_COLUMNS} FROM fills WHERE account = ? AND order_id = ? ORDER BY as_of, trade_id",  # noqa: S608
        [account, order_id],
    ).fetchall()
    return tuple(map(to_fill, rows))


def executions_of(connection: Connection, account: str, order_id: str) -> tuple[BrokerFill, ...]:
    """Return the order's trades as the broker reported them, in order of time; empty for paper orders."""
    rows = connection.execute(
        "SELECT trade_id, symbol, executed_at, side, quantity, price, fee, fee_asset, realised FROM executions "
        "WHERE account = ? AND order_id = ? ORDER BY executed_at, trade_id",
        [account, order_id],
    ).fetchall()
    return tuple(
        BrokerFill(
            order_id=order_id,
            trade_id=trade_id,
            symbol=symbol,
            executed_at=executed_at.astimezone(UTC),
            side=Side(side),
            quantity=quantity,
            price=price,
            fee=fee,
            fee_asset=fee_asset,
            realised=realised,
        )
        for trade_id, symbol, executed_at, side, quantity, price, fee, fee_asset, realised in rows
    )


def settings_behind(connection: Connection, account: str, day: date) -> str | None:
    """Return the settings (JSON text) of the run that decided the account's day; None if none is on record.

    A daily run decides its own day, a backfill every day up to its own.
    """
    row = connection.execute(
        "SELECT config FROM runs WHERE account = $account AND as_of >= $day "
        "AND (as_of = $day OR command = 'backfill') ORDER BY as_of, started_at, run_id LIMIT 1",
        {"account": account, "day": day},
    ).fetchone()
    return str(row[0]) if row else None
