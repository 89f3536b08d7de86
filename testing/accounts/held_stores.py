"""Stores that stay attached between the connections of a test: attaching takes 4 ms, and a day connects fifty times."""

import _posixsubprocess
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storage import database, instance
from storage.database import Connection


@dataclass(slots=True)
class _Keepers:
    """One connection more to each store, which keeps it attached; none once a child, which may want it, has started."""

    of: dict[Path, tuple[Connection, int]] = field(default_factory=dict)
    may_hold: bool = False

    def open(self, path: Path) -> Connection:
        """The connection that `storage.instance` opens; a file that was replaced is attached anew."""
        if path in self.of and not (path.exists() and path.stat().st_ino == self.of[path][1]):
            self.release(path)
        connection = instance.open_connection(path)
        if self.may_hold and path not in self.of:
            self.of[path] = instance.open_connection(path), path.stat().st_ino
        return connection

    def release(self, path: Path) -> None:
        """Let go of the store."""
        instance.close_connection(path, self.of.pop(path)[0], broken=False)

    def release_all(self) -> None:
        """Let go of every store, and hold none from now on."""
        self.may_hold = False
        for path in list(self.of):
            self.release(path)


_KEEPERS = _Keepers()
#: The module whose way to a connection is changed.
_DATABASE: Any = database
os.register_at_fork(before=_KEEPERS.release_all)


def _released_before(start: Callable[..., int]) -> Callable[..., int]:
    def started(*given: Any) -> int:
        _KEEPERS.release_all()
        return start(*given)

    return started


# No hook of os.register_at_fork runs before these.
subprocess._fork_exec = _released_before(subprocess._fork_exec)  # type: ignore[attr-defined]  # of the standard library
_posixsubprocess.fork_exec = _released_before(_posixsubprocess.fork_exec)


@contextmanager
def stores_held() -> Iterator[None]:
    """While the block runs, a store that was opened stays attached, until this process starts another."""
    opened = instance.open_connection
    _DATABASE.open_connection = _KEEPERS.open
    _KEEPERS.may_hold = True
    try:
        yield
    finally:
        _DATABASE.open_connection = opened
        _KEEPERS.release_all()
