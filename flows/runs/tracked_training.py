"""Progress of trainings in a Prefect run: an artifact, and a line in the run's log now and then."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.runs.training_progress import LINE_S, Pace, in_words, named
from strategy.training.training_progress import TrainingAhead, TrainingStep, also_listening

log = logging.getLogger("flows.training")

#: Seconds between two updates of the artifact.
UPDATE_S = 2.0
#: Sets the percentage of an artifact and its description.
Update = Callable[[float, str], None]


class TrackedTraining:
    """Reporter of trainings to an artifact, which `create` makes with the first measured step.

    Whatever Prefect's server answers, the training goes on.
    """

    def __init__(self, create: Callable[[], Update], clock: Callable[[], float] = time.monotonic) -> None:
        self._create, self._clock, self._pace = create, clock, Pace()
        self._update: Update | None = None
        self._lined_s = self._updated_s = clock()
        self._silent = False

    def __call__(self, said: TrainingStep | TrainingAhead) -> None:
        """Report a step, or what lies ahead."""
        if isinstance(said, TrainingAhead):
            log.info("%s", in_words(said))
            return
        now_s = self._clock()
        self._pace.heard(said, now_s)
        if not self._pace.rate:
            return
        words = f"{named(said)}: step {said.step:,} of {said.most:,} at most, {self._pace.rate:.1f} steps/s"
        words = f"{words}, {self._pace.left}"
        if now_s - self._lined_s >= LINE_S:
            self._lined_s = now_s
            log.info("%s.", words)
        if now_s - self._updated_s >= UPDATE_S:
            self._updated_s = now_s
            self._show(100.0 * (said.training - 1 + said.step / said.most) / said.trainings, words)

    def ended(self) -> None:
        """Report that all trainings have ended, one that stopped early too."""
        if self._update is not None:
            self._show(100.0, "Trained.")

    def _show(self, percentage: float, words: str) -> None:
        if self._silent:
            return
        try:
            if self._update is None:
                self._update = self._create()
            self._update(percentage, words)
        except Exception as error:  # noqa: BLE001 - a training is not worse for an artifact that is not there
            self._silent = True
            log.info("The progress of the training is not shown any further (%s).", type(error).__name__)


@contextmanager
def training_tracked(account: str) -> Iterator[None]:
    """Show the trainings inside the block as an artifact of the current Prefect run, besides on stderr."""
    from flows.runs.progress_artifact import progress_artifact

    tracked = TrackedTraining(lambda: progress_artifact(account, f"Training of {account}"))
    with also_listening(tracked):
        yield
    tracked.ended()
