"""How far a training has come, for whoever listens: nothing here changes a number."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """A step that was taken, of so many at most: a training may stop earlier. Both count all members together.

    `training` says which of the `trainings` of a walk-forward this is.
    """

    step: int
    most: int
    training: int = 1
    trainings: int = 1


Listener = Callable[[TrainingStep], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("training_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let the listener hear of every step of the trainings inside the block."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


@contextmanager
def one_of(training: int, trainings: int) -> Iterator[None]:
    """Let who listens hear that the steps inside the block are of this training, of so many."""
    listener = _LISTENER.get()
    if listener is None:
        yield
        return
    with listening(lambda step: listener(replace(step, training=training, trainings=trainings))):
        yield


def taken(step: TrainingStep) -> None:
    """Tell whoever listens of a step."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(step)
