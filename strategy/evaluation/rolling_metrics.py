"""Rolling statistics of an account over the days up to each of its days."""

import numpy as np

from strategy.account.risk_free import RiskFree
from strategy.market.bars import FloatArray
from strategy.signals.rolling import change, deviation, mean

#: Deviation of daily returns, 0.1 % a year, of an account that earns its interest and nothing else: over more days or
#: fewer since the last, always a little less than the risk-free rate, which is no Sharpe ratio of -20.
STILL = 6e-5


def rolling_sharpe(
    equity: FloatArray, lookback_days: int, days_per_year: int, cash: RiskFree | None = None
) -> FloatArray:
    """Return the annualised Sharpe ratio of the last `lookback_days` returns less those of cash, (T,); None: of 0.

    NaN where there are fewer returns, where they vary by no more than STILL and where no equity was left.

    >>> rolling_sharpe(np.array([100.0, 101.0, 104.03, 104.03]), 2, 252)
    array([       nan,        nan, 22.4...,  11.2...])
    """
    returns = _returns(equity)
    if cash is not None:
        returns[1:] -= cash.returns
    spread = deviation(returns, lookback_days)
    spread = np.where(spread > STILL, spread, np.nan)
    result: FloatArray = mean(returns, lookback_days) / spread * np.sqrt(days_per_year)
    return result


def rolling_beta(
    equity: FloatArray, benchmark: FloatArray, lookback_days: int, cash: RiskFree | None = None
) -> FloatArray:
    """Return the beta of the last `lookback_days` returns less those of cash to the benchmark's, (T,); None: of 0.

    NaN where there are fewer returns, where the benchmark's do not vary and where no equity was left.

    >>> market = np.array([100.0, 101.0, 99.99, 102.0])
    >>> rolling_beta(market, market, 3)
    array([nan, nan, nan,  1.])
    """
    ours, theirs = _returns(equity), _returns(benchmark)
    if cash is not None:
        ours[1:] -= cash.returns
        theirs[1:] -= cash.returns
    together = mean(ours * theirs, lookback_days) - mean(ours, lookback_days) * mean(theirs, lookback_days)
    # Equal returns give a deviation that is only rounding error.
    spread = deviation(theirs, lookback_days)
    spread = np.where(spread > 1e-12, spread, np.nan)
    result: FloatArray = together / (spread**2 * (lookback_days - 1) / lookback_days)
    return result


def rolling_volatility(equity: FloatArray, lookback_days: int, days_per_year: int) -> FloatArray:
    """Return the annualised sample deviation of the last `lookback_days` returns, (T,), a fraction; NaN before."""
    result: FloatArray = deviation(_returns(equity), lookback_days) * np.sqrt(days_per_year)
    return result


def rolling_turnover(turnover: FloatArray, lookback_days: int, days_per_year: int) -> FloatArray:
    """Return the turnover over equity of the last `lookback_days`, annualised, (T,); NaN before."""
    result: FloatArray = mean(turnover, lookback_days) * days_per_year
    return result


def _returns(equity: FloatArray) -> FloatArray:
    """Return the relative changes, (T,); NaN on and after a day on which no equity was left."""
    return change(np.where(equity > 0, equity, np.nan), 1)


def longest_underwater(equity: FloatArray) -> int:
    """Return the largest number of consecutive days below an earlier high.

    >>> longest_underwater(np.array([100.0, 90.0, 95.0, 100.0, 99.0]))
    2
    """
    under = equity < np.maximum.accumulate(equity)
    surface = np.flatnonzero(~np.concatenate([[False], under, [False]]))
    return int(np.max(np.diff(surface)) - 1)
