"""What produced the target exposure of a decision: inputs of its model, terms of its rule, and the steps after them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from storage.database import Connection
from storage.ledger import order_lookup as order_history
from storage.ledger.explanations import Trace
from storage.models.registry import ModelDamaged
from strategy.exit_codes import UsageError
from strategy.explain.attribution import Share, changes, shares
from strategy.market.bars import Bars
from strategy.signals.faults import StrategyRefused
from strategy.signals.forecaster import Attributed
from strategy.signals.strategies import Strategy
from tasks.explain.order_record_answer import SharePart
from tasks.explain.redecide import PastDay
from tasks.models.load import forecaster
from tasks.strategies.catalogue import as_recorded

#: The steps that follow the sizing, in order, by the names of their results in an explanation.
_SIZE_STEPS = (
    ("caps on symbols and groups", "within_caps"),
    ("cap on all together", "capped"),
    ("drawdown control", "after_drawdown"),
    ("what the venue admits", "after_floor"),
    ("positions kept beside", "wanted"),
)


def target_shares(
    store: Connection, day: PastDay, of: tuple[str, Trace], seen: Mapping[str, Bars] | None
) -> tuple[SharePart, ...]:
    """Return the target exposure of a symbol, whose explanation is given, as a sum; empty where it cannot be split.

    `seen` are the bars that were decided on, None if they have changed since. With networks the parts are their inputs,
    by integrated gradients over the bars seen, and the terms of the prior; with a rule that names its terms those, and
    with any other rule the rule as a whole. Sleeves are parts as they are.
    """
    symbol, trace = of
    signal, steps = trace["forecast"]["signal"], _steps(trace)
    if trace.get("sleeves"):
        return _of_sleeves(trace, steps[-1:])
    if seen is None or signal is None or not steps:
        return ()
    return _answered(shares(signal, _parts(store, day, (symbol, trace), seen), steps))


def _of_sleeves(trace: Trace, last: Sequence[tuple[str, float]]) -> tuple[SharePart, ...]:
    found = [
        Share(name=f"sleeve {step['sleeve']}", signal=None, exposure=step["part"])
        for step in trace["sleeves"]
        if step.get("part") is not None
    ]
    if not found or not last:
        return ()
    whole = sum(share.exposure for share in found)
    return _answered((*found, *changes(whole, [("caps, drawdown control and limits", last[0][1])])))


def _answered(found: Sequence[Share]) -> tuple[SharePart, ...]:
    return tuple(map(SharePart.model_validate, found))


def _steps(trace: Trace) -> list[tuple[str, float]]:
    """Return what the sizing makes of the signal, and what each later step makes of that; without unknown ones."""
    size: dict[str, Any] = {**(trace["sized"] or {}), **trace["restrained"]}
    banded, limited = trace.get("banded") or {}, trace["limited"]
    steps = [
        ("sized", size.get("uncapped")),
        *((name, size.get(result)) for name, result in _SIZE_STEPS),
        ("rebalance band", banded.get("exposure")),
        ("limits on orders and turnover", limited.get("exposure")),
    ]
    return [(name, value) for name, value in steps if value is not None]


def _parts(store: Connection, day: PastDay, of: tuple[str, Trace], seen: Mapping[str, Bars]) -> Mapping[str, float]:
    """Return the parts of the signal before it is cut to ±1: what the model adds to its prior, and the rule's terms."""
    symbol, trace = of
    strategy = _strategy(store, day)
    forecast, signal = trace["forecast"], float(trace["forecast"]["signal"])
    if strategy is None:
        return {"the rule": signal}
    terms = _terms(strategy, seen[symbol])
    if not forecast["members"]:
        return terms or {"the rule": signal}
    moved = _departure(day, strategy, symbol, seen)
    if not moved:
        return {"the model": signal}
    return {**{f"prior: {name}": part for name, part in terms.items()}, **moved}


def _departure(day: PastDay, strategy: Strategy, symbol: str, seen: Mapping[str, Bars]) -> Mapping[str, float]:
    """Return the parts of the model's departure from its prior; none if it cannot be read, or does not say."""
    try:
        model: object = forecaster(day.home, strategy, day.provenance.model_id)
    except ModelDamaged:
        return {}
    return model.departure_parts(seen, symbol) if isinstance(model, Attributed) else {}


def _terms(strategy: Strategy, bars: Bars) -> Mapping[str, float]:
    return {} if strategy.terms is None else strategy.terms(bars)


def _strategy(store: Connection, day: PastDay) -> Strategy | None:
    """Return the strategy that decided; None if no run says by which settings, or its file is gone."""
    settings = order_history.settings_behind(store, day.account, day.as_of)
    known: Mapping[str, object] = {} if settings is None else json.loads(settings)
    try:
        return as_recorded(day.home, day.provenance.strategy, day.provenance.strategy_sha256, known)
    except (UsageError, StrategyRefused):
        return None
