"""How far a training has come, on stderr: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from strategy.training_progress import TrainingStep, listening

#: Between two lines where there is no terminal.
LINE_S = 10.0
#: From so many steps on the time that all take is known well enough to be told.
MEASURED_STEPS = 5


class Teller:
    """Says once what a training will take, as its first steps show, and then how far it is."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._first = self._last = 0
        self._begun_s = self._lined_s = 0.0

    def __call__(self, heard: TrainingStep) -> None:
        """Hear of a step."""
        now_s = self._clock()
        # The next training of a walk-forward begins anew; its first step warms up and is not measured.
        if heard.step <= self._last or not self._first:
            self._first, self._begun_s, self._lined_s = heard.step, now_s, now_s
        self._last = heard.step
        measured = heard.step - self._first
        rate = measured / (now_s - self._begun_s) if measured and now_s > self._begun_s else 0.0
        if not rate:
            return
        left = f"{(heard.most - heard.step) / rate:,.0f} s left at most"
        if measured == MEASURED_STEPS:
            self._write(f"Training: {heard.most:,} steps at most, {rate:.1f} steps/s here, {left}\n")
        elif now_s - self._lined_s >= LINE_S:
            self._lined_s = now_s
            self._write(f"Training: step {heard.step:,} of {heard.most:,} at most, {rate:.1f} steps/s, {left}\n")


class Rate(ProgressColumn):
    """The steps in a second, once they are known."""

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        return Text(f"{task.speed:.1f} steps/s" if task.speed else "")


@contextmanager
def training_told() -> Iterator[None]:
    """Tell of the trainings inside the block on stderr."""
    if not sys.stderr.isatty():
        with listening(Teller(_write)):
            yield
        return
    columns = (
        TextColumn("Training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps at most,"),
        Rate(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    line = bar.add_task("training", total=None, visible=False)

    def heard(step: TrainingStep) -> None:
        if step.step == 1:
            bar.reset(line)
        bar.update(line, completed=step.step, total=step.most, visible=True)

    with bar, listening(heard):
        yield


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
