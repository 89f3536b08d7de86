"""momentum: long after a year of gains, short after a year of losses, at the target volatility. A baseline."""

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.signals.rolling import change
from strategy.signals.strategies import Inputs, Strategy

MOMENTUM_BARS = 252


def signal(bars: Bars) -> FloatArray:
    """Return the sign of the adjusted return over the last year, (T,); NaN in the first year."""
    result: FloatArray = np.sign(change(bars.adjusted_close, MOMENTUM_BARS))
    return result


def inputs(bars: Bars) -> Inputs:
    """Return the year's return at the newest close."""
    return {f"return_{MOMENTUM_BARS}": float(change(bars.adjusted_close, MOMENTUM_BARS)[-1])}


strategy = Strategy(
    name="momentum",
    signal=signal,
    history_bars=MOMENTUM_BARS + 1,
    sizing="volatility",
    inputs=inputs,
    baseline=True,
    trusted=True,
)
