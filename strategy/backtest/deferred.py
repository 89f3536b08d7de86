"""Values that are built when they are first read: of most accounts of a backtest, only the equity ever is."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Deferred(Sequence[T], Generic[T]):
    """A tuple of `count` values that is built when it is first read; equal to any sequence of the same values.

    >>> squares = Deferred(3, lambda: [number**2 for number in range(3)])
    >>> len(squares), squares[-1], squares == (0, 1, 4)
    (3, 4, True)
    """

    __slots__ = ("_build", "_count", "_values")

    def __init__(self, count: int, build: Callable[[], Sequence[T]]) -> None:
        self._count = count
        self._build: Callable[[], Sequence[T]] | None = build
        self._values: tuple[T, ...] = ()

    def _built(self) -> tuple[T, ...]:
        if self._build is not None:
            self._values, self._build = tuple(self._build()), None
        return self._values

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._built()[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._built())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Deferred):
            return self._built() == other._built()
        return self._built() == other

    def __hash__(self) -> int:
        return hash(self._built())

    def __repr__(self) -> str:
        return repr(self._built())
