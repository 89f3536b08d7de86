"""Pairs of accounts that are equally good, with the daily returns that real ones have."""

import numpy as np

from strategy.market.bars import FloatArray


def universe(seed: int, days: int = 300, autocorrelation: float = 0.1) -> FloatArray:
    """Two correlated accounts of the same Sharpe ratio, (2, days): fat tails, clustered volatility, autocorrelation."""
    random = np.random.default_rng(seed)
    shocks = random.standard_t(5, size=(2, days))
    shocks[1] = 0.7 * shocks[0] + 0.7 * shocks[1]
    level = np.zeros(days)
    for t in range(1, days):
        level[t] = 0.97 * level[t - 1] + 0.15 * random.standard_normal()
    shocks *= np.exp(level)
    for t in range(1, days):
        shocks[:, t] += autocorrelation * shocks[:, t - 1]
    result: FloatArray = 0.01 * shocks / shocks.std(axis=1, keepdims=True)
    return result
