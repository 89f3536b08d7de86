"""Progress of long work that counts its pieces, reported to a listener; it never affects a result."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


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


Listener = Callable[[WorkStep], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("work_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call the listener for every step of the work inside the block."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def told(step: WorkStep) -> None:
    """Report a step to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(step)


def counted(items: Iterable[T], work: WorkName, total: int) -> Iterator[T]:
    """Yield the items, and report each as done once the next is asked for.

    >>> steps = []
    >>> with listening(lambda step: steps.append(f"{step.done} of {step.total} {step.work.unit}")):
    ...     list(counted("ab", WorkName(name="Letters", unit="letters"), 2))
    ['a', 'b']
    >>> steps
    ['0 of 2 letters', '1 of 2 letters', '2 of 2 letters']
    """
    told(WorkStep(work=work, done=0, total=total))
    for done, item in enumerate(items, 1):
        yield item
        told(WorkStep(work=work, done=done, total=total))
