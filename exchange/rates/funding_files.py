"""Funding of perpetual futures from a csv file with the columns `symbol`, `time`, `rate` and, optionally, `mark`."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from re import fullmatch

from exchange.ports import SourceRefused
from strategy.market.funding_rates import FundingRate

#: Largest file: three payments a day of a thousand symbols for a decade.
MOST_BYTES = 500_000_000
REQUIRED = ("symbol", "time", "rate")
_MARK = "mark"
_SHOWN = 5


def funding_in(path: Path, symbols: Collection[str]) -> dict[str, tuple[FundingRate, ...]]:
    """Return the payments of each symbol in the order of the file; a rate is a fraction that longs pay if positive.

    A time is an instant such as 2024-01-02T08:00:00Z, without a zone in UTC, or its milliseconds since 1970.
    Raises SourceRefused for a file that cannot be read, lacks a column or has it twice, holds a cell that is no time or
    no number, or has no row of a symbol.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceRefused(
                f"{path} holds {path.stat().st_size:,} bytes; a file of funding rates may hold {MOST_BYTES:,}"
            )
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _found(path, csv.reader(file), symbols)
    except UnicodeDecodeError as error:
        raise SourceRefused(
            f"{path} is not text in UTF-8; save it as a csv file with the columns {', '.join(REQUIRED)}"
        ) from error
    except csv.Error as error:
        raise SourceRefused(f"{path} cannot be read as csv ({error}); check its quotes") from error
    except OSError as error:
        raise SourceRefused(f"{path} cannot be read: {error.strerror}; name a readable file in funding") from error


def _found(path: Path, lines: Iterator[list[str]], symbols: Collection[str]) -> dict[str, tuple[FundingRate, ...]]:
    header = [name.strip().lower() for name in next(lines, [])]
    position = _positions(path, header)
    found: dict[str, list[FundingRate]] = {symbol: [] for symbol in symbols}
    others: dict[str, None] = {}
    for number, line in enumerate(lines, 2):
        cells = {name: line[at].strip() if at < len(line) else "" for name, at in position.items()}
        if not any(cells.values()):
            continue
        rates = found.get(cells["symbol"])
        if rates is None:
            others[cells["symbol"]] = None
        else:
            rates.append(_rate(path, number, cells))
    lacking = [symbol for symbol, series in found.items() if not series]
    if lacking:
        held = [*(symbol for symbol, series in found.items() if series), *others]
        raise SourceRefused(
            f"{path} has no funding rate of {lacking[0]}; it holds {_listed(held)}; add its rows, or state in "
            "instruments.toml that it is no perpetual"
        )
    return {symbol: tuple(series) for symbol, series in found.items()}


def _listed(symbols: Iterable[str]) -> str:
    names = list(symbols)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "no row"


def _positions(path: Path, header: list[str]) -> dict[str, int]:
    """Return where each column stands. Raises SourceRefused if one is missing or there twice."""
    for name in (*REQUIRED, _MARK):
        if header.count(name) > 1:
            raise SourceRefused(f"{path} has the column {name} {header.count(name)} times; keep one of them")
        if name in REQUIRED and name not in header:
            raise SourceRefused(
                f"{path} has the columns {', '.join(filter(None, header)) or 'none'}; a file of funding rates has "
                f"{', '.join(REQUIRED)} and, where it is known, {_MARK}"
            )
    return {name: header.index(name) for name in (*REQUIRED, _MARK) if name in header}


def _rate(path: Path, line: int, cells: Mapping[str, str]) -> FundingRate:
    rate = _number(cells["rate"])
    if rate is None:
        raise SourceRefused(
            f"{path}, line {line}: rate is {cells['rate'][:40]!r}; write a fraction such as 0.0001 for 0.01 %"
        )
    mark = _number(cells[_MARK]) if cells.get(_MARK) else None
    if cells.get(_MARK) and mark is None:
        raise SourceRefused(
            f"{path}, line {line}: mark is {cells[_MARK][:40]!r}; write the price of a unit, or leave it empty"
        )
    try:
        return FundingRate(at=_instant(cells["time"]), rate=rate, mark=mark)
    except (ValueError, OverflowError) as error:
        raise SourceRefused(
            f"{path}, line {line}: time is {cells['time'][:40]!r}; write an instant in UTC such as 2024-01-02T08:00:00Z"
        ) from error


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _instant(text: str) -> datetime:
    """Return the instant. Raises ValueError for what is none."""
    if fullmatch(r"\d{12,14}", text):
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
