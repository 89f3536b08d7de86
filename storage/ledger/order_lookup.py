"""Look-up of one order by the beginning of its id, with its steps and fills."""

from dataclasses import dataclass
from datetime import date, datetime

from storage.database import Connection
from storage.ledger.row_codec import select_fills
from storage.typed_rows import read_all, scalar
from strategy.account.orders import ID_PREFIX, Fill, OrderState


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
    """Return the newest orders whose id begins so, of the account or (None) of all, at most `most` of them.

    The prefix of every id may be left out.
    """
    return read_all(
        connection,
        Found,
        "SELECT account, order_id, symbol, as_of FROM orders WHERE (starts_with(order_id, $text) OR "
        "starts_with(order_id, $prefixed)) AND ($account IS NULL OR account = $account) "
        "ORDER BY as_of DESC, account, symbol, order_id LIMIT $most",
        {"text": text, "prefixed": ID_PREFIX + text, "account": account, "most": most},
    )


def steps(connection: Connection, account: str, order_id: str) -> tuple[Step, ...]:
    """Return the recorded steps of an order at an external broker, oldest first; empty for paper orders."""
    select = "SELECT state, reason, recorded_at FROM order_events WHERE account = ? AND order_id = ? ORDER BY number"
    return read_all(connection, Step, select, [account, order_id])


def fills_of(connection: Connection, account: str, order_id: str) -> tuple[Fill, ...]:
    """Return the order's fills, by day and trade."""
    return select_fills(connection, "account = ? AND order_id = ?", [account, order_id])


def settings_behind(connection: Connection, account: str, day: date) -> str | None:
    """Return the settings (JSON text) of the run that decided the account's day; None if none is on record.

    A daily run decides its own day, a backfill every day up to its own.
    """
    return scalar(
        connection,
        str,
        "SELECT config FROM runs WHERE account = $account AND as_of >= $day "
        "AND (as_of = $day OR command = 'backfill') ORDER BY as_of, started_at, run_id LIMIT 1",
        {"account": account, "day": day},
    )
