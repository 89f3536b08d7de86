"""hold: buy every symbol once with an equal share of the capital, and keep it. The baseline of every test."""

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.signals.strategies import Strategy


def signal(bars: Bars) -> FloatArray:
    """Return 1 at every row, (T,)."""
    return np.ones(len(bars))


strategy = Strategy(name="hold", signal=signal, history_bars=1, sizing="once", baseline=True, trusted=True)
