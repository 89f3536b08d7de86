"""Universe of a source from a csv file: its symbols, and the spans in which each belonged to it."""

import csv
from datetime import date
from itertools import pairwise
from pathlib import Path

from exchange.ports import SourceRefused
from strategy.market.instruments import Membership

COLUMNS = ("symbol", "from", "to")


def read_universe(path: Path) -> dict[str, tuple[Membership, ...]]:
    """Read the spans of each symbol, oldest first, from columns symbol, from and to (empty: until today).

    Raises SourceRefused if the file cannot be read or lacks a column, or if a row is not a span or overlaps another.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [(number, row) for number, row in enumerate(reader, start=2)]
            header = [name.strip().lower() for name in reader.fieldnames or ()]
    except OSError as error:
        raise SourceRefused(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceRefused(f"{path} cannot be read as csv ({error}); check its encoding") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing or not rows:
        what = f"has no column {missing[0]!r}" if missing else "has no row"
        raise SourceRefused(f"{path} {what}; a universe has the columns symbol, from and to")
    spans: dict[str, list[Membership]] = {}
    for number, row in rows:
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name is not None}
        spans.setdefault(_symbol(path, number, cells), []).append(_span(path, number, cells))
    return {symbol: _in_order(path, symbol, found) for symbol, found in spans.items()}


def _symbol(path: Path, number: int, cells: dict[str, str]) -> str:
    if not cells["symbol"]:
        raise SourceRefused(f"{path} names no symbol in line {number}; fill it in")
    return cells["symbol"]


def _span(path: Path, number: int, cells: dict[str, str]) -> Membership:
    try:
        last = date.fromisoformat(cells["to"]) if cells["to"] else None
        return Membership(first=date.fromisoformat(cells["from"]), last=last)
    except ValueError as error:
        raise SourceRefused(
            f"{path}, line {number}: {error}; write dates as 2018-12-31, the earlier one first"
        ) from error


def _in_order(path: Path, symbol: str, spans: list[Membership]) -> tuple[Membership, ...]:
    ordered = sorted(spans, key=lambda span: span.first)
    for span, after in pairwise(ordered):
        if span.last is None or after.first <= span.last:
            raise SourceRefused(
                f"{path}: {symbol} belongs from {span.first} to {span.last or 'today'} and again from {after.first}; "
                "let spans not overlap"
            )
    return tuple(ordered)
