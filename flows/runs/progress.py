"""Progress of a long run: a bar on a terminal, else an occasional line, and whatever else shows it."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from flows.runs.durations import about
from tasks.backfill.run import Progress

#: Seconds between two lines without a terminal, and between two updates elsewhere.
LINE_S = 10.0
UPDATE_S = 2.0


class Rate(ProgressColumn):
    """A column with days per second."""

    def render(self, task: Task) -> Text:
        """Return the newest rate; a dash before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f} days/s" if speed else "- days/s")


class ProgressReporter:
    """Reporter of one run's progress on stderr, and to `update`; call it between steps, within its `with` block.

    `update` gets the percentage done and the progress in words.
    """

    def __init__(self, account: str, update: Callable[[float, str], None] | None = None) -> None:
        self._account, self._update = account, update
        self._begun_s = self._lined_s = self._updated_s = time.monotonic()
        self._expected = False
        self._bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                Rate(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._line = self._bar.add_task(account, total=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def _write(self, line: str) -> None:
        if self._bar:
            # The bar draws itself below what its own console prints.
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def __call__(self, progress: Progress) -> None:
        """Show the progress of the run."""
        now_s = time.monotonic()
        ended = progress.done == progress.days
        if not progress.done:
            # The time to read and validate the bars does not count towards the rate.
            self._begun_s = self._lined_s = now_s
        elif not self._expected and not ended:
            self._expected = True
            self._write(f"{self._account}: {expected(progress, now_s - self._begun_s)}")
        if self._bar:
            # Until the first day, the bars that are fetched may be counted by another bar.
            self._bar.start()
            what = f"{self._account} {progress.as_of}"
            self._bar.update(self._line, completed=progress.done, total=progress.days, description=what)
        elif ended or now_s - self._lined_s >= LINE_S:
            self._lined_s = now_s
            self._write(f"{self._account}: {in_words(progress, now_s - self._begun_s)}")
        if self._update is not None and (ended or now_s - self._updated_s >= UPDATE_S):
            self._updated_s = now_s
            share = 100.0 * progress.done / progress.days if progress.days else 100.0
            self._update(share, in_words(progress, now_s - self._begun_s))


def expected(progress: Progress, elapsed_s: float) -> str:
    """Return an estimate of the whole run's duration from its first days.

    >>> from datetime import date
    >>> expected(Progress(done=63, days=630, as_of=date(2020, 6, 1)), 2.0)
    '630 days, the first 63 of them in 2.0 s: about 18 s left'
    """
    left_s = (progress.days - progress.done) * elapsed_s / progress.done
    return f"{progress.days} days, the first {progress.done} of them in {elapsed_s:.1f} s: {about(left_s)} left"


def in_words(progress: Progress, elapsed_s: float) -> str:
    """Return how many days are done, how fast, and how long the others will take.

    >>> from datetime import date
    >>> in_words(Progress(done=100, days=300, as_of=date(2020, 6, 1)), 2.0)
    '100 of 300 days, 2020-06-01, 50.0 days/s, about 4 s left'
    >>> in_words(Progress(done=300, days=300, as_of=date(2020, 6, 1)), 6.0)
    '300 of 300 days, 2020-06-01, 50.0 days/s'
    """
    rate = progress.done / elapsed_s if elapsed_s > 0 else 0.0
    left = progress.days - progress.done
    pace = f", {rate:.1f} days/s" if rate else ""
    ahead = f", {about(left / rate)} left" if rate and left else ""
    return f"{progress.done} of {progress.days} days, {progress.as_of}{pace}{ahead}"
