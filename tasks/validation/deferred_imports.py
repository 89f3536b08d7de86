"""Libraries that another one imports for what we never use: they are imported once that is used after all."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """A module that is imported once anything of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        # This is called only for what is not there, and here nothing is.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def deferred(names: Sequence[str]) -> Iterator[None]:
    """Let modules that are imported in the block stand for these, each imported once anything of it is used.

    What was imported before is left alone, and after the block an import of any of them is as usual.
    """
    standing = {name: _Deferred(name) for name in names if name not in sys.modules}
    sys.modules.update(standing)
    try:
        yield
    finally:
        for name, module in standing.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Let an optional library seem not to be installed to what is imported in the block, unless it was imported before.

    No other thread may import it meanwhile.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to forbid an import
    try:
        yield
    finally:
        del sys.modules[name]
