"""Tail risk of daily returns, and an account beside a benchmark, by the field's standard definitions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strategy.evaluation.sharpe_tests import MIN_DAYS
from strategy.market.bars import FloatArray

#: The level of VaR and CVaR: losses reached on one day in twenty.
LEVEL = 0.95
#: Days of which the worst one is the loss at that level; fewer have no tail.
TAIL_DAYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRisk:
    """Historical value at risk and conditional value at risk of a day at 95 %, as losses: fractions above 0."""

    value_at_risk: float
    conditional_value_at_risk: float


def tail_risk(returns: FloatArray) -> TailRisk | None:
    """Return the tail risk of daily returns (T,); None for fewer than 20.

    VaR is the smallest of the worst T // 20 losses, CVaR (expected shortfall) their mean: no return is interpolated.

    >>> tail_risk(np.arange(-40, 0) / 1000)
    TailRisk(value_at_risk=0.039, conditional_value_at_risk=0.0395)
    """
    count = len(returns) // TAIL_DAYS
    if not count:
        return None
    worst = np.sort(returns)[:count]
    return TailRisk(value_at_risk=-float(worst[-1]), conditional_value_at_risk=-float(worst.mean()))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstDay:
    """A day and its return; `benchmark` is that of the benchmark, None without one."""

    day: date
    change: float
    benchmark: float | None


def worst_days(
    dates: Sequence[date], returns: FloatArray, benchmark: FloatArray | None, most: int = 5
) -> tuple[WorstDay, ...]:
    """Return the days with the lowest returns (T,), the worst first; only losses.

    >>> days = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6)]
    >>> [each.day.isoformat() for each in worst_days(days, np.array([-0.01, 0.02, -0.03]), None)]
    ['2020-01-06', '2020-01-02']
    """
    rows = [int(row) for row in np.argsort(returns, kind="stable")[:most] if returns[row] < 0]
    return tuple(
        WorstDay(
            day=dates[row],
            change=float(returns[row]),
            benchmark=None if benchmark is None else float(benchmark[row]),
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """An account beside its benchmark, on returns above the risk-free rate; a year's figures as fractions.

    `alpha` is Jensen's, a year; `tracking_error` and `information_ratio` are of the differences of the returns, a year;
    the ratio is None if they never differ, `correlation` if the account never varies.
    """

    beta: float
    alpha: float
    correlation: float | None
    tracking_error: float
    information_ratio: float | None


def relative(excess: FloatArray, benchmark: FloatArray, days_per_year: int) -> Relative | None:
    """Return beta, alpha and the like of daily excess returns (T,) against those of a benchmark on the same days (T,).

    beta = cov(z, b) / var(b), alpha = (mean z − beta · mean b) · days a year (Jensen 1968). None if the benchmark moves
    on fewer than 20 days or never varies. Raises ValueError if the shapes differ.

    >>> market = np.tile([0.01, -0.008], 20)
    >>> found = relative(0.5 * market + 0.0001, market, 252)
    >>> round(found.beta, 6), round(found.alpha, 6), round(found.correlation, 6)
    (0.5, 0.0252, 1.0)
    """
    if excess.shape != benchmark.shape:
        raise ValueError(f"returns have shapes {excess.shape} and {benchmark.shape}; give two series of the same days")
    if np.count_nonzero(benchmark) < MIN_DAYS or not _varies(benchmark):
        return None
    ours, theirs = excess - excess.mean(), benchmark - benchmark.mean()
    beta = float(ours @ theirs / (theirs @ theirs))
    apart = excess - benchmark
    error = float(np.std(apart, ddof=1)) * math.sqrt(days_per_year) if _varies(apart) else 0.0
    return Relative(
        beta=beta,
        alpha=float(excess.mean() - beta * benchmark.mean()) * days_per_year,
        correlation=float(np.corrcoef(excess, benchmark)[0, 1]) if _varies(excess) else None,
        tracking_error=error,
        information_ratio=float(apart.mean()) * days_per_year / error if error > 0 else None,
    )


def _varies(series: FloatArray) -> bool:
    """Return whether a series varies by more than rounding errors."""
    return float(np.std(series)) > 1e-12 * max(float(np.max(np.abs(series), initial=0.0)), 1e-300)
