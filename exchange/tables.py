"""Tables of bars in csv and parquet files: which column holds what, and the columns that are wanted."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from exchange.cells import texts
from exchange.ports import SourceRefused

REQUIRED = ("date", "open", "high", "low", "close")

#: Spellings of each column, in lower case without separators, the most telling first.
_SPELLINGS = {
    "symbol": ("symbol", "ticker"),
    "date": ("date", "datetime", "timestamp", "opentime", "time", "day", "session", "index"),
    "open": ("open", "openprice"),
    "high": ("high", "highprice"),
    "low": ("low", "lowprice"),
    "close": ("close", "closeprice"),
    "volume": ("volume", "vol", "volumetraded", "tradedvolume", "sharestraded", "totaltradequantity"),
    # tidyquant and quantmod, both of R, write `adjusted` alone.
    "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjusted", "adj"),
    "currency": ("currency", "ccy"),
}
_KNOWN = frozenset(spelling for spellings in _SPELLINGS.values() for spelling in spellings)
_HEAD_LINES = 10
#: What stands between the columns of a line of text, the usual one first.
_SEPARATORS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a file keeps what: for each known column its position; `header_lines` stand above the first row (text).

    `separator` stands between the columns of a text, which a parquet file does not have.
    """

    path: Path
    header: tuple[str, ...]
    position: dict[str, int]
    header_lines: int
    separator: str = ","


