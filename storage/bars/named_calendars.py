"""Calendars set by a person: they override what a source states or its dates suggest."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from storage.database import Connection, transaction
from strategy.market.instruments import Calendar


def keep_calendars(connection: Connection, source: str, named: Mapping[str, Calendar], at: datetime) -> None:
    """Store the calendar of each symbol, replacing an earlier one."""
    with transaction(connection):
        for symbol, calendar in named.items():
            connection.execute(
                "INSERT OR REPLACE INTO named_calendars (source, symbol, calendar, named_at) VALUES (?, ?, ?, ?)",
                [source, symbol, str(calendar), at],
            )


def forget_calendars(connection: Connection, source: str, symbols: Sequence[str]) -> None:
    """Delete the calendars set for the symbols."""
    connection.execute(
        "DELETE FROM named_calendars WHERE source = ? AND list_contains(?, symbol)", [source, list(symbols)]
    )


def load_calendars(connection: Connection, source: str) -> dict[str, Calendar]:
    """Return the calendar set for each symbol of the source; symbols without one are absent."""
    rows = connection.execute(
        "SELECT symbol, calendar FROM named_calendars WHERE source = ? ORDER BY symbol", [source]
    ).fetchall()
    return {symbol: Calendar(calendar) for symbol, calendar in rows}
