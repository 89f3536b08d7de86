"""Progress of long work, reported to a listener: counted pieces and steps of trainings; it never affects a result."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeVar

T = TypeVar("T")
G = TypeVar("G", bound=Sized)
#: Pieces of a work up to which each is reported.
MOST_STEPS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkName:
    """The name of a work, as a sentence begins, and what its pieces are called, in the plural."""

    name: str
    unit: str


#: Bars that a source is asked for, symbol by symbol.
FETCHING = WorkName(name="Fetching bars", unit="symbols")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStep:
    """So many of the `total` pieces of a work are done; 0 when it begins."""

    work: WorkName
    done: int
    total: int


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


Said = WorkStep | TrainingStep | TrainingAhead
Listener = Callable[[Said], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("work_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call the listener for every step of the work inside the block."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


@contextmanager
def also_listening(listener: Listener) -> Iterator[None]:
    """Call the listener for every step inside the block, after the one outside of it, if there is one."""
    outer = _LISTENER.get()

    def heard(said: Said) -> None:
        if outer is not None:
            outer(said)
        listener(said)

    with listening(heard):
        yield


@contextmanager
def one_of(training: int, trainings: int) -> Iterator[None]:
    """Report the training steps inside the block as those of this training, out of so many."""
    listener = _LISTENER.get()
    if listener is None:
        yield
        return

    def heard(said: Said) -> None:
        if isinstance(said, TrainingStep):
            said = replace(said, training=training, trainings=trainings)
        listener(said)

    with listening(heard):
        yield


def told(said: Said) -> None:
    """Report a step, or what lies ahead, to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(said)


def counted(items: Iterable[T], work: WorkName, total: int) -> Iterator[T]:
    """Yield the items, and report each as done once the next is asked for; of many, MOST_STEPS at least and the last.

    >>> steps = []
    >>> with listening(lambda step: steps.append(f"{step.done} of {step.total} {step.work.unit}")):
    ...     list(counted("ab", WorkName(name="Letters", unit="letters"), 2))
    ['a', 'b']
    >>> steps
    ['0 of 2 letters', '1 of 2 letters', '2 of 2 letters']
    """
    told(WorkStep(work=work, done=0, total=total))
    # To say that a day of a backtest is done takes as long as the day.
    stride = max(1, total // MOST_STEPS)
    for done, item in enumerate(items, 1):
        yield item
        if not done % stride or done == total:
            told(WorkStep(work=work, done=done, total=total))


def counted_together(groups: Iterable[G], work: WorkName, total: int) -> Iterator[G]:
    """Yield groups of items, each done at once, and report the items of a group as done once the next is asked for.

    >>> steps = []
    >>> with listening(lambda step: steps.append(step.done)):
    ...     list(counted_together(["ab", "c"], WorkName(name="Letters", unit="letters"), 3))
    ['ab', 'c']
    >>> steps
    [0, 2, 3]
    """
    told(WorkStep(work=work, done=0, total=total))
    done = 0
    for group in groups:
        yield group
        done += len(group)
        told(WorkStep(work=work, done=done, total=total))
