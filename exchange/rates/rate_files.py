"""Rates from a csv file with the columns `date` and `rate`, as they stand there."""

import csv
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from exchange.ports import SourceRefused
from strategy.account.dated_rates import DatedRate

#: Largest file: a rate a day for a thousand years.
MOST_BYTES = 10_000_000


def rates_in(path: Path) -> tuple[DatedRate, ...]:
    """Return the rates of the file in its order; a rate is a yearly fraction.

    Raises SourceRefused for a file that cannot be read, lacks a column or has it twice, or holds a cell that
    is no date or no number.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceRefused(f"{path} holds {path.stat().st_size:,} bytes; a file of rates may hold {MOST_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceRefused(
            f"{path} is not text in UTF-8; save it as a csv file with the columns date, rate"
        ) from error
    except OSError as error:
        raise SourceRefused(f"{path} cannot be read: {error.strerror}; name a readable file in rates") from error
    rows = csv.DictReader(text.splitlines(), restval="", restkey="")
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not {"date", "rate"} <= names.keys():
        has = ", ".join(str(name) for name in names) or "none"
        raise SourceRefused(f"{path} has the columns {has}; a file of rates has date and rate")
    columns = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    for name in ("date", "rate"):
        if columns.count(name) > 1:
            raise SourceRefused(f"{path} has the column {name} {columns.count(name)} times; keep one of them")
    return tuple(_rate(path, number, row[names["date"]], row[names["rate"]]) for number, row in enumerate(rows, 2))


def _rate(path: Path, line: int, day: str, rate: str) -> DatedRate:
    try:
        number = Decimal(rate.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise SourceRefused(f"{path}, line {line}: rate is {rate[:40]!r}; write a yearly fraction such as 0.05 for 5 %")
    try:
        return DatedRate(day=date.fromisoformat(day.strip()), rate=number)
    except ValueError as error:
        raise SourceRefused(f"{path}, line {line}: date is {day[:40]!r}; write a date such as 2018-12-31") from error
