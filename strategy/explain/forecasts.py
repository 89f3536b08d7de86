"""Explanation of a signal: the evidence for the regime, the inputs of the rule, each network's inputs and signal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.portfolio.decision import Decision
from strategy.signals.network_inputs import INPUTS, inputs
from strategy.signals.regime import REGIMES, SCORES, evidence, probabilities, regime_bars, weighed
from strategy.signals.strategies import Strategy

if TYPE_CHECKING:
    from strategy.networks.ensemble import Ensemble

#: Numbers by name; None if unknown.
Named = Mapping[str, float | None]
_NO_NUMBERS: Named = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence for the regime: the four scores, their weighted sum, and the resulting probability of each regime."""

    scores: Named
    score: float | None
    probabilities: Named
    regime: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The signal and its components.

    `inputs` are the inputs of the rule. If networks trade, `features` is their newest row of inputs, `members` the
    signal of each network alone and `mean` the mean of those: the signal is the prior plus the mean of the networks'
    departures from it, clipped to ±1. If the prior trades alone, these are empty.
    """

    signal: float | None
    inputs: Named
    prior: float | None = None
    features: Named = field(default_factory=lambda: _NO_NUMBERS)
    members: tuple[float, ...] = ()
    mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Members:
    """Inputs and signals of a model's networks at the newest row of every symbol.

    `inputs` (T, 30) and `signals` (T,) are by symbol, the latter for each network alone; a symbol with fewer closes
    than `history_bars` gets the prior from each.
    """

    history_bars: int
    inputs: Mapping[str, FloatArray]
    signals: tuple[Mapping[str, FloatArray], ...]


def members(bars: Mapping[str, Bars], as_of: date, model: "Ensemble") -> Members:
    """Return the networks' inputs from these bars, and each network's own signal, the same as within the ensemble."""
    since = np.datetime64(as_of, "us")
    return Members(
        history_bars=model.history_bars,
        inputs=inputs(bars),
        signals=tuple(replace(model, members=(network,)).forecast(bars, since) for network in model.members),
    )


def explained_regime(bars: Bars, decision: Decision) -> Evidence:
    """Return the evidence behind the decision's regime; `bars` end on the day of the decision."""
    scores = evidence(bars.adjusted_close[-regime_bars() :])[-1:]
    score = weighed(scores)
    return Evidence(
        scores=_named(SCORES, scores[0]),
        score=_known(score[0]),
        probabilities=_named(tuple(str(regime) for regime in REGIMES), probabilities(score)[0]),
        regime=decision.regime,
        confidence=decision.confidence,
    )


def explained_forecast(bars: Bars, decision: Decision, strategy: Strategy, networks: Members | None) -> Forecast:
    """Return the components of the decision's signal; `bars` end on the day of the decision."""
    base = Forecast(
        signal=decision.signal,
        inputs=_inputs(strategy, bars),
        prior=_known(strategy.values(bars)[-1]) if strategy.learner else None,
    )
    if networks is None or len(bars) < networks.history_bars:
        return base
    said = tuple(float(signals[bars.symbol][-1]) for signals in networks.signals)
    seen = _named(INPUTS, networks.inputs[bars.symbol][-1])
    return replace(base, features=seen, members=said, mean=sum(said) / len(said))


def _inputs(strategy: Strategy, bars: Bars) -> Named:
    """Return the numbers that the strategy names behind its newest value."""
    if strategy.inputs is None:
        return _NO_NUMBERS
    return MappingProxyType({name: _known(value) for name, value in strategy.inputs(bars).items()})


def _named(names: tuple[str, ...], values: FloatArray) -> Named:
    return MappingProxyType({name: _known(value) for name, value in zip(names, values, strict=True)})


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None
