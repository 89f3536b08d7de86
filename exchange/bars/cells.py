"""Cells of a table of bars: text, numbers and dates, each parsed or refused with the text found."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exchange.ports import SourceRefused

#: Spellings of an unknown number, in lower case.
_UNKNOWN = frozenset({"", "-", "--", ".", "?", "n/a", "#n/a", "na", "nan", "none", "null", "nil", "missing"})
_DATE_REMEDY = "write dates like 2020-12-31"
#: The last year that a date with a four-digit year can have.
_LAST_YEAR = 9999


def texts(path: Path, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column as text; raises SourceRefused if it holds lists or the like."""
    try:
        return pc.cast(_decoded(column), pa.string())
    except pa.ArrowException as error:
        raise SourceRefused(f"{path} holds {column.type} where text or dates belong; export it again") from error


def numbers(column: pa.ChunkedArray) -> tuple["pd.Series[float]", "pd.Series[str]"]:
    """Return the column as float64, and the text of each non-empty cell that is not a number, else "".

    Such a cell is NaN, and so is an empty cell or one that says the number is unknown.
    """
    values = plain_numbers(column)
    if values is not None:
        return values, pd.Series("", index=values.index, dtype="str")
    column = _decoded(column)
    if _is_text(column.type):
        return _spelled(column.to_pandas().astype(object).fillna("").astype(str).str.strip())
    return _spelled(pd.Series(["" if cell is None else str(cell) for cell in column.to_pylist()], dtype="str"))


def plain_numbers(column: pa.ChunkedArray) -> "pd.Series[float] | None":
    """Return the column as float64, NaN for an empty cell; None unless every cell is a number or empty."""
    column = _decoded(column)
    kind = column.type
    values: pd.Series[float]
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        values = pc.cast(column, pa.float64(), safe=False).to_pandas()
        return values
    if not _is_text(kind):
        return None
    try:
        values = pc.cast(column, pa.float64()).to_pandas()
    except pa.ArrowInvalid:
        return None
    return values


def holds_numbers(kind: pa.DataType) -> bool:
    """Return whether cells of this type are numbers, or texts that may spell some."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    return bool(numeric or _is_text(kind))


def stamps(path: Path, symbol: str, column: pa.ChunkedArray) -> "pd.Series[pd.Timestamp]":
    """Return the timestamps as written, without zones, NaT for empty cells; raises SourceRefused.

    The session is the date in the timestamp's own zone: New York's midnight is not the day before.
    """
    column = _decoded(column)
    if pa.types.is_date(column.type):
        column = pc.cast(column, pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        _demand_years(path, symbol, column)
        instants: pd.Series[pd.Timestamp] = column.to_pandas().dt.tz_localize(None).astype("datetime64[us]")
        return instants
    plain = _plain_days(texts(path, column))
    if plain is not None:
        return plain
    written = texts(path, column).to_pandas().astype(object).fillna("").str.strip()
    # Python, PostgreSQL and DuckDB write offsets of hours, of minutes and, for the time before zones, of seconds.
    zoned = r"^(\d{4}-?\d\d-?\d\d.*?)\s*(?:Z|z|UTC|GMT|[+-]\d\d(?::?\d\d){0,2})$"
    local = written.str.replace(zoned, r"\1", regex=True)
    dated = local.where(local.str.match(r"\d{4}-\d\d-\d\d|\d{8}(\D|$)"), None)
    parsed: pd.Series[pd.Timestamp] = pd.to_datetime(dated, format="ISO8601", errors="coerce").astype("datetime64[us]")
    wrong = (parsed.isna() & (written != "")).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        text = str(written.iloc[row])[:40]
        raise SourceRefused(f"{path}: the date in row {row + 1} of {symbol} is {text!r}{_counted(text)}")
    return parsed


def _plain_days(column: pa.ChunkedArray) -> "pd.Series[pd.Timestamp] | None":
    """Return the days of a column in which every cell is a day like 2020-12-31, or empty; None for any other.

    Arrow reads these alone as days, forty times faster than pandas reads whatever else dates may be.
    """
    try:
        days = pc.cast(column, pa.date32())
    except pa.ArrowInvalid:
        return None
    instants: pd.Series[pd.Timestamp] = pc.cast(days, pa.timestamp("us")).to_pandas()
    return instants


def _spelled(written: "pd.Series[str]") -> tuple["pd.Series[float]", "pd.Series[str]"]:
    """Parse cells that Arrow does not parse: numbers with surrounding blanks, or marked as unknown."""
    values: pd.Series[float] = pd.to_numeric(written, errors="coerce").astype("float64")
    read = values.notna() | written.str.lower().isin(_UNKNOWN)
    return values, written.where(~read, "").astype("str")


def _counted(text: str) -> str:
    """Return the end of an error message about a text that is not a date."""
    if text.isdigit() and len(text) > len("20201231"):
        return f", a count of seconds or parts of them; {_DATE_REMEDY}"
    return f"; {_DATE_REMEDY}"


def _demand_years(path: Path, symbol: str, column: pa.ChunkedArray) -> None:
    """Raise SourceRefused for a timestamp outside the years 1 to 9999: its unit is not the one that the file states."""
    unit = column.type.unit
    per_day = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}[unit]
    counts = pc.cast(column, pa.int64()).to_pandas()
    days: NDArray[np.float64] = counts.to_numpy(dtype="float64", na_value=np.nan) / per_day
    low = (np.datetime64("0001-01-01") - np.datetime64(0, "D")).astype(float)
    high = (np.datetime64(f"{_LAST_YEAR}-12-31") - np.datetime64(0, "D")).astype(float) + 1.0
    wrong = (days < low) | (days >= high)
    if wrong.any():
        row = int(wrong.argmax())
        raise SourceRefused(
            f"{path}: the date in row {row + 1} of {symbol} lies outside the years 1 to {_LAST_YEAR}: it is "
            f"{int(counts.iloc[row])} and the column says that it counts {unit}, which finer units are often read as; "
            f"correct the column's unit, or {_DATE_REMEDY}"
        )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column in plain types: dictionaries (categories) and views (as Polars writes them) are unpacked."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return pc.cast(column, pa.string()) if _is_text(column.type) else column
