"""Tables of bars in csv and parquet files: their layout, and the columns to read."""

import codecs
import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from exchange.bars.cells import holds_numbers, texts
from exchange.bars.column_names import REQUIRED, is_data, naming, own_columns, positions, with_row_names
from exchange.ports import SourceRefused

_HEAD_LINES = 10
#: Separators between the columns of a line of text, the usual one first.
_SEPARATORS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Layout of a file: the positions of known and, after OWN, other columns, and the lines before the first row (csv).

    `separator` separates the columns of a csv, which is in `encoding`; a parquet file has neither.
    """

    path: Path
    header: tuple[str, ...]
    position: dict[str, int]
    header_lines: int
    separator: str = ","
    encoding: str = "utf-8"


def layout(path: Path) -> Layout:
    """Return the layout of a csv or parquet file.

    Raises SourceRefused if there is no such file, or it does not hold a table of daily bars.
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
            return _parquet_layout(path)
        return _csv_layout(path)
    except (pa.ArrowException, UnicodeError, csv.Error) as error:
        kind = path.suffix.lower().removeprefix(".")
        remedy = "save it as UTF-8" if isinstance(error, UnicodeError) else "export it again"
        raise SourceRefused(f"{path} cannot be read as {kind} ({_first_line(error)}); {remedy}") from error
    except OSError as error:
        raise SourceRefused(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error


def _parquet_layout(path: Path) -> Layout:
    schema = pq.read_schema(path)
    header = tuple(schema.names)
    known = positions(path, header)
    # A dot would be read as the path of a nested column.
    own = {
        name: place
        for name, place in own_columns(header, known).items()
        if holds_numbers(schema.field(place).type) and "." not in name
    }
    return Layout(path=path, header=header, position={**known, **own}, header_lines=0)


def read_columns(plan: Layout, symbols: tuple[str, ...] | None) -> pa.Table:
    """Read the columns under the names of their positions, only rows of the given symbols (None: all rows).

    Columns of a csv are text; parquet keeps its types. Raises SourceRefused if the file cannot be read.
    """
    try:
        table = _read_csv(plan) if plan.header_lines else _read_parquet(plan, symbols)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise SourceRefused(f"{plan.path} cannot be read ({_first_line(error)}); export it again") from error
    if symbols is None or "symbol" not in plan.position:
        return table
    return table.filter(pc.is_in(texts(plan.path, table["symbol"]), value_set=pa.array(symbols, pa.string())))


def read_symbols(plan: Layout) -> tuple[str, ...]:
    """Return the symbols in the file, in order of appearance; raises SourceRefused if a row has none."""
    only = replace(plan, position={"symbol": plan.position["symbol"]})
    names = texts(plan.path, read_columns(only, None)["symbol"])
    distinct = pc.unique(names).to_pylist()
    if None in distinct or "" in distinct:
        row = names.to_pylist().index(None if None in distinct else "") + 1
        raise SourceRefused(f"{plan.path} names no symbol in row {row}; fill its symbol column in every row")
    return tuple(distinct)


def _csv_layout(path: Path) -> Layout:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        top_lines = [line for _, line in zip(range(_HEAD_LINES), file, strict=False)]
        separator = max(_SEPARATORS, key=naming(next(filter(str.strip, top_lines), "")))
        file.seek(0)
        lines = [line for _, line in zip(range(_HEAD_LINES), csv.reader(file, delimiter=separator), strict=False)]
    filled = [(row, line) for row, line in enumerate(lines) if any(field.strip() for field in line)]
    if not filled:
        raise SourceRefused(f"{path} has no text in its first {_HEAD_LINES} lines; it must begin with a header")
    headers = next((count for count, (_, line) in enumerate(filled) if is_data(line)), len(filled))
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
    named = with_row_names(header, filled[1][1] if len(filled) > 1 else [])
    known = positions(path, named)
    return Layout(
        path=path,
        header=named,
        position={**known, **own_columns(named, known)},
        header_lines=top + 1,
        separator=separator,
        encoding=encoding,
    )


def _encoding(path: Path) -> str:
    """Return UTF-16, as Excel writes it, if the file starts with its byte order mark, else UTF-8.

    Raises SourceRefused for zero bytes without that mark.
    """
    with path.open("rb") as file:
        top = file.read(1_000)
    if top.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in top:
        raise SourceRefused(
            f"{path} cannot be read as csv (it holds zero bytes, as UTF-16 without its mark does); save it as UTF-8"
        )
    return "utf-8-sig"


def _read_csv(plan: Layout) -> pa.Table:
    names = [str(position) for position in range(len(plan.header))]
    table = arrow_csv.read_csv(
        plan.path,
        read_options=arrow_csv.ReadOptions(
            column_names=names, skip_rows=plan.header_lines, encoding=plan.encoding.removesuffix("-sig")
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=plan.separator, newlines_in_values=False),
        # Everything as text: types guessed from the first block of a file fail in a later one.
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
    # Without `partitioning=None`, a folder called year=2020 would add a column.
    table = pq.read_table(plan.path, columns=columns, filters=wanted, partitioning=None).select(columns)
    # Polars writes string views, which Arrow can neither compare nor filter.
    plain = [
        pa.field(field.name, pa.string() if pa.types.is_string_view(field.type) else field.type)
        for field in table.schema
    ]
    return table.cast(pa.schema(plain)).rename_columns(list(plan.position))


def _first_line(error: Any) -> str:
    return str(error).strip().split("\n")[0][:120]
