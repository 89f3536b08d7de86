"""Refusal of the system's state to a strategy's own file: files' existence and sizes, the process and the machine.

Libraries may read it; no audit event shows it, so the functions of `os` are replaced.
"""

import genericpath
import os
import pathlib
import posixpath
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from tasks.strategy_process.outside_world import Guard

#: What stands between a file and the state that it reads: functions of paths.
_BETWEEN = frozenset({genericpath.__file__, posixpath.__file__, pathlib.__file__, os.__file__, __file__}) | {
    *("<frozen genericpath>", "<frozen posixpath>", "<frozen os>")
}
_OF_PROCESS = ("getpid", "getppid", "uname", "getlogin", "getcwd", "getloadavg", "cpu_count", "times")


def guard_system_state(guard: Guard) -> None:
    """Refuse the functions of `os` that tell of files and of this process to the guarded file."""
    for name in ("stat", "lstat"):
        _replace(name, _guarded_stat(guard, getattr(os, name)))
    _replace("access", _guarded_access(guard, os.access))
    for name in _OF_PROCESS:
        if hasattr(os, name):
            _replace(name, _guarded(guard, name, getattr(os, name)))


def _replace(name: str, function: Callable[..., Any]) -> None:
    """Put the function in its place, and into the sets in which `os` says what it can do."""
    original = getattr(os, name)
    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if original in able:
            able.add(function)
    setattr(os, name, function)


def _guarded_stat(guard: Guard, original: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    follows = original in os.supports_follow_symlinks

    def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        if not isinstance(path, int) and _file_asks(guard) and not guard.readable(path):
            raise guard.refuse(f"looks for {os.fsdecode(path)}")
        if follows:
            return original(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        return original(path, dir_fd=dir_fd)

    return stat


def _guarded_access(guard: Guard, original: Callable[..., bool]) -> Callable[..., bool]:
    def access(
        path: Any, mode: int, *, dir_fd: int | None = None, effective_ids: bool = False, follow_symlinks: bool = True
    ) -> bool:
        if not isinstance(path, int) and _file_asks(guard) and not guard.readable(path):
            raise guard.refuse(f"looks for {os.fsdecode(path)}")
        return original(path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks)

    return access


def _guarded(guard: Guard, name: str, original: Callable[[], object]) -> Callable[[], object]:
    def read() -> object:
        # Functions of paths take the working directory for those that are not whole, which says nothing yet.
        if sys._getframe(1).f_code.co_filename == guard.origin:
            raise guard.refuse(f"reads the state of the machine with os.{name}")
        return original()

    return read


def _file_asks(guard: Guard) -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == guard.origin
