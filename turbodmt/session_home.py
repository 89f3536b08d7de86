"""Temporary home of this process: its backtests leave no trace in the user's, and count each other as trials."""

import atexit
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

#: The homes made so far, the one in use last.
_HOMES: list[Path] = []
#: Time of change and size of each file that was tested on in the home in use.
_STAMPS: dict[Path, tuple[int, int]] = {}


def session_home(file: Path | None = None) -> Path:
    """Return the temporary home of this process; it is deleted when the process ends.

    It is a fresh one if `file` has changed since it was last named: bars of its old content must not mix with the new.
    """
    stamp = _stamp(file) if file is not None else None
    if not _HOMES or (file is not None and stamp is not None and _STAMPS.get(file, stamp) != stamp):
        _STAMPS.clear()
        _HOMES.append(_made())
    if file is not None and stamp is not None:
        _STAMPS[file] = stamp
    return _HOMES[-1]


def _stamp(file: Path) -> tuple[int, int] | None:
    """Return when the file was changed and its size; None if there is none, which the source reports."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _made() -> Path:
    folder = Path(mkdtemp(prefix="turbodmt-"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    """Delete the folder, unless this process is only a fork of its owner."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
