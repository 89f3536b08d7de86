"""Progress of counted work on stderr: a bar on a terminal, else an occasional line."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.runs.durations import about
from strategy.work_progress import WorkStep, listening

if TYPE_CHECKING:
    from rich.progress import Progress

#: Seconds between two lines without a terminal; work that takes less is not mentioned.
LINE_S = 10.0
#: Seconds until a bar is shown: shorter work needs none.
SHOWN_AFTER_S = 2.0


class OuterWork:
    """The outermost work: what is counted inside of one of its pieces is not shown beside it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step: WorkStep | None = None
        self._begun_s = 0.0

    def heard(self, step: WorkStep) -> bool:
        """Record a step; return whether it is one of the outermost work."""
        outer = self._step
        if outer is None or outer.work == step.work or outer.done >= outer.total:
            if outer is None or outer.work != step.work or not step.done:
                self._begun_s = self._clock()
            self._step = step
            return True
        return False

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the work began."""
        return self._clock() - self._begun_s


def pace(step: WorkStep, elapsed_s: float) -> str:
    """Return how fast the work is and how long the rest will take; empty before its first piece is done.

    >>> from strategy.work_progress import WorkName
    >>> sweep = WorkName(name="Sweep", unit="points")
    >>> pace(WorkStep(work=sweep, done=100, total=300), 2.0), pace(WorkStep(work=sweep, done=1, total=3), 20.0)
    ('50.0 points/s, about 4 s left', '3.0 points/min, about 40 s left')
    """
    if not step.done or elapsed_s <= 0:
        return ""
    rate = step.done / elapsed_s
    # Pieces that take seconds each are counted by the minute.
    told = f"{rate:,.1f} {step.work.unit}/s" if rate >= 1.0 else f"{60.0 * rate:,.1f} {step.work.unit}/min"
    return f"{told}, {about((step.total - step.done) / rate)} left"


class WorkLines:
    """Reporter of work by a line every LINE_S seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock, self._outer = write, clock, OuterWork(clock)
        self._lined_s = 0.0

    def __call__(self, step: WorkStep) -> None:
        """Report a step."""
        if not self._outer.heard(step):
            return
        now_s = self._clock()
        if not step.done:
            self._lined_s = now_s
        elif step.done < step.total and now_s - self._lined_s >= LINE_S:
            self._lined_s = now_s
            counted = f"{step.done:,} of {step.total:,} {step.work.unit}"
            self._write(f"{step.work.name}: {counted}, {pace(step, self._outer.elapsed_s)}\n")


class WorkBar:
    """Reporter of work by a bar, which is there only while work takes longer than SHOWN_AFTER_S."""

    def __init__(self) -> None:
        self._outer = OuterWork(time.monotonic)
        self._bar: Progress | None = None

    def __call__(self, step: WorkStep) -> None:
        """Report a step."""
        if not self._outer.heard(step):
            return
        if not 0 < step.done < step.total:
            self.end()
            return
        elapsed_s = self._outer.elapsed_s
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step.done, pace=pace(step, elapsed_s))
        elif elapsed_s >= SHOWN_AFTER_S:
            self._bar = _started_bar(step, pace(step, elapsed_s))

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _started_bar(step: WorkStep, told: str) -> "Progress":
    # Most commands show no bar, and rich takes a while to import.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(step.work.name, completed=step.done, total=step.total, pace=told)
    bar.start()
    return bar


@contextmanager
def work_told() -> Iterator[None]:
    """Report the counted work inside the block on stderr."""
    if not sys.stderr.isatty():
        with listening(WorkLines(_write)):
            yield
        return
    bar = WorkBar()
    try:
        with listening(bar):
            yield
    finally:
        bar.end()


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
