"""Classic indicators over exact windows: no recursive averages, so a bare window gives identical bits."""

import numpy as np

from strategy.market.bars import FloatArray
from strategy.signals.rolling import rolling

RSI_MIDPOINT = 50.0


def rsi(close: FloatArray, lookback_bars: int = 14) -> FloatArray:
    """Return the relative strength index of closes (T,), as (T,) in 0..100; 50 where nothing moved.

    Cutler's form: simple sums of gains and losses over exactly `lookback_bars` changes, whereas Wilder's (New Concepts
    in Technical Trading Systems, 1978) depends on all history. NaN in the first `lookback_bars` rows.

    >>> rsi(np.array([1.0, 2.0, 3.0, 2.0, 2.0, 2.0]), 2)
    array([ nan,  nan, 100.,  50.,   0.,  50.])
    """
    moves = np.full(len(close), np.nan)
    moves[1:] = np.diff(close)
    gains = rolling(np.maximum(moves, 0.0), lookback_bars, _total)
    losses = rolling(np.maximum(-moves, 0.0), lookback_bars, _total)
    moved = gains + losses
    result = np.where(np.isnan(moved), np.nan, RSI_MIDPOINT)
    np.divide(100.0 * gains, moved, out=result, where=moved > 0)
    return result


def _total(rows: FloatArray) -> FloatArray:
    total: FloatArray = rows.sum(axis=-1)
    return total
