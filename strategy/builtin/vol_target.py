"""vol-target: always long, at the target volatility. A baseline."""

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.signals.strategies import Strategy


def signal(bars: Bars) -> FloatArray:
    """Return 1 at every row, (T,)."""
    return np.ones(len(bars))


strategy = Strategy(name="vol-target", signal=signal, history_bars=1, sizing="volatility", baseline=True, trusted=True)
