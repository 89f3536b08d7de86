"""Progress of a training on stderr: a bar on a terminal, else an occasional line."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from flows.runs.durations import about
from strategy.training.training_progress import TrainingAhead, TrainingStep, listening

#: Seconds between two lines without a terminal.
LINE_S = 10.0
#: Number of steps after which the estimate of the whole duration is good enough to report.
MEASURED_STEPS = 5


class Pace:
    """Measured speed of the steps, and the time left for this training and for all."""

    def __init__(self) -> None:
        self.measured = 0
        self._last: TrainingStep | None = None
        self._begun_s = self._now_s = 0.0
        # Durations in seconds of the trainings that have ended, each up to the start of the next.
        self._took_s: list[float] = []

    def heard(self, step: TrainingStep, now_s: float) -> bool:
        """Record a step; return whether a training begins with it. Its first step warms up and is not measured."""
        begins = self._last is None or step.training != self._last.training or step.step <= self._last.step
        if begins:
            if self._last is not None:
                self._took_s.append(now_s - self._begun_s)
            self._begun_s, self.measured = now_s, 0
        else:
            # Count steps instead of step numbers: a member that stopped early leaves a gap in them, which took no time.
            self.measured += 1
        self._last, self._now_s = step, now_s
        return begins

    @property
    def rate(self) -> float:
        """Return the steps per second, 0 if none is measured yet."""
        elapsed_s = self._now_s - self._begun_s
        return self.measured / elapsed_s if self.measured and elapsed_s > 0 else 0.0

    @property
    def left(self) -> str:
        """Return the time left, for all trainings together if there are several; it needs a rate."""
        assert self._last is not None, "a rate is of steps"
        last = self._last
        own_s = (last.most - last.step) / self.rate
        if last.trainings == 1:
            return f"{about(own_s)} left at most"
        others = last.trainings - last.training
        if not self._took_s:
            return f"{about(own_s + others * last.most / self.rate)} left at most in all"
        usual_s = sum(self._took_s) / len(self._took_s)
        rest_s = usual_s - (self._now_s - self._begun_s)
        return f"{about((min(own_s, rest_s) if rest_s > 0 else own_s) + others * usual_s)} left in all"


def named(step: TrainingStep) -> str:
    """Return the training's name, with its number if there are several."""
    return "Training" if step.trainings == 1 else f"Training {step.training} of {step.trainings}"


def in_words(said: TrainingAhead) -> str:
    """Return what trainings will cost, in one sentence.

    >>> in_words(TrainingAhead(trainings=1, seconds=600.0))
    'The training will take about 10 min, as the last ones like it did here.'
    >>> in_words(TrainingAhead(trainings=5, seconds=None))
    'How long the 5 trainings will take is not known yet: none like them was measured in this home.'
    """
    several = said.trainings > 1
    what = f"the {said.trainings} trainings" if several else "the training"
    if said.seconds is None:
        like = "them" if several else "it"
        return f"How long {what} will take is not known yet: none like {like} was measured in this home."
    like = "in all, as the last ones like them did here" if several else "as the last ones like it did here"
    return f"{what[0].upper()}{what[1:]} will take {about(said.seconds)}{' ' if several else ', '}{like}."


class Teller:
    """Reporter of a training: once an estimate of its duration, after its first steps, then its progress."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock, self._pace = write, clock, Pace()
        self._lined_s = 0.0

    def __call__(self, step: TrainingStep | TrainingAhead) -> None:
        """Report a step, or what lies ahead."""
        if isinstance(step, TrainingAhead):
            self._write(f"{in_words(step)}\n")
            return
        now_s = self._clock()
        if self._pace.heard(step, now_s):
            self._lined_s = now_s
        rate = self._pace.rate
        if not rate:
            return
        left = self._pace.left
        if self._pace.measured == MEASURED_STEPS:
            self._write(f"{named(step)}: {step.most:,} steps at most, {rate:.1f} steps/s here, {left}\n")
        elif now_s - self._lined_s >= LINE_S:
            self._lined_s = now_s
            self._write(f"{named(step)}: step {step.step:,} of {step.most:,} at most, {rate:.1f} steps/s, {left}\n")


@contextmanager
def training_told() -> Iterator[None]:
    """Report the trainings inside the block on stderr."""
    if not sys.stderr.isatty():
        with listening(Teller(_write)):
            yield
        return
    # Show our own estimate of the time left: the bar's would mistake a training that stopped early for a fast one.
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    line = bar.add_task("Training", total=None, visible=False, pace="")
    pace = Pace()

    def heard(step: TrainingStep | TrainingAhead) -> None:
        if isinstance(step, TrainingAhead):
            bar.console.print(in_words(step), highlight=False)
            return
        # Until the first training begins, another bar may be shown.
        bar.start()
        if pace.heard(step, time.monotonic()):
            bar.reset(line)
        said = f"{pace.rate:.1f} steps/s, {pace.left}" if pace.rate else ""
        bar.update(line, description=named(step), completed=step.step, total=step.most, visible=True, pace=said)

    try:
        with listening(heard):
            yield
    finally:
        bar.stop()


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
