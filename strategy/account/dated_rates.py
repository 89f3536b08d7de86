"""Dated interest rates as a source delivers them, and the checks that they must pass before they move money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from strategy.exit_codes import Exit, Remedied

#: Most calendar days between two rates, and after the last: a month's value, with time to be published.
MOST_GAP_DAYS = 45
#: Lowest and highest yearly rate, fractions. Real rates of the last hundred years lie between −1 % and 20 %; a rate in
#: percent lies outside.
LEAST_RATE, MOST_RATE = Decimal("-0.05"), Decimal("0.5")
#: Largest change from one rate to the next: bills moved by 6 points in a month of 1980.
MOST_JUMP = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRate:
    """A yearly rate, a fraction, and the date from which it applies."""

    day: date
    rate: Decimal


class RateFault(StrEnum):
    """Fault of a series of rates, for code that branches on it."""

    EMPTY = "empty"
    ORDER = "order"
    TWICE = "twice"
    LEVEL = "level"
    JUMP = "jump"
    GAP = "gap"
    CHANGED = "changed"


class RatesRefused(Remedied):
    """A series of rates that the data gate refuses (exit 3)."""

    exit_code = Exit.DATA

    def __init__(self, fault: RateFault, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.fault = fault


def demand_sound(name: str, rates: Sequence[DatedRate]) -> None:
    """Raise RatesRefused for a series that is empty or unsorted, has a date twice, a gap, a jump, or a rate in percent.

    Negative rates are real.

    >>> demand_sound("rates.csv", [DatedRate(day=date(2020, 1, 1), rate=Decimal("-0.004"))])
    >>> demand_sound("rates.csv", [DatedRate(day=date(2020, 1, 1), rate=Decimal("1.5"))])
    Traceback (most recent call last):
    ...
    strategy.account.dated_rates.RatesRefused: rates.csv has the rate 1.5 on 2020-01-01, outside -0.05 to 0.5; ...
    """
    if not rates:
        raise RatesRefused(RateFault.EMPTY, f"{name} has no rate", "give at least one row of a date and a rate")
    for rate in rates:
        if not LEAST_RATE <= rate.rate <= MOST_RATE:
            raise RatesRefused(
                RateFault.LEVEL,
                f"{name} has the rate {rate.rate} on {rate.day}, outside {LEAST_RATE} to {MOST_RATE}",
                "a rate is a yearly fraction, 0.05 for 5 %; divide rates in percent by 100",
            )
    for before, after in pairwise(rates):
        _demand_next(name, before, after)


def _demand_next(name: str, before: DatedRate, after: DatedRate) -> None:
    if after.day == before.day:
        raise RatesRefused(RateFault.TWICE, f"{name} has {after.day} twice", "keep one rate for each date")
    if after.day < before.day:
        raise RatesRefused(RateFault.ORDER, f"{name} has {after.day} after {before.day}", "sort it by date")
    gap = (after.day - before.day).days
    if gap > MOST_GAP_DAYS:
        raise RatesRefused(
            RateFault.GAP,
            f"{name} has no rate for {gap} days, from {before.day} to {after.day}, and {MOST_GAP_DAYS} are allowed",
            "add the missing rates, or begin after the gap",
        )
    if abs(after.rate - before.rate) > MOST_JUMP:
        raise RatesRefused(
            RateFault.JUMP,
            f"{name} jumps from {before.rate} on {before.day} to {after.rate} on {after.day}, by more than {MOST_JUMP}",
            "correct the wrong one of the two; rates are yearly fractions throughout, 0.05 for 5 %",
        )
