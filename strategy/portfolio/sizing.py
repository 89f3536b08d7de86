"""Position sizing, from a signal to a target exposure: the seed document's rule with hard edges, and with soft edges.

The hard-edged rule is the one the seed document gives; the soft-edged one trades.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.portfolio.rebalancing import Frequency
from strategy.signals.har import VolatilityEstimator
from strategy.signals.regime import REGIMES, Regime
from strategy.signals.strategies import Strategy, sizing_of

if TYPE_CHECKING:
    from torch import Tensor

#: Trading sizes in numpy, training in torch: the same lines serve both.
Numbers = TypeVar("Numbers", FloatArray, "Tensor")

#: The largest factor by which low volatility may scale a position up.
VOLATILITY_CAP = 2.0
MULTIPLIER = {Regime.BULL: 1.25, Regime.NEUTRAL: 1.0, Regime.BEAR: 0.75}


class Allocation(StrEnum):
    """Ways to split a portfolio among its symbols."""

    #: In inverse proportion to volatility.
    INVERSE_VOL = "inverse-vol"
    #: So that each symbol contributes the same risk, correlations considered.
    EQUAL_RISK = "equal-risk"
    #: In equal parts.
    EQUAL = "equal"


#: Parameters that are words, each with those that it may be.
CHOICES: Mapping[str, type[StrEnum]] = {
    "allocation": Allocation,
    "volatility_estimator": VolatilityEstimator,
    "rebalance_every": Frequency,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureCaps:
    """The largest exposure of a single symbol, and of each group of symbols together, multiples of equity.

    Raises ValueError for a cap that is not above 0.
    """

    symbol: float = inf
    group: float = inf
    groups: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in ("symbol", "group"):
            if not getattr(self, name) > 0:
                raise ValueError(f"the cap of a {name} is {getattr(self, name)}; it must be above 0")


#: Any exposure that the gross cap admits.
NO_CAPS = ExposureCaps()


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingParams:
    """The seed document's four parameters, the drawdown control's knees (fractions of the peak), and what came after.

    `volatility_estimator` is what positions are sized by, `rebalance_band` how far one may be from its target before it
    is traded, a fraction of equity, and `rebalance_every` on which account dates it is: see
    `strategy.portfolio.rebalancing`.

    Raises ValueError if a parameter is outside its range.
    """

    target_annual_vol: float = 0.35
    max_position_size: float = 2.0
    neutral_zone: float = 0.03
    lookback_period: int = 252
    drawdown_start: float = 0.10
    drawdown_full: float = 0.25
    drawdown_floor: float = 0.25
    allocation: Allocation = Allocation.INVERSE_VOL
    volatility_estimator: VolatilityEstimator = VolatilityEstimator.EWMA
    rebalance_band: float = 0.0
    rebalance_every: Frequency = Frequency.DAILY
    caps: ExposureCaps = NO_CAPS

    def __post_init__(self) -> None:
        if not self.target_annual_vol > 0:
            raise ValueError(f"target_annual_vol is {self.target_annual_vol}; it must be above 0")
        if not self.max_position_size > 0:
            raise ValueError(f"max_position_size is {self.max_position_size}; it must be above 0")
        if not 0 <= self.neutral_zone < 1:
            raise ValueError(f"neutral_zone is {self.neutral_zone}; it must be at least 0 and below 1")
        if self.lookback_period < 2:
            raise ValueError(f"lookback_period is {self.lookback_period}; it must be at least 2")
        if not 0 <= self.drawdown_start < self.drawdown_full <= 1:
            raise ValueError(
                f"drawdown knees {self.drawdown_start} and {self.drawdown_full} must increase within [0, 1]"
            )
        if not 0 <= self.drawdown_floor <= 1:
            raise ValueError(f"drawdown_floor is {self.drawdown_floor}; it must lie between 0 and 1")
        if not 0 <= self.rebalance_band < 1:
            raise ValueError(f"rebalance_band is {self.rebalance_band}; it must be at least 0 and below 1")
        for name, words in CHOICES.items():
            value = getattr(self, name)
            if value not in list(words):
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(words)}")
            # Callers may give the plain word, which is equal to its member, but not the same.
            object.__setattr__(self, name, words(value))

    def estimator_for(self, strategy: Strategy) -> VolatilityEstimator:
        """Return the estimator of the volatilities that the strategy is sized by; EWMA if it is sized without them."""
        return self.volatility_estimator if sizing_of(strategy).needs_volatility else VolatilityEstimator.EWMA


def calculate_position_size(signal: float, regime: Regime | str, volatility: float, params: SizingParams) -> float:
    """Return the seed document's own position size, with hard edges, as a multiple of equity.

    `volatility` is annualised; zero or missing volatility means no position. Raises ValueError for an unknown regime.

    >>> calculate_position_size(0.5, "Bull", 0.35, SizingParams())
    0.625
    >>> calculate_position_size(0.02, "Bull", 0.35, SizingParams())
    0.0
    """
    if not (np.isfinite(volatility) and volatility > 0) or abs(signal) < params.neutral_zone:
        return 0.0
    scaled = signal * MULTIPLIER[Regime(regime)] * min(params.target_annual_vol / volatility, VOLATILITY_CAP)
    return float(np.clip(scaled, -params.max_position_size, params.max_position_size))


def soft_signal(signal: Numbers, neutral_zone: float) -> Numbers:
    """Return s' = sign(s)·max(|s| − z, 0)/(1 − z), the signal with the neutral zone cut out, same shape.

    >>> soft_signal(np.array([0.02, 0.515, -1.0]), 0.03)
    array([ 0. ,  0.5, -1. ])
    """
    result: Numbers = (signal - signal.clip(-neutral_zone, neutral_zone)) / (1.0 - neutral_zone)
    return result


def regime_multiplier(code: NDArray[np.int64], confidence: FloatArray) -> FloatArray:
    """Return g = 1 + c·(m − 1), same shape; `code` indexes REGIMES, and an unknown confidence (NaN) counts as 0.

    >>> regime_multiplier(np.array([0, 2]), np.array([1.0, 0.5]))
    array([1.25 , 0.875])
    """
    multiplier = np.array([MULTIPLIER[regime] for regime in REGIMES])[code]
    result: FloatArray = 1.0 + np.nan_to_num(confidence) * (multiplier - 1.0)
    return result


def volatility_multiplier(volatility: FloatArray, target_annual_vol: float) -> FloatArray:
    """Return v = min(target / volatility, 2), same shape; 0 where volatility is zero or missing.

    >>> volatility_multiplier(np.array([0.7, 0.1, 0.0]), 0.35)
    array([0.5, 2. , 0. ])
    """
    usable = np.isfinite(volatility) & (volatility > 0)
    safe = np.where(usable, volatility, 1.0)
    return np.where(usable, np.minimum(target_annual_vol / safe, VOLATILITY_CAP), 0.0)


def drawdown_multiplier(drawdown: float, params: SizingParams) -> float:
    """Return d: 1 up to the first knee, then linear to the floor at the second, and the floor beyond.

    >>> [drawdown_multiplier(d, SizingParams()) for d in (0.05, 0.25, 0.5)]
    [1.0, 0.25, 0.25]
    """
    span = params.drawdown_full - params.drawdown_start
    depth = min(max((drawdown - params.drawdown_start) / span, 0.0), 1.0)
    return float(1.0 - depth * (1.0 - params.drawdown_floor))


def risk_budgets(volatility: FloatArray) -> FloatArray:
    """Return b = (1/σ) / Σ(1/σ) over the symbols, (..., S); 0 for a symbol without volatility.

    >>> risk_budgets(np.array([0.1, 0.3]))
    array([0.75, 0.25])
    """
    usable = np.isfinite(volatility) & (volatility > 0)
    inverse = np.where(usable, 1.0 / np.where(usable, volatility, 1.0), 0.0)
    total = inverse.sum(axis=-1, keepdims=True)
    result: FloatArray = inverse / np.where(total > 0, total, 1.0)
    return result
