"""Rows that a source held out of the order of their dates: where they stood before they were sorted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from storage.database import Connection

#: A column that a frame may have besides: the row in which a bar stood that was out of order, counted from 1, else 0.
MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedRows:
    """How many rows of a symbol were out of order, and of the first in the source its row and date."""

    symbol: str
    rows: int
    first_row: int
    first_date: date


def keep_sorted_rows(connection: Connection, source: str, frame: pd.DataFrame, symbols: Sequence[str]) -> None:
    """Keep which rows of the symbols in the delivered frame were moved, in place of what was kept of them."""
    connection.execute("DELETE FROM sorted_rows WHERE source = ? AND list_contains(?, symbol)", [source, list(symbols)])
    if MOVED not in frame.columns:
        return
    for symbol, rows in frame[frame[MOVED] > 0].groupby("symbol"):
        first = rows.sort_values(MOVED).iloc[0]
        connection.execute(
            "INSERT INTO sorted_rows (source, symbol, rows, first_row, first_date) VALUES (?, ?, ?, ?, ?)",
            [source, str(symbol), len(rows), int(first[MOVED]), first["open_time"].date()],
        )


def load_sorted_rows(connection: Connection, source: str, symbols: Sequence[str]) -> tuple[SortedRows, ...]:
    """Return what was kept of the symbols, by symbol; those whose rows were in order are absent."""
    rows = connection.execute(
        "SELECT symbol, rows, first_row, first_date FROM sorted_rows WHERE source = ? AND list_contains(?, symbol) "
        "ORDER BY symbol",
        [source, list(symbols)],
    ).fetchall()
    return tuple(
        SortedRows(symbol=symbol, rows=count, first_row=first_row, first_date=first_date)
        for symbol, count, first_row, first_date in rows
    )
