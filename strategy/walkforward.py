"""Walk-forward: every date is traded by a model that was fitted on bars before it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategy.bars import FloatArray, TimeArray
from strategy.ensemble import Ensemble
from strategy.rollout import departures
from strategy.training import GATE_STRIDE
from strategy.training_panel import TrainingPanel
from strategy.training_set import SplitRule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """A model fitted on bars dated `fitted_to` or earlier decides on `dates`, the numbers of account dates."""

    fitted_to: np.datetime64
    dates: range


def folds(open_time: TimeArray, first: np.datetime64, fold_bars: int, embargo_bars: int = 5) -> tuple[Fold, ...]:
    """The folds of account dates (U,) from `first` on, each of `fold_bars` dates, the last one shorter.

    Between the last bar that a model saw and its first decision lie `embargo_bars` dates. Raises ValueError if no date
    is left to fit on or to decide on, or a count is out of range.

    >>> dates = np.arange("2020-01-01", "2020-01-13", dtype="M8[D]").astype("M8[us]")
    >>> [(str(one.fitted_to)[:10], one.dates) for one in folds(dates, np.datetime64("2020-01-08"), 3, embargo_bars=2)]
    [('2020-01-05', range(7, 10)), ('2020-01-08', range(10, 11))]
    """
    if fold_bars < 1 or embargo_bars < 0:
        raise ValueError(f"fold_bars is {fold_bars} and embargo_bars {embargo_bars}; at least 1 and 0 are needed")
    first_date, last = int(np.searchsorted(open_time, first)), len(open_time) - 1
    if not embargo_bars < first_date < last:
        raise ValueError(f"{first} leaves nothing to fit on or nothing to decide on; choose a date between the bars'")
    return tuple(
        Fold(fitted_to=open_time[start - 1 - embargo_bars], dates=range(start, min(start + fold_bars, last)))
        for start in range(first_date, last, fold_bars)
    )


def walked(
    panel: TrainingPanel, plan: Sequence[Fold], models: Sequence[Ensemble | None], context_bars: int
) -> FloatArray:
    """The departures (D, S) from the prior on the dates of all folds, each by its own model; None is the prior.

    The panel may hold later bars than a fold: every input is causal.
    """
    rule = SplitRule(context_bars=context_bars)
    parts = [
        departures(model.members, panel, fold.dates, rule, min(GATE_STRIDE, rule.scored_bars))
        if model
        else np.zeros((len(fold.dates), len(panel.inputs)))
        for fold, model in zip(plan, models, strict=True)
    ]
    return np.concatenate(parts)
