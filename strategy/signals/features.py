"""Features of the network: fifteen causal, scale-free numbers per bar."""

import numpy as np

from strategy.market.bars import FloatArray
from strategy.signals.indicators import RSI_MIDPOINT, rsi
from strategy.signals.rolling import change, daily_volatility, exponential_weights, rolling, weighted

MOMENTUM_BARS = (5, 21, 63, 126, 252)
MACD_BARS = ((8, 24), (16, 48), (32, 96))

#: Names of the columns, in order. Weights are tied to this list: a network trained on another one is refused.
FEATURES: tuple[str, ...] = (
    "return",
    *(f"momentum_{lag}" for lag in MOMENTUM_BARS),
    *(f"macd_{fast}_{slow}" for fast, slow in MACD_BARS),
    "rsi_14",
    "average_gap_20_50",
    "volatility_ratio_20_250",
    "drawdown_252",
    "skew_63",
    "log_volatility",
)

#: Closes in the window of one row of features.
FEATURE_BARS = 253

#: Every feature is of order one and is cut off here: a crash must not drive the network out of its training range.
FEATURE_LIMIT = 4.0

#: Daily volatility at which `log_volatility` is zero.
TYPICAL_VOLATILITY = 0.01


def features(close: FloatArray) -> FloatArray:
    """Return the features of adjusted closes (T,), as (T, 15) in the order of FEATURES, each within ±FEATURE_LIMIT.

    Row t depends on the FEATURE_BARS closes up to t and nothing else, to the last bit; scaling all prices by a power of
    two changes nothing. Returns are measured in daily volatility σ. NaN in the first FEATURE_BARS - 1 rows; where a
    divisor is zero (prices that do not move) the feature is 0.

    >>> features(np.full(254, 10.0))[-2:].any()
    np.False_
    >>> features(np.full(254, 10.0)).shape
    (254, 15)
    """
    sigma = daily_volatility(close)
    returns = change(close, 1)
    columns = [ratio(returns, sigma)]
    columns += [momentum(close, sigma, lag) for lag in MOMENTUM_BARS]
    columns += [_average_gap(close, sigma, _macd_weights(fast), _macd_weights(slow)) for fast, slow in MACD_BARS]
    columns += [
        (rsi(close) - RSI_MIDPOINT) / 25.0,
        _average_gap(close, sigma, np.full(20, 1.0 / 20), np.full(50, 1.0 / 50)),
        _log(ratio(rolling(returns, 20, _root_mean_square), rolling(returns, 250, _root_mean_square))),
        _drawdown(close, sigma),
        rolling(returns, 63, _skew),
        _log(sigma / TYPICAL_VOLATILITY),
    ]
    result = np.clip(np.stack(columns, axis=-1), -FEATURE_LIMIT, FEATURE_LIMIT)
    result[: FEATURE_BARS - 1] = np.nan
    return result


def momentum(close: FloatArray, sigma: FloatArray, lag_bars: int) -> FloatArray:
    """Return the change over `lag_bars`, divided by σ·√`lag_bars`, (T,); 0 where σ is 0."""
    return ratio(change(close, lag_bars), sigma * np.sqrt(float(lag_bars)))


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, (T,); 0 where the denominator is 0, NaN where either is NaN."""
    result = np.where(np.isnan(numerator) | np.isnan(denominator), np.nan, 0.0)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _macd_weights(scale_bars: int) -> FloatArray:
    """Return weights of alpha = 1 / scale, as in Baz et al., Dissecting Investment Strategies (2015), cut to a year."""
    return exponential_weights(2 * scale_bars - 1, FEATURE_BARS - 1)


def _average_gap(close: FloatArray, sigma: FloatArray, fast: FloatArray, slow: FloatArray) -> FloatArray:
    """Return fast minus slow moving average, over the standard deviation it has on a random walk of volatility σ."""
    newest_fast = np.zeros(len(slow))
    newest_fast[len(slow) - len(fast) :] = fast
    sensitivity = np.cumsum(slow - newest_fast)
    unit = np.sqrt((sensitivity * sensitivity).sum())
    return ratio(weighted(close, fast) - weighted(close, slow), close * sigma * unit)


def _drawdown(close: FloatArray, sigma: FloatArray) -> FloatArray:
    high = rolling(close, FEATURE_BARS - 1, lambda rows: rows.max(axis=-1))
    return ratio(close / high - 1.0, sigma * np.sqrt(FEATURE_BARS - 1.0))


def _log(values: FloatArray) -> FloatArray:
    result = np.where(np.isnan(values), np.nan, 0.0)
    np.log(values, out=result, where=values > 0)
    return result


def _root_mean_square(rows: FloatArray) -> FloatArray:
    result: FloatArray = np.sqrt((rows * rows).sum(axis=-1) / rows.shape[-1])
    return result


def _skew(rows: FloatArray) -> FloatArray:
    centred = rows - (rows.sum(axis=-1) / rows.shape[-1])[:, None]
    squares = centred * centred
    variance = squares.sum(axis=-1) / rows.shape[-1]
    third = (squares * centred).sum(axis=-1) / rows.shape[-1]
    return ratio(third, variance * np.sqrt(variance))
