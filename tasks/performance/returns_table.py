"""The returns of an account and its benchmarks side by side: their ends, their tails and how often they won."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from strategy.evaluation.metrics import daily_returns
from strategy.evaluation.risk import LEVEL, tail_risk
from strategy.evaluation.rolling_metrics import longest_underwater
from strategy.evaluation.sharpe import sample
from strategy.market.bars import FloatArray
from tasks.report.backtest_tables import monthly_returns, yearly_returns
from tasks.report.charts import Line
from tasks.report.markup import ABSENT, Table, figure, share
from tasks.report.scales import signed_percent

#: Spans in which returns are compounded, by the months of each.
_SPANS = {"month": 1, "quarter": 3, "year": 12}


def returns_table(dates: Sequence[date], lines: Sequence[Line]) -> Table:
    """Return the statistics of daily, monthly, quarterly and yearly returns, one column per line of equity.

    What a line that fell to 0 or has too few days leaves undefined is a dash.
    """
    labels = tuple(line.label for line in lines)
    columns = [dict(_statistics(dates, np.array(line.values))) for line in lines]
    return Table(
        heading="Returns of days, months, quarters and years",
        columns=("", *labels),
        numbers=frozenset(labels),
        rows=tuple((name, *(column[name] for column in columns)) for name in columns[0]),
    )


def _statistics(dates: Sequence[date], equity: FloatArray) -> list[tuple[str, str]]:
    days = daily_returns(equity)
    spans = {name: np.array(period_returns(dates, equity, months)) for name, months in _SPANS.items()}
    months, tail = spans["month"], tail_risk(days)
    shape = sample(days) if len(days) > 1 and np.std(days, ddof=1) > 0 else None
    return [
        ("Best day", _of(days, np.max)),
        ("Worst day", _of(days, np.min)),
        ("Best month", _of(months, np.max)),
        ("Worst month", _of(months, np.min)),
        ("Mean of months that gained", _of(months[months > 0], np.mean)),
        ("Mean of months that lost", _of(months[months < 0], np.mean)),
        *((f"{name.capitalize()}s won", _won(returns)) for name, returns in spans.items()),
        ("Most days won in a row", f"{longest_run(days > 0):,}"),
        ("Most days lost in a row", f"{longest_run(days < 0):,}"),
        (f"VaR of a day, {LEVEL:.0%}", share(tail.value_at_risk if tail else None)),
        (f"CVaR of a day, {LEVEL:.0%}", share(tail.conditional_value_at_risk if tail else None)),
        ("Skewness", figure(shape.skewness if shape else None)),
        ("Kurtosis (normal: 3)", figure(shape.kurtosis if shape else None)),
        ("Longest under water, account days", f"{longest_underwater(equity):,}"),
    ]


def _of(returns: FloatArray, statistic: Callable[[FloatArray], float]) -> str:
    """Return a statistic of returns in percent; a dash if there are none, or one has no equity to start from."""
    return signed_percent(float(statistic(returns))) if len(returns) and np.isfinite(returns).all() else ABSENT


def _won(returns: FloatArray) -> str:
    """Return the share of periods that gained, and how many of how many they are."""
    won = int((returns > 0).sum())
    return f"{share(won / len(returns))}, {won:,} of {len(returns):,}" if np.isfinite(returns).all() else ABSENT


def period_returns(dates: Sequence[date], equity: FloatArray, months: int) -> list[float]:
    """Return the return of each span of so many calendar months of a year, which divide 12, in order.

    The first and the last span hold what the dates hold of them.

    >>> days = [date(2020, 1, 31), date(2020, 3, 31), date(2020, 6, 30)]
    >>> [round(each, 9) for each in period_returns(days, np.array([100.0, 110.0, 99.0]), 3)]
    [0.1, -0.1]
    """
    monthly = monthly_returns(dates, equity.tolist())
    if months == _SPANS["month"]:
        return list(monthly.values())
    if months == _SPANS["year"]:
        return list(yearly_returns(monthly).values())
    spans = groupby(monthly.items(), key=lambda item: (item[0][0], (item[0][1] - 1) // months))
    return [float(np.prod([1 + value for _, value in span])) - 1 for _, span in spans]


def longest_run(days: NDArray[np.bool_]) -> int:
    """Return the largest number of days in a row that are true.

    >>> longest_run(np.array([True, True, False, True]))
    2
    """
    return max((len(list(run)) for true, run in groupby(days.tolist()) if true), default=0)
