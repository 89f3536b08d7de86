"""The built-in strategies: each one's signal from adjusted closes, and how it is sized."""

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from strategy.market.bars import FloatArray
from strategy.signals.prior import prior
from strategy.signals.rolling import change, rolling

RULES_FAST_BARS, RULES_SLOW_BARS, RULES_RANGE_BARS = 10, 50, 100


RULES_FLOOR = 0.02


MOMENTUM_BARS = 252


class Strategy(StrEnum):
    """Strategies, the choices of `--strategy`."""

    TURBO = "turbo"
    RULES = "rules"
    HOLD = "hold"
    VOL_TARGET = "vol-target"
    MOMENTUM = "momentum"


class Sizing(StrEnum):
    """Ways to turn a signal into an exposure."""

    #: The full rule of the seed document: neutral zone, regime, volatility target, drawdown control.
    FULL = "full"
    #: Only the volatility target.
    VOLATILITY = "volatility"
    #: An equal share of the capital, bought once and kept.
    ONCE = "once"


def sizing_of(strategy: Strategy) -> Sizing:
    """Return the sizing that a strategy uses."""
    if strategy is Strategy.HOLD:
        return Sizing.ONCE
    return Sizing.FULL if strategy in (Strategy.TURBO, Strategy.RULES) else Sizing.VOLATILITY


def signal_of(strategy: Strategy, close: FloatArray) -> FloatArray:
    """Return the strategy's signal at every row of adjusted closes (T,); for turbo, that of its prior."""
    match strategy:
        case Strategy.TURBO:
            return prior(close)
        case Strategy.RULES:
            return rules(close)
        case Strategy.MOMENTUM:
            return np.sign(change(close, MOMENTUM_BARS))
        case Strategy.HOLD | Strategy.VOL_TARGET:
            return np.ones(len(close))


def rules(close: FloatArray) -> FloatArray:
    """Return the seed document's rule without a network: a signal in [-1, 1] at every row of adjusted closes (T,).

    g = 0.6·r10 + 0.4·r50 over h: the 90th percentile of r10 over 100 bars when g is positive, else minus the 10th, and
    never below 0.02. NaN before 110 closes.
    """
    fast, slow = change(close, RULES_FAST_BARS), change(close, RULES_SLOW_BARS)
    gain = 0.6 * fast + 0.4 * slow
    high = rolling(fast, RULES_RANGE_BARS, _percentile(90.0))
    low = rolling(fast, RULES_RANGE_BARS, _percentile(10.0))
    unit = np.maximum(RULES_FLOOR, np.where(gain > 0, high, -low))
    return np.clip(gain / unit, -1.0, 1.0)


def _percentile(percent: float) -> Callable[[FloatArray], FloatArray]:
    def reduce(windows: FloatArray) -> FloatArray:
        result: FloatArray = np.percentile(windows, percent, axis=-1)
        return result

    return reduce
