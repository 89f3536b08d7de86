"""Statistics of an equity curve, by the field's standard definitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Performance of one account, as fractions, not percent; None if undefined (no variation, no time).

    `win_rate` is the fraction of days with a gain among the days with a gain or a loss. `turnover_per_year` is the
    traded notional over the equity before it, summed and annualised.
    """

    total_return: float | None
    cagr: float | None
    annual_vol: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    win_rate: float | None
    turnover_per_year: float | None


def metrics(
    equity: Sequence[float] | FloatArray, turnover: Sequence[float] | FloatArray, days_per_year: int
) -> Metrics:
    """Return the metrics of an equity (T,) by account date; `turnover` (T,) is each date's traded notional over equity.

    Sharpe and Sortino (Sortino and Price 1994, target 0) are annualised with a risk-free rate of 0; deviations are
    sample deviations. Raises ValueError if the equity is empty or starts at or below zero.

    >>> metrics([100.0, 125.0, 93.75], [0.0, 1.0, 1.0], 252).max_drawdown
    0.25
    """
    path = np.asarray(equity, dtype=np.float64)
    if not len(path) or not path[0] > 0:
        raise ValueError("an equity curve needs at least one value and must start above 0")
    days = len(path) - 1
    returns = daily_returns(path)
    moved = returns[returns != 0.0]
    deviation = float(np.std(returns, ddof=1)) if days > 1 else 0.0
    downside = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))) if days else 0.0
    average, year = float(np.mean(returns)) if days else 0.0, float(np.sqrt(days_per_year))
    growth = float(path[-1] / path[0])
    return Metrics(
        total_return=growth - 1.0,
        cagr=growth ** (days_per_year / days) - 1.0 if days and growth > 0 else None,
        annual_vol=deviation * year if days > 1 else None,
        sharpe=average / deviation * year if deviation > 0 else None,
        sortino=average / downside * year if downside > 0 else None,
        max_drawdown=float(np.max(drawdowns(path))),
        win_rate=float(np.mean(moved > 0)) if len(moved) else None,
        turnover_per_year=float(np.sum(turnover)) * days_per_year / days if days else None,
    )


def daily_returns(equity: FloatArray) -> FloatArray:
    """Return the return of each date except the first, (T - 1,), of an equity (T,) that starts above 0.

    If equity ever falls to 0 or below, all changes are divided by the highest equity so far, to avoid a division by 0.

    >>> daily_returns(np.array([100.0, 80.0, 120.0])), daily_returns(np.array([100.0, 80.0, 0.0, 0.0]))
    (array([-0.2,  0.5]), array([-0.2, -0.8,  0. ]))
    """
    if (equity > 0).all():
        result: FloatArray = equity[1:] / equity[:-1] - 1.0
        return result
    lost: FloatArray = np.diff(equity) / np.maximum.accumulate(equity)[:-1]
    return lost


def drawdowns(equity: FloatArray) -> FloatArray:
    """Return the distance below the highest value so far, as a fraction of it, (T,).

    >>> drawdowns(np.array([100.0, 80.0, 120.0]))
    array([0. , 0.2, 0. ])
    """
    peak = np.maximum.accumulate(equity)
    result: FloatArray = 1.0 - equity / peak
    return result
