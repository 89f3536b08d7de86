"""Delistings that a person has recorded, by source and symbol: each once, until it is taken back."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from storage.database import Connection
from storage.typed_rows import column, read_first
from strategy.account.money import quantised


@dataclass(frozen=True, slots=True, kw_only=True)
class Delisting:
    """The last day of a symbol, and what a unit of it was paid out at then, in the currency of its prices."""

    symbol: str
    day: date
    price: Decimal
    reason: str
    recorded_at: datetime


def load(connection: Connection, source: str, symbol: str) -> Delisting | None:
    """Return the symbol's delisting as a person has recorded it; None if nobody has."""
    select = "SELECT symbol, day, price, reason, recorded_at FROM delistings WHERE source = ? AND symbol = ?"
    return read_first(connection, Delisting, select, [source, symbol])


def record(connection: Connection, source: str, delisting: Delisting) -> bool:
    """Record the delisting and return True, or False if one of the symbol is recorded already."""
    written = connection.execute(
        "INSERT INTO delistings (source, symbol, day, price, reason, recorded_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING symbol",
        [
            *(source, delisting.symbol, delisting.day, quantised(delisting.price)),
            *(delisting.reason, delisting.recorded_at),
        ],
    ).fetchone()
    return written is not None


def symbols(connection: Connection, source: str) -> tuple[str, ...]:
    """Return the symbols of the source of which a delisting is recorded, sorted."""
    return column(connection, "SELECT symbol FROM delistings WHERE source = ? ORDER BY symbol", [source])


def forget(connection: Connection, source: str, symbol: str) -> None:
    """Delete the symbol's delisting; nothing happens if none is recorded."""
    connection.execute("DELETE FROM delistings WHERE source = ? AND symbol = ?", [source, symbol])
