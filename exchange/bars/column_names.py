"""Column names of tables of bars, in the spellings of common programs."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from exchange.ports import OWN, SourceRefused

REQUIRED = ("date", "open", "high", "low", "close")

#: Spellings of each column, in lower case without separators, the most specific first.
_SPELLINGS = {
    "symbol": ("symbol", "ticker"),
    "date": ("date", "datetime", "timestamp", "opentime", "time", "day", "session", "index"),
    "open": ("open", "openprice"),
    "high": ("high", "highprice"),
    "low": ("low", "lowprice"),
    "close": ("close", "closeprice"),
    "volume": ("volume", "vol", "volumetraded", "tradedvolume", "sharestraded", "totaltradequantity"),
    # The R packages tidyquant and quantmod write just `adjusted`.
    "adj_close": ("adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjusted", "adj"),
    "currency": ("currency", "ccy"),
    # Not `delisted`, which some write of the last session and others of the day after it.
    "listed_to": ("listedto", "lastsession"),
}
_KNOWN = frozenset(spelling for spellings in _SPELLINGS.values() for spelling in spellings)
#: Columns of Investing.com's downloads, normalised: the close is called price.
_INVESTING = frozenset({"price", "open", "high", "low", "change"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{8}$")


def positions(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return the position of each known column in the header; raises SourceRefused if one is missing or there twice."""
    plain = _plain(_unprefixed(header))
    shown = ", ".join(name.strip() or "(unnamed)" for name in header)[:120]
    position: dict[str, int] = {}
    for known, spellings in _SPELLINGS.items():
        found = next((spelling for spelling in spellings if spelling in plain), None)
        if found is None and known == "adj_close":
            # Another spelling of adjusted close must not be ignored: splits would then look like losses.
            found = next((name for name in plain if "adj" in name and "clos" in name), None)
        if found is None:
            continue
        if plain.count(found) > 1:
            raise SourceRefused(f"{path} has {plain.count(found)} columns that read as {known}; keep one of them")
        position[known] = plain.index(found)
    missing = [name for name in REQUIRED if name not in position]
    if missing == ["close"] and set(plain) >= _INVESTING:
        raise SourceRefused(
            f"{path} has the columns of Investing.com, {shown}: its Price is the close, its days are "
            "written like 12/31/2018 and its volumes like 0.46M; name Price Close, write dates like 2020-12-31, and "
            "volumes as plain numbers or leave Vol. out"
        )
    if missing:
        raise SourceRefused(
            f"{path} has no column {', '.join(missing)}: bars need {', '.join(REQUIRED)} and it has "
            f"{shown}; add or rename columns"
        )
    return position


def own_columns(header: Sequence[str], position: Mapping[str, int]) -> dict[str, int]:
    """Return the positions of the other columns, each under its name after OWN; those of equal names are left out."""
    names = [name.strip() for name in header]
    return {
        OWN + name: place
        for place, name in enumerate(names)
        if place not in position.values() and name and names.count(name) == 1 and not name.startswith("__")
    }


def with_row_names(header: Sequence[str], row: Sequence[str]) -> tuple[str, ...]:
    """Return the header completed for row names, often dates, for which R and pandas write no column name."""
    names = ["", *header] if len(row) == len(header) + 1 else list(header)
    dated = [number for number, name in enumerate(_plain(names)) if name in _SPELLINGS["date"]]
    if not dated and not names[0].strip():
        names[0], dated = "date", [0]
    told = bool(dated) and dated[0] < len(row) and _DATE.match(row[dated[0]].strip())
    return tuple(names if told else header)


def naming(line: str) -> Callable[[str], int]:
    """Return a function from a separator to the number of known columns that the header line then names."""
    return lambda separator: sum(name in _KNOWN for name in _plain(next(csv.reader([line], delimiter=separator), [])))


def _unprefixed(header: Sequence[str]) -> Sequence[str]:
    """Return the header without a symbol before each name, as R's quantmod writes it: `SPY.Open`, `SPY.Adjusted`."""
    parts = [name.strip().rpartition(".") for name in header]
    prefixes = {prefix for prefix, dot, name in parts if dot and _plain([name])[0] in _KNOWN}
    prefixed = sum(dot != "" and _plain([name])[0] in _KNOWN for _, dot, name in parts)
    if len(prefixes) != 1 or prefixed < len(REQUIRED) - 1:
        return header
    return [name if prefix in prefixes else whole for whole, (prefix, _, name) in zip(header, parts, strict=True)]


def _plain(header: Sequence[str]) -> list[str]:
    """Return the column names in lower case, with letters and digits only."""
    return ["".join(letter for letter in name.lower() if letter.isalnum()) for name in header]


def is_data(line: Sequence[str]) -> bool:
    """Return whether a line holds values: a field begins like a number or a date, and it does not name the columns."""
    named = sum(name in _KNOWN for name in _plain(line))
    return named < 2 and any(field.strip().lstrip("+-.")[:1].isdigit() for field in line)
