"""Progress of long work in a Prefect run: an artifact, and a line in the run's log now and then."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.runs.training_pace import in_words
from flows.runs.work_progress import LINE_S, SHOWN_AFTER_S, Course
from strategy.work_progress import Said, TrainingAhead, also_listening

log = logging.getLogger("flows.work")

#: Seconds between two updates of the artifact.
UPDATE_S = 2.0
#: Sets the percentage of an artifact and its description.
Update = Callable[[float, str], None]


class TrackedWork:
    """Reporter of counted work and trainings to an artifact, which `create` makes once work has lasted a while.

    Whatever Prefect's server answers, the work goes on.
    """

    def __init__(self, create: Callable[[], Update], clock: Callable[[], float] = time.monotonic) -> None:
        self._create, self._course = create, Course(clock)
        self._update: Update | None = None
        self._lined_s = self._updated_s = clock()
        self._silent = False

    def __call__(self, said: Said) -> None:
        """Report a step, or what lies ahead."""
        if isinstance(said, TrainingAhead):
            log.info("%s", in_words(said))
            return
        shown = self._course.heard(said)
        # Short work is not worth a request to the server.
        if shown is None or not shown.pace or shown.now_s - shown.begun_s < SHOWN_AFTER_S:
            return
        if shown.now_s - self._lined_s >= LINE_S:
            self._lined_s = shown.now_s
            log.info("%s.", shown.words)
        if shown.now_s - self._updated_s >= UPDATE_S:
            self._updated_s = shown.now_s
            self._show(100.0 * shown.share, shown.words)

    def ended(self) -> None:
        """Report that all work has ended, a training that stopped early too."""
        if self._update is not None:
            self._show(100.0, "Done.")

    def _show(self, percentage: float, words: str) -> None:
        if self._silent:
            return
        try:
            if self._update is None:
                self._update = self._create()
            self._update(percentage, words)
        except Exception as error:  # noqa: BLE001 - work is not worse for an artifact that is not there
            self._silent = True
            log.info("The progress is not shown any further (%s).", type(error).__name__)


@contextmanager
def work_tracked(account: str) -> Iterator[None]:
    """Show the work inside the block as an artifact of the current Prefect run, besides on stderr."""
    from flows.runs.progress_artifact import progress_artifact

    tracked = TrackedWork(lambda: progress_artifact(account, f"Progress of {account}"))
    with also_listening(tracked):
        yield
    tracked.ended()
