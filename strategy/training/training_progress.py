"""Training progress, reported to a listener; it never affects a result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """A completed step, out of `most` at most, since a training may stop early. Both count all members together.

    `training` is the number of this training among the `trainings` of a walk-forward.
    """

    step: int
    most: int
    training: int = 1
    trainings: int = 1


Listener = Callable[[TrainingStep], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("training_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call the listener for every step of the trainings inside the block."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


@contextmanager
def one_of(training: int, trainings: int) -> Iterator[None]:
    """Report the steps inside the block as those of this training, out of so many."""
    listener = _LISTENER.get()
    if listener is None:
        yield
        return
    with listening(lambda step: listener(replace(step, training=training, trainings=trainings))):
        yield


def taken(step: TrainingStep) -> None:
    """Report a step to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(step)
