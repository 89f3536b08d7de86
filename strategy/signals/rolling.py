"""Rolling windows over exactly their own rows: no running sums, so a bare window gives identical bits."""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from strategy.market.bars import FloatArray

#: Span of the exponential weights of every volatility, in bars, and the number of returns they cover.
VOLATILITY_SPAN = 60
VOLATILITY_BARS = 126


def rolling(values: FloatArray, lookback_bars: int, reduce: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return `reduce` of every window of `lookback_bars` rows, (T,); NaN until the first full window.

    `reduce` maps (N, lookback_bars) to (N,) row by row.

    >>> rolling(np.array([1.0, 2.0, 4.0]), 2, lambda rows: rows.mean(axis=-1))
    array([nan, 1.5, 3. ])
    """
    result = np.full(len(values), np.nan)
    if len(values) >= lookback_bars:
        result[lookback_bars - 1 :] = reduce(sliding_window_view(values, lookback_bars))
    return result


def mean(values: FloatArray, lookback_bars: int) -> FloatArray:
    """Return the rolling mean, (T,)."""
    return rolling(values, lookback_bars, lambda rows: rows.sum(axis=-1) / lookback_bars)


def deviation(values: FloatArray, lookback_bars: int) -> FloatArray:
    """Return the rolling sample standard deviation, (T,)."""

    def spread(rows: FloatArray) -> FloatArray:
        centred = rows - (rows.sum(axis=-1) / lookback_bars)[:, None]
        result: FloatArray = np.sqrt((centred * centred).sum(axis=-1) / (lookback_bars - 1))
        return result

    return rolling(values, lookback_bars, spread)


def weighted(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the rolling weighted sum, (T,); weights run from the oldest row to the newest."""
    return rolling(values, len(weights), lambda rows: (rows * weights).sum(axis=-1))


def exponential_weights(span_bars: int, lookback_bars: int) -> FloatArray:
    """Return exponential weights of a span (alpha = 2 / (span + 1)), cut to `lookback_bars` rows, that sum to one."""
    decay = 1.0 - 2.0 / (span_bars + 1.0)
    weights = decay ** np.arange(lookback_bars - 1, -1, -1, dtype=np.float64)
    result: FloatArray = weights / weights.sum()
    return result


def change(values: FloatArray, lag_bars: int) -> FloatArray:
    """Return the relative change over `lag_bars` rows, (T,); NaN in the first rows.

    >>> change(np.array([1.0, 2.0, 3.0]), 1)
    array([nan, 1. , 0.5])
    """
    result = np.full(len(values), np.nan)
    result[lag_bars:] = values[lag_bars:] / values[:-lag_bars] - 1.0
    return result


def daily_volatility(close: FloatArray) -> FloatArray:
    """Return the exponentially weighted root mean square of daily returns, (T,), a fraction per bar.

    NaN before 127 closes.

    Zero-mean, as in RiskMetrics (J.P. Morgan 1996), with the weights cut to exactly VOLATILITY_BARS returns.
    """
    returns = change(close, 1)
    weights = exponential_weights(VOLATILITY_SPAN, VOLATILITY_BARS)
    result: FloatArray = np.sqrt(weighted(returns * returns, weights))
    return result


def volatility_before(close: FloatArray) -> FloatArray:
    """Return the daily volatility up to the bar before each, (T,): what is known of it at the bar's open.

    NaN before 128 closes.
    """
    return np.concatenate([[np.nan], daily_volatility(close)[:-1]])


def annual_volatility(close: FloatArray, days_per_year: int) -> FloatArray:
    """Return daily volatility times the square root of the calendar's days per year, (T,)."""
    result: FloatArray = daily_volatility(close) * np.sqrt(float(days_per_year))
    return result
