"""Training windows, and the split of dates into training, early stopping and promotion gate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.signals.features import FEATURE_BARS
from strategy.training.trainer import HistoryTooShort
from strategy.training.training_panel import FIRST_ROW, TrainingPanel

#: A quarter: fewer dates cannot distinguish one network from another.
LEAST_STOP_DAYS = 63
#: Half a year: fewer dates cannot distinguish a network from its prior.
LEAST_GATE_DAYS = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """Rule that splits the dates: rows of context per signal, newest fraction for validation, dates purged before it.

    The older half of the validation dates stops the training early, the newer half judges the result: a network that
    was selected for doing best on some dates must not be promoted for doing well on the same dates.
    """

    context_bars: int = 252
    validation_share: float = 0.2
    purge_bars: int = 90

    def __post_init__(self) -> None:
        if self.context_bars < 2:
            raise ValueError(f"context_bars is {self.context_bars}; it must be at least 2")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}; it must be between 0 and 1")
        if self.purge_bars < 0:
            raise ValueError(f"purge_bars is {self.purge_bars}; it must be at least 0")

    @property
    def scored_bars(self) -> int:
        """Return the number of scored dates in a window: its second half, with at least half the context before it."""
        return self.context_bars - self.context_bars // 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Dates by row number: the first of every training window (N,), and the two validation spans.

    A span holds decision dates; the return of the last one comes a date later.
    """

    training: NDArray[np.int64]
    stop: range
    gate: range


def split(panel: TrainingPanel, rule: SplitRule) -> Split:
    """Split the dates of the panel by the rule; the purge ends before the first validation date.

    Dates before any symbol's inputs are known are not counted. Raises HistoryTooShort if too few are left.
    """
    starts = window_starts(panel, rule)
    usable = np.flatnonzero((panel.dates.row >= FIRST_ROW).any(axis=1))[:-1]
    border = usable[int(len(usable) * (1.0 - rule.validation_share))] if len(usable) else len(panel)
    middle = (border + len(panel) - 1) // 2
    # The return of a decision comes a date later, which must lie before the purge.
    training = starts[starts + rule.scored_bars < border - rule.purge_bars]
    stop, gate = range(border, middle), range(middle, len(panel) - 1)
    if not len(training) or len(stop) < LEAST_STOP_DAYS or len(gate) < LEAST_GATE_DAYS:
        longest = max(map(len, panel.inputs))
        raise HistoryTooShort(
            f"not enough history to train: {longest} bars give {len(training)} training windows of "
            f"{rule.context_bars} bars (needs 1), {len(stop)} days for early stopping (needs {LEAST_STOP_DAYS}) and "
            f"{len(gate)} days of validation (needs {LEAST_GATE_DAYS}); import more history"
        )
    return Split(training=training, stop=stop, gate=gate)


def window_starts(panel: TrainingPanel, rule: SplitRule) -> NDArray[np.int64]:
    """Return the first dates (N,) of windows with returns for `scored_bars` decisions and full context of a symbol."""
    starts = np.arange(0, len(panel) - rule.scored_bars, dtype=np.int64)
    return starts[_shown(panel, starts, rule.scored_bars, rule.context_bars).any(axis=1)]


def _shown(panel: TrainingPanel, first: NDArray[np.int64], decisions: int, context_bars: int) -> NDArray[np.bool_]:
    """Return which symbols the network sees in each window, (N, S): those with as many rows as a forecast needs.

    A symbol that disappears or returns within the window is included: on its own dates this could not be known.
    """
    last = first + decisions - 1
    enough: NDArray[np.bool_] = panel.dates.row[last] >= FEATURE_BARS + context_bars - 2
    return enough & (panel.dates.current[first] | panel.dates.current[last])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """N windows of one panel: D decision dates each, on which the network sees M of the N·S symbols.

    `rows` (M, context, F) are those symbols' inputs up to the last date, `owner` (M,) numbers them as path·S + symbol,
    `position` (M, D) is the index of each one's row on each date, `current` (M, D) marks rows that are still current on
    the date. `first` (N,) are the first dates.
    """

    panel: TrainingPanel
    first: NDArray[np.int64]
    decisions: int
    rows: NDArray[np.float32]
    owner: NDArray[np.int64]
    position: NDArray[np.int64]
    current: NDArray[np.bool_]


def windows(panel: TrainingPanel, first: NDArray[np.int64], decisions: int, context_bars: int) -> Windows:
    """Return the windows that start on these dates (N,); a symbol without a full context follows the prior."""
    path, symbol = np.nonzero(_shown(panel, first, decisions, context_bars))
    newest = panel.dates.row[first[path] + decisions - 1, symbol]
    oldest = newest - context_bars + 1
    rows = [panel.inputs[s][start : start + context_bars] for s, start in zip(symbol, oldest, strict=True)]
    dates = first[path][:, None] + np.arange(decisions)
    return Windows(
        panel=panel,
        first=first,
        decisions=decisions,
        rows=np.stack(rows) if rows else np.empty((0, context_bars, panel.inputs[0].shape[1]), dtype=np.float32),
        owner=path * len(panel.inputs) + symbol,
        position=panel.dates.row[dates, symbol[:, None]] - oldest[:, None],
        current=panel.dates.current[dates, symbol[:, None]],
    )
