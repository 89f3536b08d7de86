"""Training progress, and what lies ahead, reported to a listener; it never affects a result."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingAhead:
    """So many trainings are about to begin; `seconds` is how long all of them usually take, None if not known yet."""

    trainings: int
    seconds: float | None


Listener = Callable[[TrainingStep | TrainingAhead], None]

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
def also_listening(listener: Listener) -> Iterator[None]:
    """Call the listener for every step inside the block, after the one outside of it, if there is one."""
    outer = _LISTENER.get()

    def heard(said: TrainingStep | TrainingAhead) -> None:
        if outer is not None:
            outer(said)
        listener(said)

    with listening(heard):
        yield


@contextmanager
def one_of(training: int, trainings: int) -> Iterator[None]:
    """Report the steps inside the block as those of this training, out of so many."""
    listener = _LISTENER.get()
    if listener is None:
        yield
        return

    def heard(said: TrainingStep | TrainingAhead) -> None:
        if isinstance(said, TrainingStep):
            said = replace(said, training=training, trainings=trainings)
        listener(said)

    with listening(heard):
        yield


def ahead(said: TrainingAhead) -> None:
    """Report to the listener, if there is one, that trainings are about to begin."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(said)


def taken(step: TrainingStep) -> None:
    """Report a step to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(step)
