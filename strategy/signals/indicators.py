"""Classic indicators in window-exact form: no recursive average, so a bare window gives the very same bits."""

import numpy as np

from strategy.market.bars import FloatArray
from strategy.signals.rolling import rolling

RSI_MIDPOINT = 50.0


def rsi(close: FloatArray, lookback_bars: int = 14) -> FloatArray:
    """Relative strength index of closes (T,), (T,) in 0..100; 50 where nothing moved.

    Cutler's form: simple sums of gains and losses over exactly `lookback_bars` changes, where Wilder's (New Concepts in
    Technical Trading Systems, 1978) remembers all history. NaN in the first `lookback_bars` rows.

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
