"""Which dates are learned from, which stop the training and which judge it, and the windows cut from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.signals.features import FEATURE_BARS
from strategy.training.training_panel import FIRST_ROW, TrainingPanel

#: Fewer dates than a quarter's could not tell one network from another.
LEAST_STOP_DAYS = 63
#: Fewer dates than half a year's could not tell a network from its prior.
LEAST_GATE_DAYS = 126


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """How dates are shared out: rows that one signal sees, the newest share that validates, the dates left out before.

    The older half of the validation stops the training, the newer half judges what it gave: a network that is kept
    because it did best on some dates must not be promoted for having done well on the same ones.
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
        """Dates of a window that count: its second half, which has at least half the context before it."""
        return self.context_bars - self.context_bars // 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Dates by number: the first of every window that is learned from (N,), and the two spans that validate it.

    A span is a first and a last decision date; the return of the last one comes a date later.
    """

    training: NDArray[np.int64]
    stop: range
    gate: range


def split(panel: TrainingPanel, rule: SplitRule) -> Split:
    """The dates of the panel shared out by the rule; the purge ends before the first validation date.

    Dates before the inputs of any symbol are known are not counted. Raises ValueError if too few are left.
    """
    starts = window_starts(panel, rule)
    usable = np.flatnonzero((panel.dates.row >= FIRST_ROW).any(axis=1))[:-1]
    border = usable[int(len(usable) * (1.0 - rule.validation_share))] if len(usable) else len(panel)
    middle = (border + len(panel) - 1) // 2
    # A decision is paid a date later, which must lie before the purge.
    training = starts[starts + rule.scored_bars < border - rule.purge_bars]
    stop, gate = range(border, middle), range(middle, len(panel) - 1)
    if not len(training) or len(stop) < LEAST_STOP_DAYS or len(gate) < LEAST_GATE_DAYS:
        longest = max(map(len, panel.inputs))
        raise ValueError(
            f"not enough history to train: {longest} bars give {len(training)} training windows of "
            f"{rule.context_bars} bars (needs 1), {len(stop)} days for early stopping (needs {LEAST_STOP_DAYS}) and "
            f"{len(gate)} days of validation (needs {LEAST_GATE_DAYS}); import more history"
        )
    return Split(training=training, stop=stop, gate=gate)


def window_starts(panel: TrainingPanel, rule: SplitRule) -> NDArray[np.int64]:
    """First dates (N,) from which `scored_bars` decisions can be paid while some symbol has a full context."""
    starts = np.arange(0, len(panel) - rule.scored_bars, dtype=np.int64)
    return starts[_shown(panel, starts, rule.scored_bars, rule.context_bars).any(axis=1)]


def _shown(panel: TrainingPanel, first: NDArray[np.int64], decisions: int, context_bars: int) -> NDArray[np.bool_]:
    """Which symbols show the network their rows in each window, (N, S): those with as many as a forecast asks for.

    A symbol that goes or comes back within the window is shown, since on its own dates nobody knew of the others.
    """
    last = first + decisions - 1
    enough: NDArray[np.bool_] = panel.dates.row[last] >= FEATURE_BARS + context_bars - 2
    return enough & (panel.dates.current[first] | panel.dates.current[last])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """N windows of one panel: D decision dates each, on which M of the N·S symbols show the network their rows.

    `rows` (M, context, F) are those symbols' inputs up to the last date, `owner` (M,) numbers them as path·S + symbol,
    `position` (M, D) says which row each stands on at each date, `current` (M, D) whether it still speaks for its
    symbol then. `first` (N,) are the first dates.
    """

    panel: TrainingPanel
    first: NDArray[np.int64]
    decisions: int
    rows: NDArray[np.float32]
    owner: NDArray[np.int64]
    position: NDArray[np.int64]
    current: NDArray[np.bool_]


def windows(panel: TrainingPanel, first: NDArray[np.int64], decisions: int, context_bars: int) -> Windows:
    """The windows of these first dates (N,). A symbol without a full context is left to the prior."""
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
