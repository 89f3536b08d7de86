"""Rows of a file of bars as a frame for each symbol: many symbols are read at once where every cell is as it should be.

A file of hundreds of symbols is read a column at a time, of fifty of them. Where a cell needs more than that, each
symbol is read by itself, so that what is said of the cell names its symbol and row. Both ways give the same frames.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exchange.bars.cells import numbers, plain_numbers, stamps, texts
from exchange.ports import BAR_COLUMNS, MOVED, OWN, UNREAD, SourceRefused
from strategy.work_progress import WorkName, counted_together

READING = WorkName(name="Reading the file", unit="symbols")
#: Symbols that are read at once: enough for columns to be long, few enough for progress to be seen.
_AT_ONCE = 50
#: Most characters of a cell that are shown.
_SHOWN = 40
_PRICES = ("open", "high", "low", "close", "volume", "adj_close")


def by_symbol(path: Path, symbols: tuple[str, ...], table: pa.Table) -> dict[str, pa.Table]:
    """Return the rows of each symbol, in the file's order, in one pass over the table."""
    if "symbol" not in table.column_names:
        return dict.fromkeys(symbols, table)
    names = pa.array(symbols, pa.string())
    numbered = pc.index_in(texts(path, table["symbol"]), value_set=names).to_numpy(zero_copy_only=False)
    numbered = np.nan_to_num(numbered.astype(np.float64), nan=-1.0).astype(np.int64)
    order = np.argsort(numbered, kind="stable")
    bounds = np.searchsorted(numbered[order], np.arange(len(symbols) + 1))
    grouped = table if (np.diff(order) == 1).all() else table.take(order)
    return {symbol: grouped.slice(bounds[at], bounds[at + 1] - bounds[at]) for at, symbol in enumerate(symbols)}


def frames(path: Path, tables: Mapping[str, pa.Table]) -> dict[str, pd.DataFrame]:
    """Return the rows of each symbol as a frame of BAR_COLUMNS, oldest first, with UNREAD, MOVED and OWN if need be.

    Raises SourceRefused for a symbol without rows or dates, with a cell that is no date, or with bars within a day.
    """
    symbols = list(tables)
    groups = [symbols[first : first + _AT_ONCE] for first in range(0, len(symbols), _AT_ONCE)]
    found: dict[str, pd.DataFrame] = {}
    for group in counted_together(groups, READING, len(symbols)):
        some = {symbol: tables[symbol] for symbol in group}
        together = _all_at_once(path, some)
        found |= together or {symbol: _frame(path, symbol, rows) for symbol, rows in some.items()}
    return found


def _all_at_once(path: Path, tables: Mapping[str, pa.Table]) -> dict[str, pd.DataFrame] | None:
    """Return the frames read together; None if some cell needs to be looked at with its symbol."""
    counts = [rows.num_rows for rows in tables.values()]
    if not all(counts):
        return None
    whole = pa.concat_tables(tables.values())
    try:
        instants = stamps(path, "", whole["date"])
    except SourceRefused:
        return None
    days, bounds = instants.dt.normalize(), np.concatenate([[0], np.cumsum(counts)])
    dated = np.add.reduceat(instants.notna().to_numpy(), bounds[:-1])
    columns: dict[str, object] = {"symbol": np.repeat(np.array(list(tables), dtype=object), counts), "open_time": days}
    for name in _PRICES:
        values = plain_numbers(whole[name]) if name in whole.column_names else float("nan")
        if values is None:
            return None
        columns[name] = values
    if not dated.all() or not ((instants == days) | instants.isna()).all():
        return None
    frame = pd.DataFrame(columns, index=days.index)[list(BAR_COLUMNS)].astype({"symbol": "str"})
    own = {name: _own_values(name, tables, whole) for name in whole.column_names if name.startswith(OWN)}
    found = {}
    for at, symbol in enumerate(tables):
        span = slice(bounds[at], bounds[at + 1])
        told = {name: values[span] for name, values in own.items() if np.isfinite(values[span]).any()}
        found[symbol] = _oldest_first(frame.iloc[span].reset_index(drop=True).assign(**told))
    return found


def _own_values(name: str, tables: Mapping[str, pa.Table], whole: pa.Table) -> NDArray[np.float64]:
    """Return a column of the user's own of all symbols, infinite where a cell is no number."""
    values = plain_numbers(whole[name])
    if values is not None:
        plain: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
        return plain
    parts = [_own_column(rows[name]).to_numpy(dtype=np.float64) for rows in tables.values()]
    joined: NDArray[np.float64] = np.concatenate(parts)
    return joined


def empty_file(path: Path) -> SourceRefused:
    """Return the refusal of a file without rows."""
    return SourceRefused(f"{path} has a header and no row; a file of bars has at least one")


def _frame(path: Path, symbol: str, table: pa.Table) -> pd.DataFrame:
    if not table.num_rows:
        raise empty_file(path)
    instants = stamps(path, symbol, table["date"])
    if instants.isna().all():
        raise SourceRefused(f"{path}: no row of {symbol} has a date; fill its date column with dates like 2020-12-31")
    days = instants.dt.normalize()
    _demand_daily(path, symbol, instants, days)
    columns: dict[str, object] = {"symbol": symbol, "open_time": days}
    unread = pd.Series("", index=days.index, dtype="str")
    for name in _PRICES:
        columns[name] = pd.Series(float("nan"), index=days.index)
        if name in table.column_names:
            columns[name], found = numbers(table[name])
            unread = unread.where(found == "", unread + f"{name} " + found.str.slice(stop=_SHOWN).map(repr) + "; ")
    frame: pd.DataFrame = pd.DataFrame(columns)[list(BAR_COLUMNS)].astype({"symbol": "str"})
    if (unread != "").any():
        frame = frame.assign(**{UNREAD: unread.str.removesuffix("; ")})
    return _oldest_first(frame.assign(**_own(table)))


def _own(table: pa.Table) -> "dict[str, pd.Series[float]]":
    """Return the columns of the user's own that hold a number: NaN without a value, infinite where it is none."""
    found = {}
    for name in table.column_names:
        if name.startswith(OWN):
            values = _own_column(table[name])
            if np.isfinite(values).any():
                found[name] = values
    return found


def _own_column(column: pa.ChunkedArray) -> "pd.Series[float]":
    """Return the column as numbers, infinite where a cell is no number."""
    values, unread = numbers(column)
    return values.where(unread == "", np.inf)


def _oldest_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by date, with a column MOVED if any was out of order.

    If a date is missing or occurs twice, the order is ambiguous: the rows stay as they are, and the data gate refuses
    them.
    """
    days = frame["open_time"]
    if days.is_monotonic_increasing or not days.is_unique or days.isna().any():
        return frame
    row = np.arange(1, len(frame) + 1)
    moved = np.where(days < days.cummax(), row, 0)
    return frame.assign(**{MOVED: moved}).sort_values("open_time", ignore_index=True)


def _demand_daily(
    path: Path, symbol: str, instants: "pd.Series[pd.Timestamp]", days: "pd.Series[pd.Timestamp]"
) -> None:
    """Raise SourceRefused if a date has bars at different times of day, which are not daily bars."""
    times = pd.DataFrame({"day": days, "stamp": instants}).drop_duplicates()
    counts = times.groupby("day", sort=False)["stamp"].size()
    crowded = counts[counts > 1]
    if len(crowded):
        day, count = crowded.index[0], int(crowded.iloc[0])
        raise SourceRefused(
            f"{path}: {symbol} has {count} bars of different times on {day:%Y-%m-%d}; a daily file has one a day, "
            "so resample it to days"
        )
