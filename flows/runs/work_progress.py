"""Progress on stderr of counted work and of trainings: one bar on a terminal, else an occasional line."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.runs.durations import about
from flows.runs.training_pace import MEASURED_STEPS, TrainingPace, in_words, named
from strategy.work_progress import Said, TrainingAhead, TrainingStep, WorkStep, listening

if TYPE_CHECKING:
    from rich.progress import Progress

#: Seconds between two lines without a terminal.
LINE_S = 10.0
#: Seconds until counted work is shown: shorter work needs nothing.
SHOWN_AFTER_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Where a work stands: its name, its pieces done, and how fast it is; `counted` and `pace` are words.

    `share` is the part done of all that is ahead, `now_s` the instant and `begun_s` that at which it began. `begins`
    marks its first step, `ends` its last. `expected` is what a training takes, in words, once it has been measured.
    """

    name: str
    done: int
    total: int
    counted: str
    pace: str
    share: float
    now_s: float
    begun_s: float
    begins: bool
    ends: bool
    expected: str = ""

    @property
    def words(self) -> str:
        """Return all of it as one line, without an end."""
        return f"{self.name}: {self.counted}, {self.pace}"


class Course:
    """The course of whatever is told: of counted work the outermost, and of trainings every step.

    What is counted inside of one of the pieces of a work is not shown beside it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._outer: WorkStep | None = None
        self._begun_s = 0.0
        self._training = TrainingPace()

    def heard(self, said: WorkStep | TrainingStep) -> Shown | None:
        """Record a step; return where its work stands, None for one that is not shown."""
        return self._counted(said) if isinstance(said, WorkStep) else self._trained(said)

    def _counted(self, step: WorkStep) -> Shown | None:
        outer = self._outer
        if outer is not None and outer.work != step.work and outer.done < outer.total:
            return None
        begins = outer is None or outer.work != step.work or not step.done
        now_s = self._clock()
        if begins:
            self._begun_s = now_s
        self._outer = step
        return Shown(
            name=step.work.name,
            done=step.done,
            total=step.total,
            counted=f"{step.done:,} of {step.total:,} {step.work.unit}",
            pace=pace(step, now_s - self._begun_s),
            share=step.done / step.total if step.total else 1.0,
            now_s=now_s,
            begun_s=self._begun_s,
            begins=begins,
            ends=step.done >= step.total,
        )

    def _trained(self, step: TrainingStep) -> Shown:
        known, now_s = self._training, self._clock()
        begins = known.heard(step, now_s)
        speed = f"{known.rate:.1f} steps/s" if known.rate else ""
        left = known.left if known.rate else ""
        measured = known.rate and known.measured == MEASURED_STEPS
        return Shown(
            name=named(step),
            done=step.step,
            total=step.most,
            counted=f"step {step.step:,} of {step.most:,} at most",
            pace=f"{speed}, {left}" if speed else "",
            share=(step.training - 1 + step.step / step.most) / step.trainings,
            now_s=now_s,
            begun_s=known.begun_s,
            begins=begins,
            # A training may go on with its next member.
            ends=False,
            expected=f"{named(step)}: {step.most:,} steps at most, {speed} here, {left}" if measured else "",
        )


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
    """Reporter by lines: what a training will take once it is measured, and every LINE_S where the work at hand is."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._course = write, Course(clock)
        self._lined_s: float | None = None

    def __call__(self, said: Said) -> None:
        """Report a step, or what lies ahead."""
        if isinstance(said, TrainingAhead):
            self._write(f"{in_words(said)}\n")
            return
        shown = self._course.heard(said)
        if shown is None:
            return
        if self._lined_s is None or (shown.begins and isinstance(said, TrainingStep)):
            self._lined_s = shown.begun_s
        if shown.expected:
            self._write(f"{shown.expected}\n")
        elif shown.pace and not shown.ends and self._due(shown, self._lined_s):
            self._lined_s = shown.now_s
            self._write(f"{shown.words}\n")

    def _due(self, shown: Shown, lined_s: float) -> bool:
        """Return whether it is time for a line: many short works, one after another, are not silent all together."""
        return shown.now_s - lined_s >= LINE_S and shown.now_s - shown.begun_s >= SHOWN_AFTER_S


class WorkBar:
    """Reporter by a bar: at once for a training, and for counted work while it takes longer than SHOWN_AFTER_S."""

    def __init__(self) -> None:
        self._course = Course(time.monotonic)
        self._bar: Progress | None = None

    def __call__(self, said: Said) -> None:
        """Report a step, or what lies ahead."""
        if isinstance(said, TrainingAhead):
            self._write(in_words(said))
            return
        shown = self._course.heard(said)
        if shown is None:
            return
        if shown.ends or not shown.done:
            self.end()
        elif self._bar is not None:
            line = self._bar.task_ids[0]
            if shown.begins:
                self._bar.reset(line)
            # The bar's own estimate of the time left would mistake a training that stopped early for a fast one.
            self._bar.update(line, description=shown.name, completed=shown.done, total=shown.total, pace=shown.pace)
        elif isinstance(said, TrainingStep) or shown.now_s - shown.begun_s >= SHOWN_AFTER_S:
            self._bar = _started_bar(shown)

    def _write(self, line: str) -> None:
        if self._bar is not None:
            # The bar draws itself below what its own console prints.
            self._bar.console.print(line, highlight=False)
        else:
            _write(f"{line}\n")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _started_bar(shown: Shown) -> "Progress":
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
    bar.add_task(shown.name, completed=shown.done, total=shown.total, pace=shown.pace)
    bar.start()
    return bar


@contextmanager
def work_told() -> Iterator[None]:
    """Report the counted work and the trainings inside the block on stderr."""
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
