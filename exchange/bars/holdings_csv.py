"""Positions from a csv file: what an account holds elsewhere, to be transferred into one of the ledger."""

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path

from exchange.ports import SourceRefused
from strategy.account.cash_flows import Holding
from strategy.account.money import LARGEST, quantised

COLUMNS = ("symbol", "quantity")
_SEPARATORS = (",", ";", "\t")
#: Most positions in a file.
MOST_ROWS = 5_000


def read_holdings(path: Path) -> tuple[Holding, ...]:
    """Read the positions, sorted by symbol, from columns symbol, quantity and, if there is one, cost (of a unit).

    Columns are separated by a comma, semicolon or tab; other columns are not read.
    Raises SourceRefused if the file cannot be read, lacks a column or has one of prices, or if a row is no position or
    its symbol is named twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            separator = _separator(file.readline())
            file.seek(0)
            reader = csv.DictReader(file, delimiter=separator)
            rows = [row for row, _ in zip(reader, range(MOST_ROWS + 1), strict=False)]
            header = [name.strip().lower() for name in reader.fieldnames or ()]
    except OSError as error:
        raise SourceRefused(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceRefused(f"{path} cannot be read as csv ({error}); check its encoding") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing or not rows or len(rows) > MOST_ROWS:
        what = (
            f"has no column {missing[0]!r}" if missing else "has no row" if not rows else f"has over {MOST_ROWS} rows"
        )
        raise SourceRefused(f"{path} {what}; positions have the columns symbol, quantity and, if you like, cost")
    strange = [name for name in header if "price" in name]
    if strange:
        raise SourceRefused(
            f"{path} has a column {strange[0]!r}, which is not read: positions are valued at the close; call it cost "
            "if it is what a unit had cost, or leave it out"
        )
    holdings: dict[str, Holding] = {}
    for number, row in enumerate(rows, start=2):
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name is not None}
        symbol = cells["symbol"]
        if not symbol or symbol in holdings:
            what = f"names {symbol} twice, the second time" if symbol else "names no symbol"
            raise SourceRefused(f"{path} {what} in line {number}; give each symbol one line")
        cost = cells.get("cost", "")
        holdings[symbol] = Holding(
            symbol=symbol,
            quantity=_positive(path, number, "quantity", cells["quantity"]),
            cost=_positive(path, number, "cost", cost) if cost else None,
        )
    return tuple(holdings[symbol] for symbol in sorted(holdings))


def _separator(line: str) -> str:
    """Return the separator of columns with which the header line names most of those that are read."""
    return max(_SEPARATORS, key=lambda one: sum(cell.strip(' "\r\n').lower() in COLUMNS for cell in line.split(one)))


def _positive(path: Path, number: int, name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
        if value.is_finite() and 0 < value < LARGEST and quantised(value) == value:
            return value
    except InvalidOperation:
        pass
    raise SourceRefused(
        f"{path}, line {number}: {name} is {text!r}; it must be a number above 0 with at most twelve decimals"
    )
