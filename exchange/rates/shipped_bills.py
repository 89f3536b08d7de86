"""Yields of one-month Treasury bills, 1926 to November 2018: the risk-free rate of French's data in `arch`."""

from calendar import monthrange
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from exchange.ports import SourceRefused
from strategy.account.dated_rates import DatedRate

_FILE = "data/frenchdata/frenchdata.csv.gz"
_PLACES = Decimal("1e-12")


def bills() -> tuple[DatedRate, ...]:
    """Return the rate of each month, dated to its first day; the last one again on the last day that it is for.

    The data has percent a month, x; a year has (1 + x / 100)¹² − 1. Raises SourceRefused without the package.
    """
    # Importing arch only for its path would take a second.
    spec = find_spec("arch")
    if spec is None or not spec.submodule_search_locations:
        raise SourceRefused("the package arch, which carries the bills, is not installed; install requirements.lock")
    path = Path(spec.submodule_search_locations[0]) / _FILE
    table = pd.read_csv(path, usecols=["Date", "RF"], dtype=str)
    months = [(int(month[:4]), int(month[4:])) for month in table["Date"]]
    rates = [yearly(Decimal(text)) for text in table["RF"]]
    last = date(*months[-1], monthrange(*months[-1])[1])
    return (
        *(DatedRate(day=date(*month, 1), rate=rate) for month, rate in zip(months, rates, strict=True)),
        DatedRate(day=last, rate=rates[-1]),
    )


def yearly(percent_a_month: Decimal) -> Decimal:
    """Return the yearly fraction that compounds from percent a month.

    >>> yearly(Decimal("0.18"))
    Decimal('0.021815128251')
    """
    return ((1 + percent_a_month / 100) ** 12 - 1).quantize(_PLACES)
