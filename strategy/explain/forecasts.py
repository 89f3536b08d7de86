"""Explanation of a signal: the evidence for the regime, the inputs of the rule, a model's inputs and members."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from types import MappingProxyType

from strategy.market.bars import Bars, FloatArray
from strategy.portfolio.decision import Decision
from strategy.signals.evaluation import evaluate
from strategy.signals.forecaster import SignalParts
from strategy.signals.regime import REGIMES, SCORES, evidence, probabilities, regime_bars, weighed
from strategy.signals.strategies import Strategy

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

    `inputs` are the inputs of the rule. If a model trades, `features` is the newest row of its inputs if it names them,
    `members` the signal of each of its members alone and `mean` the mean of those. With networks the signal is the
    prior plus the mean of their departures from it, clipped to ±1. If the prior trades alone, these are empty.
    """

    signal: float | None
    inputs: Named
    prior: float | None = None
    features: Named = field(default_factory=lambda: _NO_NUMBERS)
    members: tuple[float, ...] = ()
    mean: float | None = None


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


def explained_forecast(
    bars: Mapping[str, Bars], decision: Decision, strategy: Strategy, parts: SignalParts | None
) -> Forecast:
    """Return the components of the decision's signal; the bars of all symbols end on the day of the decision."""
    own = bars[decision.symbol]
    base = Forecast(
        signal=decision.signal,
        inputs=_inputs(strategy, own),
        prior=_prior(bars, decision.symbol, strategy) if strategy.learner else None,
    )
    if parts is None:
        return base
    features = MappingProxyType({name: _known(value) for name, value in parts.features.items()})
    return replace(base, features=features, members=parts.members, mean=sum(parts.members) / len(parts.members))


def _prior(bars: Mapping[str, Bars], symbol: str, strategy: Strategy) -> float | None:
    """Return the newest signal of the strategy without its model, None if it knows none."""
    seen = {symbol: bars[symbol]} if strategy.signals is None else bars
    return _known(evaluate(strategy, seen, bars[symbol].open_time[-1]).signals[symbol][-1])


def _inputs(strategy: Strategy, bars: Bars) -> Named:
    """Return the numbers that the strategy names behind its newest value; those of a sleeve have its name before."""
    if strategy.sleeves:
        named = {f"{part}: {name}": value for part in strategy.parts for name, value in _inputs(part, bars).items()}
        return MappingProxyType(named)
    if strategy.inputs is None:
        return _NO_NUMBERS
    return MappingProxyType({name: _known(value) for name, value in strategy.inputs(bars).items()})


def _named(names: tuple[str, ...], values: FloatArray) -> Named:
    return MappingProxyType({name: _known(value) for name, value in zip(names, values, strict=True)})


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None
