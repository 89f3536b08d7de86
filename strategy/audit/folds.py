"""Audits of the networks' walk-forward folds: training must not depend on bars that a fold trades or is judged on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from strategy.audit.lookahead import Checked, Market, with_another_future
from strategy.market.bars import TimeArray, bars_until
from strategy.market.session_dates import session_date
from strategy.portfolio.account_config import AccountConfig
from strategy.training.fit import last_learned, twin_panels
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import TrainingPanel, training_panel
from strategy.training.walk_forward import EMBARGO_BARS, Fold
from strategy.training.windows import Split, SplitRule, split

#: The arrays of a panel besides its inputs and dates.
COLUMNS = ("prior", "weight", "tradable", "open", "close", "days", "cost", "floor")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """Training data of a fold: the market's panel, the panels of its twin, and the split of the dates."""

    panel: TrainingPanel
    twins: Sequence[TrainingPanel]
    parts: Split


#: Function from all bars and a fold's `fitted_to` to the fold's training data.
Teacher = Callable[[Market, np.datetime64], Lesson]


def teacher(config: AccountConfig, rule: SplitRule, settings: TrainingSettings) -> Teacher:
    """Return the function that builds a fold's training data as `training.fit.fitted` does.

    The function raises ValueError for too few bars.
    """

    def teach(bars: Market, fitted_to: np.datetime64) -> Lesson:
        past = bars_until(bars, session_date(fitted_to))
        panel = training_panel(past, config)
        parts = split(panel, rule)
        return Lesson(panel=panel, twins=twin_panels(past, config, last_learned(panel, rule), settings), parts=parts)

    return teach


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFolds:
    """Audit of the folds of networks that are taught in this way."""

    teach: Teacher
    rule: SplitRule

    def teachable(self, bars: Market, fold: Fold) -> bool:
        """Return whether the fold has enough history to train a network on."""
        try:
            self.teach(bars, fold.fitted_to)
        except ValueError:
            return False
        return True

    def check(self, bars: Market, open_time: TimeArray, plan: Sequence[Fold]) -> Checked:
        """Check the folds of the plan, see `folds`."""
        return folds(self.teach, bars, open_time, plan, self.rule)


def folds(teach: Teacher, bars: Market, open_time: TimeArray, plan: Sequence[Fold], rule: SplitRule) -> Checked:
    """Check that bars after `fitted_to` do not change any fold's training data by a bit, and that no label leaks.

    `open_time` (U,) are the account's dates, which the folds of the plan refer to by number.
    """
    differences = []
    for number, fold in enumerate(plan):
        lesson = teach(bars, fold.fitted_to)
        draw = np.random.default_rng(number)
        wrong = [
            *_too_late(open_time, fold),
            *_leaks(lesson, rule),
            *_changed(lesson, teach(with_another_future(bars, session_date(fold.fitted_to), draw), fold.fitted_to)),
            *_twin_changed(lesson, teach, bars, fold, rule),
        ]
        differences += [f"fold fitted to {session_date(fold.fitted_to)}: {difference}" for difference in wrong]
    return Checked(check="folds", subject="network", dates=len(plan), differences=tuple(differences))


def _too_late(open_time: TimeArray, fold: Fold) -> list[str]:
    first = open_time[fold.dates.start]
    between = int(((open_time > fold.fitted_to) & (open_time < first)).sum())
    return (
        [f"{between} dates lie between it and the first decision on {session_date(first)}, not {EMBARGO_BARS}"]
        if between < EMBARGO_BARS
        else []
    )


def _leaks(lesson: Lesson, rule: SplitRule) -> list[str]:
    """Return labels that reach into the purge, and overlaps of the stopping and gate dates, in words."""
    panel, parts = lesson.panel, lesson.parts
    # The return of a window's last decision comes a date later.
    learned, purge = int(parts.training.max()) + rule.scored_bars, parts.stop.start - rule.purge_bars
    wrong = []
    if learned >= purge:
        wrong.append(
            f"its labels reach {session_date(panel.open_time[learned])}, the purge begins "
            f"{session_date(panel.open_time[purge])}"
        )
    if parts.stop.stop > parts.gate.start:
        wrong.append(f"it stops on dates {parts.stop} and is judged on {parts.gate}, which overlap")
    if parts.gate.stop > len(panel) - 1:
        wrong.append(f"it is judged on dates {parts.gate}, the last of {len(panel)} is never paid")
    return wrong


def _changed(lesson: Lesson, again: Lesson) -> list[str]:
    pairs = {
        "panel": (_panel_arrays(lesson.panel), _panel_arrays(again.panel)),
        "twin": (_twin_arrays(lesson), _twin_arrays(again)),
        "share of the dates": (_shares(lesson.parts), _shares(again.parts)),
    }
    return [
        f"its {name} changes with later bars"
        for name, (before, other) in pairs.items()
        if _hash(before) != _hash(other)
    ]


def _twin_changed(lesson: Lesson, teach: Teacher, bars: Market, fold: Fold, rule: SplitRule) -> list[str]:
    """Return a difference, in words, if the twin depends on stopping or gate dates."""
    learned = lesson.panel.open_time[int(lesson.parts.training.max()) + rule.scored_bars]
    again = teach(with_another_future(bars, session_date(learned), np.random.default_rng(0)), fold.fitted_to)
    same = _hash(_twin_arrays(lesson)) == _hash(_twin_arrays(again))
    return [] if same else [f"its twin changes with bars after {session_date(learned)}, which nothing is learned from"]


def _panel_arrays(panel: TrainingPanel) -> list[NDArray[np.generic]]:
    return [panel.open_time, panel.dates.row, *panel.inputs, *(getattr(panel, name) for name in COLUMNS)]


def _twin_arrays(lesson: Lesson) -> list[NDArray[np.generic]]:
    return [array for twin in lesson.twins for array in _panel_arrays(twin)]


def _shares(parts: Split) -> list[NDArray[np.generic]]:
    return [parts.training, np.array([parts.stop.start, parts.stop.stop, parts.gate.start, parts.gate.stop])]


def _hash(arrays: Iterable[NDArray[np.generic]]) -> str:
    digest = sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