def layout(path: Path) -> Layout:
    """The layout of a csv or parquet file.

    Raises SourceRefused where there is no such file, or nothing in it that reads as a table of daily bars.
    """
    if path.is_dir():
        raise SourceRefused(f"{path} is a folder; name one csv or parquet file in it")
    if not path.is_file():
        raise SourceRefused(f"there is no file {path}; check the path")
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise SourceRefused(
            f"{path} ends in {path.suffix!r}; a file of bars ends in .csv or .parquet: rename a text file, convert "
            "any other"
        )
    try:
        if not path.stat().st_size:
            raise SourceRefused(f"{path} is empty; a file of bars has a header and at least one row")
        if path.suffix.lower() == ".parquet":
            return _layout(path, tuple(pq.read_schema(path).names), header_lines=0)
        return _csv_layout(path)
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        kind = path.suffix.lower().removeprefix(".")
        raise SourceRefused(f"{path} cannot be read as {kind} ({_first_line(error)}); export it again") from error
    except OSError as error:
        raise SourceRefused(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error


def read_columns(plan: Layout, symbols: tuple[str, ...] | None) -> pa.Table:
    """The known columns under their own names, rows of the given symbols only (None: all rows).

    Columns of a csv are text; parquet keeps its types. Raises SourceRefused where the file cannot be read.
    """
    try:
        table = _read_csv(plan) if plan.header_lines else _read_parquet(plan, symbols)
    except (pa.ArrowException, OSError) as error:
        raise SourceRefused(f"{plan.path} cannot be read ({_first_line(error)}); export it again") from error
    if symbols is None or "symbol" not in plan.position:
        return table
    return table.filter(pc.is_in(texts(plan.path, table["symbol"]), value_set=pa.array(symbols, pa.string())))


def read_symbols(plan: Layout) -> tuple[str, ...]:
    """The symbols in the file, in order of appearance; raises SourceRefused if a row has none."""
    only = Layout(
        path=plan.path,
        header=plan.header,
        position={"symbol": plan.position["symbol"]},
        header_lines=plan.header_lines,
        separator=plan.separator,
    )
    names = texts(plan.path, read_columns(only, None)["symbol"])
    distinct = pc.unique(names).to_pylist()
    if None in distinct or "" in distinct:
        row = names.to_pylist().index(None if None in distinct else "") + 1
        raise SourceRefused(f"{plan.path} names no symbol in row {row}; fill its symbol column in every row")
    return tuple(distinct)


def _csv_layout(path: Path) -> Layout:
    with path.open(encoding="utf-8-sig", newline="") as file:
        top_lines = [line for _, line in zip(range(_HEAD_LINES), file, strict=False)]
        separator = max(_SEPARATORS, key=_naming(next(filter(str.strip, top_lines), "")))
        file.seek(0)
        lines = [line for _, line in zip(range(_HEAD_LINES), csv.reader(file, delimiter=separator), strict=False)]
    filled = [(row, line) for row, line in enumerate(lines) if any(field.strip() for field in line)]
    if not filled:
        raise SourceRefused(f"{path} has no text in its first {_HEAD_LINES} lines; it must begin with a header")
    headers = next((count for count, (_, line) in enumerate(filled) if _is_data(line)), len(filled))
    top, header = filled[0]
    first = ",".join(header)[:80]
    if headers == 0:
        raise SourceRefused(
            f"{path} has no header: its first line is {first!r}; add a line that names the columns, "
            f"{', '.join(REQUIRED)} and the like"
        )
    if headers > 1:
        raise SourceRefused(
            f"{path} has {headers} header lines, the first of them {first!r}; keep one, with the columns' names"
        )
    return replace(_layout(path, tuple(header), header_lines=top + 1), separator=separator)


def _naming(line: str) -> Callable[[str], int]:
    """How many columns that are known a header names, by the separator that it is read with."""
    return lambda separator: sum(name in _KNOWN for name in _plain(next(csv.reader([line], delimiter=separator), [])))


def _layout(path: Path, header: tuple[str, ...], header_lines: int) -> Layout:
    plain = _plain(_unprefixed(header))
    position: dict[str, int] = {}
    for known, spellings in _SPELLINGS.items():
        found = next((spelling for spelling in spellings if spelling in plain), None)
        if found is None and known == "adj_close":
            # One that is spelled yet otherwise must not be left aside: splits would then read as losses.
            found = next((name for name in plain if "adj" in name and "clos" in name), None)
        if found is None:
            continue
        if plain.count(found) > 1:
            raise SourceRefused(f"{path} has {plain.count(found)} columns that read as {known}; keep one of them")
        position[known] = plain.index(found)
    missing = [name for name in REQUIRED if name not in position]
    if missing:
        raise SourceRefused(
            f"{path} has no column {', '.join(missing)}: bars need {', '.join(REQUIRED)} and it has "
            f"{', '.join(header)[:120]}; add or rename columns"
        )
    return Layout(path=path, header=header, position=position, header_lines=header_lines)


def _unprefixed(header: Sequence[str]) -> Sequence[str]:
    """The header without the symbol before each name, as R's quantmod writes it: `SPY.Open`, `SPY.Adjusted`."""
    parts = [name.strip().rpartition(".") for name in header]
    prefixes = {prefix for prefix, dot, name in parts if dot and _plain([name])[0] in _KNOWN}
    prefixed = sum(dot != "" and _plain([name])[0] in _KNOWN for _, dot, name in parts)
    if len(prefixes) != 1 or prefixed < len(REQUIRED) - 1:
        return header
    return [name if prefix in prefixes else whole for whole, (prefix, _, name) in zip(header, parts, strict=True)]


def _plain(header: Sequence[str]) -> list[str]:
    """Column names in lower case, letters and digits only."""
    return ["".join(letter for letter in name.lower() if letter.isalnum()) for name in header]


def _is_data(line: Sequence[str]) -> bool:
    """Whether a line holds values: a field begins like a number or a date, and it does not name the columns."""
    named = sum(name in _KNOWN for name in _plain(line))
    return named < 2 and any(field.strip().lstrip("+-.")[:1].isdigit() for field in line)


def _read_csv(plan: Layout) -> pa.Table:
    names = [str(position) for position in range(len(plan.header))]
    table = arrow_csv.read_csv(
        plan.path,
        read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=plan.header_lines),
        parse_options=arrow_csv.ParseOptions(delimiter=plan.separator, newlines_in_values=False),
        # All as text: guessing types from the first block of a file fails in a later one.
        convert_options=arrow_csv.ConvertOptions(
            include_columns=[str(position) for position in plan.position.values()],
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    return table.rename_columns(list(plan.position))


def _read_parquet(plan: Layout, symbols: tuple[str, ...] | None) -> pa.Table:
    columns = [plan.header[position] for position in plan.position.values()]
    wanted = None
    if symbols is not None and "symbol" in plan.position:
        name = plan.header[plan.position["symbol"]]
        kind = pq.read_schema(plan.path).field(name).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            wanted = pc.field(name).isin(pa.array(symbols, kind))
    # Without `partitioning=None` a folder called year=2020 would add a column.
    table = pq.read_table(plan.path, columns=columns, filters=wanted, partitioning=None).select(columns)
    # Polars writes views, which Arrow can neither compare nor pick from.
    plain = [pa.field(one.name, pa.string() if pa.types.is_string_view(one.type) else one.type) for one in table.schema]
    return table.cast(pa.schema(plain)).rename_columns(list(plan.position))


def _first_line(error: Any) -> str:
    return str(error).strip().split("\n")[0][:120]
