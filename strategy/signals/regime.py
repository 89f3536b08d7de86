"""Market regime (Bull, Neutral or Bear) and the confidence in it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.signals.indicators import rsi
from strategy.signals.rolling import change, deviation, mean

SHORT_BARS, LONG_BARS, VOLATILITY_BARS, RSI_BARS = 20, 50, 20, 14
#: Weights of the four scores: trend, calm, RSI, return over the look-back.
TREND_WEIGHT, CALM_WEIGHT, RSI_WEIGHT, RETURN_WEIGHT = 0.35, 0.15, 0.15, 0.35
#: The scores of the evidence, in order.
SCORES = ("trend", "calm", "rsi", "return")
#: Steepness with which the weighted score separates the regimes, and the score up to which Neutral prevails.
SHARPNESS, NEUTRAL_SCORE = 4.0, 0.25


class Regime(StrEnum):
    """The three regimes, named as in the seed document."""

    BULL = "Bull"
    NEUTRAL = "Neutral"
    BEAR = "Bear"


#: Column order of the probabilities.
REGIMES = (Regime.BULL, Regime.NEUTRAL, Regime.BEAR)


class HasClose(Protocol):
    """Any value whose "close" column converts to an array: Bars, a dict, a DataFrame."""

    def __getitem__(self, name: Any, /) -> Any:
        """Return the column."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegimePath:
    """Regime at every row: `code` (T,) indexes REGIMES, `confidence` (T,) in [0, 1] is NaN before the warm-up ends."""

    code: NDArray[np.int64]
    confidence: FloatArray


def regime_bars(lookback_bars: int = 40) -> int:
    """Return how many closes one row needs.

    >>> regime_bars(40)
    60
    """
    return max(LONG_BARS, lookback_bars + VOLATILITY_BARS, RSI_BARS + 1)


def detect_market_regime(data: HasClose, lookback_period: int = 40) -> tuple[Regime, float]:
    """Return the regime at the last bar and the confidence in it, 0 to 1 (0: all three are equally likely).

    `data["close"]` holds adjusted closes, oldest first. Raises ValueError with fewer closes than the evidence needs.
    """
    close = np.asarray(data["close"], dtype=np.float64)
    needed = regime_bars(lookback_period)
    if len(close) < needed:
        raise ValueError(f"{len(close)} closes cannot show a regime; give at least {needed}")
    path = regimes(close[-needed:], lookback_period)
    return REGIMES[int(path.code[-1])], float(path.confidence[-1])


def regimes(close: FloatArray, lookback_bars: int = 40) -> RegimePath:
    """Return the regime at every row of adjusted closes (T,); row t uses exactly its last `regime_bars` closes."""
    probability = probabilities(weighed(evidence(close, lookback_bars)))
    known = np.isfinite(probability).all(axis=-1)
    best = np.where(known, np.argmax(np.where(np.isfinite(probability), probability, -1.0), axis=-1), 1)
    confidence = np.where(known, (probability.max(axis=-1) - 1.0 / 3.0) * 1.5, np.nan)
    return RegimePath(code=best.astype(np.int64), confidence=np.clip(confidence, 0.0, 1.0))


def evidence(close: FloatArray, lookback_bars: int = 40) -> FloatArray:
    """Return the four scores of adjusted closes (T,), as (T, 4) in the order of SCORES, in [-1, 1].

    Positive scores are evidence for Bull. NaN before the warm-up ends. A series that does not move has scores of 0.
    """
    volatility = deviation(change(close, 1), VOLATILITY_BARS)
    # A series that does not move has no volatility to divide its trend by: its score is 0, not undefined.
    unit = np.where(volatility > 0, volatility, np.where(volatility == 0, np.inf, np.nan))
    gap = mean(close, SHORT_BARS) / mean(close, LONG_BARS) - 1.0
    trend = np.tanh(gap / (unit * np.sqrt(LONG_BARS - SHORT_BARS)))
    usual = mean(volatility, lookback_bars)
    calm = np.tanh(
        1.0 - np.where(usual > 0, volatility / np.where(usual > 0, usual, 1.0), np.where(usual == 0, 1.0, np.nan))
    )
    strength = rsi(close, RSI_BARS) / 50.0 - 1.0
    gain = np.tanh(change(close, lookback_bars) / (unit * np.sqrt(lookback_bars)))
    return np.stack([trend, calm, strength, gain], axis=-1)


def weighed(scores: FloatArray) -> FloatArray:
    """Return the weighted sum of the four scores (T, 4), as (T,) in [-1, 1]."""
    trend, calm, strength, gain = scores.T
    result: FloatArray = TREND_WEIGHT * trend + CALM_WEIGHT * calm + RSI_WEIGHT * strength + RETURN_WEIGHT * gain
    return result


def probabilities(score: FloatArray) -> FloatArray:
    """Return the probability of each regime given the weighted sums (T,), as (T, 3) in the order of REGIMES."""
    # In the order of REGIMES.
    logits = SHARPNESS * np.stack([score, NEUTRAL_SCORE - np.abs(score), -score], axis=-1)
    likely = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: FloatArray = likely / likely.sum(axis=-1, keepdims=True)
    return result
