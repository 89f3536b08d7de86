"""Sleeves: several strategies that one account runs, each with a weight that is fixed or comes from its risk."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import fsum

import numpy as np

from strategy.market.bars import Bars, FloatArray
from strategy.market.own_columns import Lag
from strategy.signals.strategies import Sizing, Sleeve, Strategy, sizing_of

#: The word for a weight that comes from the risk of the sleeve.
BY_RISK = "risk"
#: What every refusal of a weight says.
WEIGHTS = f"give each sleeve a number above 0, of 1 together at most, or {BY_RISK} to all of them"
#: Most sleeves of an account.
MOST_SLEEVES = 8
#: Account dates over which the risk of a sleeve's book is measured; with those around them there are few enough rows
#: that a strategy is called on each of their windows alone.
RISK_DATES = 60
#: The sizings from the one that reads most of an account's settings to the one that reads fewest.
_BY_WHAT_THEY_READ = (Sizing.FULL, Sizing.VOLATILITY, Sizing.DIRECT)


def combined(sleeves: Sequence[Sleeve]) -> Strategy:
    """Return the strategy of an account that runs these, sorted by name; it is named as a user spells it.

    It reads what any of its sleeves does: the longest history, all columns, and the sizing that reads most. Its version
    is the hash of those of its sleeves, if any is the user's own.

    Raises ValueError for more than MOST_SLEEVES, a strategy twice, one that learns, one that buys once, a column with
    two lags, and for weights that are not all fixed, above 0 and 1 at most together, or all by risk.

    >>> from strategy.builtin.registry import MOMENTUM, RULES
    >>> both = combined([Sleeve(strategy=RULES, weight=0.25), Sleeve(strategy=MOMENTUM, weight=0.5)])
    >>> str(both), str(both.sizing)
    ('momentum=0.5+rules=0.25', 'full')
    """
    ordered = tuple(sorted(sleeves, key=lambda sleeve: sleeve.strategy.name))
    strategies = [sleeve.strategy for sleeve in ordered]
    _demand_combinable(strategies)
    _demand_weights(ordered)
    own = [f"{each.name}:{each.version}" for each in strategies if each.version]
    return Strategy(
        name="+".join(f"{sleeve.strategy.name}={weight_in_words(sleeve.weight)}" for sleeve in ordered),
        history_bars=max(each.history_bars for each in strategies),
        sizing=min(map(sizing_of, strategies), key=_BY_WHAT_THEY_READ.index),
        columns=_columns(strategies),
        version=sha256("\n".join(own).encode()).hexdigest() if own else "",
        origin=", ".join(each.origin for each in strategies if each.version),
        sleeves=ordered,
    )


def weight_in_words(weight: float | None) -> str:
    """Return the weight as a user spells it.

    >>> weight_in_words(0.5), weight_in_words(1.0), weight_in_words(None)
    ('0.5', '1', 'risk')
    """
    return BY_RISK if weight is None else f"{weight:.12g}"


def nominal_weights(strategy: Strategy) -> tuple[float, ...]:
    """Return the weights of the sleeves where no risk is known: fixed ones as they are, others the same for all."""
    count = len(strategy.sleeves)
    return tuple(1.0 / count if sleeve.weight is None else sleeve.weight for sleeve in strategy.sleeves)


def weighed(weights: "Sequence[float | FloatArray]", values: Sequence[FloatArray]) -> FloatArray:
    """Return Σ w·v, added in the order of the sleeves, so that the bits do not depend on the shape.

    >>> weighed([0.5, 0.25], [np.array([1.0, -1.0]), np.array([1.0, np.nan])])
    array([0.75,  nan])
    """
    total = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        total = total + weight * value
    return total


def rows_before(strategy: Strategy) -> int:
    """Return how many rows before the newest one its weights depend on; 0 unless they come from risk."""
    return RISK_DATES + 2 if strategy.by_risk else 0


def first_row(strategy: Strategy, bars: Mapping[str, Bars], since: np.datetime64 | None) -> np.datetime64 | None:
    """Return the date from which the signals of its sleeves are needed, so that its weights are known on `since`."""
    if since is None or not strategy.by_risk:
        return since
    union = np.unique(np.concatenate([series.open_time for series in bars.values()]))
    newest = int(np.searchsorted(union, since, side="right")) - 1
    first: np.datetime64 = union[max(0, newest - RISK_DATES - 1)]
    return min(first, since)


def _demand_combinable(strategies: Sequence[Strategy]) -> None:
    names = [each.name for each in strategies]
    if not 1 <= len(names) <= MOST_SLEEVES:
        raise ValueError(f"an account has {len(names)} sleeves; it may have {MOST_SLEEVES} at most: name fewer")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the strategy {twice[0]} has two sleeves; give it one, whose weight is their sum")
    for each in strategies:
        if each.sleeves:
            raise ValueError(f"the sleeve {each.name} has sleeves itself; name its strategies instead")
        if each.learner is not None:
            raise ValueError(
                f"the strategy {each.name} learns, and a sleeve must be a rule: give {each.name} an account of its "
                "own, or name its rule"
            )
        if sizing_of(each) is Sizing.ONCE:
            raise ValueError(
                f"the strategy {each.name} buys once and keeps, so that it wants no exposure from day to day that a "
                "sleeve could have; leave it out, or compare with it as a benchmark"
            )


def _demand_weights(sleeves: Sequence[Sleeve]) -> None:
    fixed = [sleeve for sleeve in sleeves if sleeve.weight is not None]
    if not fixed:
        return
    if len(fixed) < len(sleeves):
        by_risk = next(sleeve.strategy.name for sleeve in sleeves if sleeve.weight is None)
        raise ValueError(
            f"the weight of {fixed[0].strategy.name} is {weight_in_words(fixed[0].weight)} and that of {by_risk} is "
            f"{BY_RISK}; {WEIGHTS}"
        )
    weights = [0.0 if sleeve.weight is None else sleeve.weight for sleeve in fixed]
    for sleeve, weight in zip(fixed, weights, strict=True):
        if not 0 < weight <= 1:
            raise ValueError(f"the weight of {sleeve.strategy.name} is {weight:g}; {WEIGHTS}")
    # Weights such as 0.1 ten times over are rounded.
    if fsum(weights) > 1 + 1e-9:
        raise ValueError(f"the weights of the sleeves add up to {fsum(weights):g}; {WEIGHTS}")


def _columns(strategies: Sequence[Strategy]) -> dict[str, Lag]:
    columns: dict[str, Lag] = {}
    for each in strategies:
        for name, lag in each.columns.items():
            if columns.setdefault(name, lag) != lag:
                raise ValueError(
                    f"{each.name} reads the column {name} {lag.days} days late, and another sleeve {columns[name].days}"
                    " days; declare one lag in both"
                )
    return columns
