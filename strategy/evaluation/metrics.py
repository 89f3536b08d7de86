"""Statistics of an equity curve, by the field's standard definitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.account.risk_free import RiskFree
from strategy.market.bars import FloatArray

#: A return closer than this to that of cash is interest, which the ledger rounds to twelve decimals.
NO_MOVE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Performance of one account, as fractions, not percent; None if undefined (no variation, no time).

    `sharpe` and `sortino` are of returns less the risk-free rate, whose yearly mean over the days is `rate_mean`;
    `sharpe_raw` is of returns as they are. `win_rate` is the fraction of days with a gain among the days on which the
    account made or lost more than its cash alone. `turnover_per_year` is the traded notional over the equity before it,
    summed and annualised.
    """

    total_return: float | None
    cagr: float | None
    annual_vol: float | None
    sharpe: float | None
    sharpe_raw: float | None
    rate_mean: float | None
    sortino: float | None
    max_drawdown: float | None
    win_rate: float | None
    turnover_per_year: float | None

    @property
    def calmar(self) -> float | None:
        """Return the Calmar ratio, growth per year over the deepest drawdown (Young 1991); None without either."""
        if self.cagr is None or not self.max_drawdown:
            return None
        return self.cagr / self.max_drawdown


def metrics(
    equity: Sequence[float] | FloatArray,
    turnover: Sequence[float] | FloatArray,
    days_per_year: int,
    cash: RiskFree | None = None,
) -> Metrics:
    """Return the metrics of an equity (T,) by account date; `turnover` (T,) is each date's traded notional over equity.

    Sharpe and Sortino (Sortino and Price 1994, the risk-free rate as target) are annualised, of returns less those of
    `cash` (None: a rate of 0); deviations are sample deviations. An account that never did more than its cash has
    neither. Raises ValueError if the equity is empty or starts at or below zero, or `cash` covers other days.

    >>> metrics([100.0, 125.0, 93.75], [0.0, 1.0, 1.0], 252).max_drawdown
    0.25
    """
    path = np.asarray(equity, dtype=np.float64)
    if not len(path) or not path[0] > 0:
        raise ValueError("an equity curve needs at least one value and must start above 0")
    days = len(path) - 1
    returns = daily_returns(path)
    excess, moved = _excess(returns, cash), returns[_moving(returns, cash)]
    deviation = float(np.std(returns, ddof=1)) if days > 1 else 0.0
    downside = float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2))) if len(moved) else 0.0
    year = float(np.sqrt(days_per_year))
    growth = float(path[-1] / path[0])
    return Metrics(
        total_return=growth - 1.0,
        cagr=growth ** (days_per_year / days) - 1.0 if days and growth > 0 else None,
        annual_vol=deviation * year if days > 1 else None,
        sharpe=_sharpe(excess, year) if len(moved) else None,
        sharpe_raw=_sharpe(returns, year) if len(moved) else None,
        rate_mean=0.0 if cash is None else cash.mean,
        sortino=float(np.mean(excess)) / downside * year if downside > 0 else None,
        max_drawdown=float(np.max(drawdowns(path))),
        win_rate=float(np.mean(moved > 0)) if len(moved) else None,
        turnover_per_year=float(np.sum(turnover)) * days_per_year / days if days else None,
    )


def _sharpe(returns: FloatArray, year: float) -> float | None:
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / deviation * year if deviation > 0 else None


def excess_returns(equity: FloatArray, cash: RiskFree | None) -> FloatArray:
    """Return the return of each date except the first less the risk-free one, (T - 1,); `cash` None: a rate of 0."""
    return _excess(daily_returns(equity), cash)


def _excess(returns: FloatArray, cash: RiskFree | None) -> FloatArray:
    if cash is None:
        return returns
    _demand_same_days(returns, cash)
    result: FloatArray = returns - cash.returns
    return result


def moving_days(equity: FloatArray, cash: RiskFree | None) -> NDArray[np.bool_]:
    """Return on which dates except the first the account made or lost more than its cash alone, (T - 1,)."""
    return _moving(daily_returns(equity), cash)


def _moving(returns: FloatArray, cash: RiskFree | None) -> NDArray[np.bool_]:
    if cash is None:
        result: NDArray[np.bool_] = returns != 0.0
        return result
    _demand_same_days(returns, cash)
    moving: NDArray[np.bool_] = np.where(cash.idle == 0.0, returns != 0.0, np.abs(returns - cash.idle) > NO_MOVE)
    return moving


def _demand_same_days(returns: FloatArray, cash: RiskFree) -> None:
    if cash.returns.shape != returns.shape:
        raise ValueError(f"the account has {len(returns)} returns and cash {len(cash.returns)}; give the same dates")


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
