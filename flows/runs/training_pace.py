"""How fast trainings are, and how long they and those that follow will take."""

from flows.runs.durations import about
from strategy.work_progress import TrainingAhead, TrainingStep

#: Number of steps after which the estimate of the whole duration is good enough to report.
MEASURED_STEPS = 5


class TrainingPace:
    """Measured speed of the steps, and the time left for this training and for all."""

    def __init__(self) -> None:
        self.measured = 0
        self._last: TrainingStep | None = None
        self.begun_s = self._now_s = 0.0
        # Durations in seconds of the trainings that have ended, each up to the start of the next.
        self._took_s: list[float] = []

    def heard(self, step: TrainingStep, now_s: float) -> bool:
        """Record a step; return whether a training begins with it. Its first step warms up and is not measured."""
        begins = self._last is None or step.training != self._last.training or step.step <= self._last.step
        if begins:
            if self._last is not None:
                self._took_s.append(now_s - self.begun_s)
            self.begun_s, self.measured = now_s, 0
        else:
            # Count steps instead of step numbers: a member that stopped early leaves a gap in them, which took no time.
            self.measured += 1
        self._last, self._now_s = step, now_s
        return begins

    @property
    def rate(self) -> float:
        """Return the steps per second, 0 if none is measured yet."""
        elapsed_s = self._now_s - self.begun_s
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
        rest_s = usual_s - (self._now_s - self.begun_s)
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
