"""rules: the seed document's rule without a network, fully sized."""

from collections.abc import Callable

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.signals.rolling import change, rolling
from strategy.signals.strategies import Inputs, Strategy

FAST_BARS, SLOW_BARS, RANGE_BARS = 10, 50, 100
#: Smallest unit of the signal.
FLOOR = 0.02


def rules(close: FloatArray) -> FloatArray:
    """Return the seed document's rule without a network: a signal in [-1, 1] at every row of adjusted closes (T,).

    g = 0.6·r10 + 0.4·r50 over h: the 90th percentile of r10 over 100 bars when g is positive, else minus the 10th, and
    never below 0.02. NaN before 110 closes.
    """
    fast, slow = change(close, FAST_BARS), change(close, SLOW_BARS)
    gain = 0.6 * fast + 0.4 * slow
    high = rolling(fast, RANGE_BARS, _percentile(90.0))
    low = rolling(fast, RANGE_BARS, _percentile(10.0))
    unit = np.maximum(FLOOR, np.where(gain > 0, high, -low))
    return np.clip(gain / unit, -1.0, 1.0)


def signal(bars: Bars) -> FloatArray:
    """Return the rule on adjusted closes, (T,)."""
    return rules(bars.adjusted_close)


def inputs(bars: Bars) -> Inputs:
    """Return the two returns, and the percentiles that scale them, at the newest close."""
    fast, slow = change(bars.adjusted_close, FAST_BARS), change(bars.adjusted_close, SLOW_BARS)
    return {
        "return_10": float(fast[-1]),
        "return_50": float(slow[-1]),
        "return_10_percentile_90": float(rolling(fast, RANGE_BARS, _percentile(90.0))[-1]),
        "return_10_percentile_10": float(rolling(fast, RANGE_BARS, _percentile(10.0))[-1]),
    }


def terms(bars: Bars) -> Inputs:
    """Return the parts of the newest signal before it is cut to ±1: the two returns, weighted and in its unit."""
    known = inputs(bars)
    fast, slow = 0.6 * known["return_10"], 0.4 * known["return_50"]
    limit = known["return_10_percentile_90"] if fast + slow > 0 else -known["return_10_percentile_10"]
    unit = max(FLOOR, limit)
    return {"return_10": fast / unit, "return_50": slow / unit}


def _percentile(percent: float) -> Callable[[FloatArray], FloatArray]:
    def reduce(windows: FloatArray) -> FloatArray:
        result: FloatArray = np.percentile(windows, percent, axis=-1)
        return result

    return reduce


strategy = Strategy(
    name="rules",
    signal=signal,
    history_bars=max(FAST_BARS + RANGE_BARS, SLOW_BARS + 1),
    sizing="full",
    inputs=inputs,
    terms=terms,
    trusted=True,
)
