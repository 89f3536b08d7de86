"""Crises of the stock market: what an account did in each that its days cover."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strategy.evaluation.metrics import drawdowns
from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Crisis:
    """A fall of the S&P 500: its name, and the days of the high close and of the low close."""

    name: str
    start: date
    end: date


#: The falls that tear sheets of the field show, from the S&P 500's high close to its low close (no dividends).
CRISES = (
    Crisis(name="Oil crisis", start=date(1973, 1, 11), end=date(1974, 10, 3)),
    Crisis(name="Black Monday", start=date(1987, 8, 25), end=date(1987, 12, 4)),
    Crisis(name="Gulf War", start=date(1990, 7, 16), end=date(1990, 10, 11)),
    Crisis(name="Russia and LTCM", start=date(1998, 7, 17), end=date(1998, 8, 31)),
    Crisis(name="Dot-com", start=date(2000, 3, 24), end=date(2002, 10, 9)),
    Crisis(name="Financial crisis", start=date(2007, 10, 9), end=date(2009, 3, 9)),
    Crisis(name="Euro and downgrade", start=date(2011, 4, 29), end=date(2011, 10, 3)),
    Crisis(name="China and oil", start=date(2015, 5, 21), end=date(2016, 2, 11)),
    Crisis(name="Fourth quarter 2018", start=date(2018, 9, 20), end=date(2018, 12, 24)),
    Crisis(name="Pandemic", start=date(2020, 2, 19), end=date(2020, 3, 23)),
    Crisis(name="Rate rises", start=date(2022, 1, 3), end=date(2022, 10, 12)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrisisResult:
    """An account in a crisis: its return and its deepest drawdown from the close of the first day to the last.

    Fractions; `benchmark_return` is None without a benchmark.
    """

    crisis: Crisis
    total_return: float
    max_drawdown: float
    benchmark_return: float | None


def crisis_results(dates: Sequence[date], equity: FloatArray, benchmark: FloatArray | None) -> tuple[CrisisResult, ...]:
    """Return what an equity (T,) did in each crisis between its first and last day, both ends of the crisis included.

    A day without a close counts with the last one before. An equity that is not above 0 at a crisis' start has none.

    >>> days = [date(2020, 2, 19), date(2020, 3, 2), date(2020, 3, 24)]
    >>> [result.crisis.name for result in crisis_results(days, np.array([100.0, 80.0, 90.0]), None)]
    ['Pandemic']
    """
    results = []
    for crisis in CRISES:
        if not dates or crisis.start < dates[0] or crisis.end > dates[-1]:
            continue
        first, last = bisect_right(dates, crisis.start) - 1, bisect_right(dates, crisis.end) - 1
        path = equity[first : last + 1]
        if not path[0] > 0:
            continue
        rival = None if benchmark is None or not benchmark[first] > 0 else benchmark[first : last + 1]
        results.append(
            CrisisResult(
                crisis=crisis,
                total_return=float(path[-1] / path[0]) - 1.0,
                max_drawdown=float(np.max(drawdowns(path))),
                benchmark_return=None if rival is None else float(rival[-1] / rival[0]) - 1.0,
            )
        )
    return tuple(results)
