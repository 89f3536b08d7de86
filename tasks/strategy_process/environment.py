"""Refusal of environment variables to a strategy's own file; packages and the standard library may read them."""

import _collections_abc
import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, ClassVar

from tasks.strategy_process.outside_world import Guard

#: What stands between a file and the variable that it reads: `os.getenv`, and the methods of mappings.
_BETWEEN = frozenset({os.__file__, _collections_abc.__file__, "<frozen os>", "<frozen _collections_abc>", __file__})


class Environment(os._Environ[Any]):
    """The variables of this process, which the guarded file may set and not read."""

    guard: ClassVar[Guard]

    def __getitem__(self, name: Any) -> Any:
        _demand_another_reader(self.guard, f"reads the environment variable {os.fsdecode(name)}")
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[Any]:
        _demand_another_reader(self.guard, "reads the environment variables")
        return super().__iter__()

    def setdefault(self, name: Any, value: Any = None, /) -> Any:
        """Set the variable if it is not set, as `MutableMapping.setdefault`, and return it."""
        try:
            return super().__getitem__(name)
        except KeyError:
            self[name] = value
        return value


def guard_environment(guard: Guard) -> None:
    """Refuse the variables of this process to the guarded file, to which they would look unset."""
    Environment.guard = guard
    for variables in (os.environ, os.environb):
        variables.__class__ = Environment


def _demand_another_reader(guard: Guard, what: str) -> None:
    """Raise the refusal if the strategy's own file reads; what a module of the library reads is its own business."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    if frame is not None and frame.f_code.co_filename == guard.origin:
        raise guard.refuse(what)
