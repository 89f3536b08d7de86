"""Rows that a source delivered out of date order: where they stood before they were sorted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from storage.database import Connection
from storage.typed_rows import read_all
from strategy.market.delivered_columns import MOVED


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedRows:
    """The number of a symbol's rows that were out of order, and the source row and date of the first."""

    symbol: str
    rows: int
    first_row: int
    first_date: date


def keep_sorted_rows(connection: Connection, source: str, frame: pd.DataFrame, symbols: Sequence[str]) -> None:
    """Store which rows of the symbols in the delivered frame were moved, replacing earlier records."""
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
    """Return the record of each symbol, by symbol; those whose rows were in order are absent."""
    return read_all(
        connection,
        SortedRows,
        "SELECT symbol, rows, first_row, first_date FROM sorted_rows WHERE source = ? AND list_contains(?, symbol) "
        "ORDER BY symbol",
        [source, list(symbols)],
    )
