"""Volatility of a portfolio of symbols."""

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.signals.rolling import VOLATILITY_BARS, VOLATILITY_SPAN, exponential_weights

#: Account dates in the window of a portfolio's volatility.
PORTFOLIO_BARS = VOLATILITY_BARS


#: Most numbers held at once while the volatilities of many dates are computed.
_CHUNK_NUMBERS = 1_000_000


def portfolio_volatilities(
    changes: FloatArray, stops: NDArray[np.int64], budgets: FloatArray, days_per_year: int
) -> FloatArray:
    """Return σₚ, the annualised, exponentially weighted volatility of Σ b·r over the last account dates, (T,).

    `changes` (U, S) are the symbols' returns; the window of a result ends before row `stops` (T,), and `budgets` (T, S)
    are those of its last date. NaN where fewer than PORTFOLIO_BARS rows come before.
    """
    result = np.full(len(stops), np.nan)
    weights = exponential_weights(VOLATILITY_SPAN, PORTFOLIO_BARS)
    full = np.flatnonzero(stops >= PORTFOLIO_BARS)
    most = max(1, _CHUNK_NUMBERS // (PORTFOLIO_BARS * changes.shape[1]))
    for first in range(0, len(full), most):
        at = full[first : first + most]
        rows = stops[at, None] + np.arange(-PORTFOLIO_BARS, 0)
        returns = (changes[rows] * budgets[at, None]).sum(axis=2)
        result[at] = np.sqrt((returns * returns * weights).sum(axis=1) * days_per_year)
    return result
