"""Atomic writing of files, readable by their owner only."""

import os
from pathlib import Path

from storage.errors import named_system_failures


def write_whole(path: Path, data: bytes) -> Path:
    """Write `data` to the path atomically and return the path: write a temporary file beside it, fsync it, rename it.

    The folder is created (0700) if need be; the file is 0600. Temporary files of killed processes are removed.
    Raises StoreError.
    """
    with named_system_failures(path):
        private_folder(path.parent)
        sweep(path.parent)
        temporary = temporary_beside(path)
        try:
            _write_synced(temporary, data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    return path


def private_folder(folder: Path) -> None:
    """Create the folder and its missing parents with mode 0700. Raises StoreError."""
    with named_system_failures(folder):
        for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(folder))


def temporary_beside(path: Path) -> Path:
    """Return the path of this process's temporary file for `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def sweep(folder: Path) -> None:
    """Delete from the folder the temporary files of processes that are no longer alive."""
    for leftover in folder.glob(".*.*.tmp"):
        owner = leftover.name.split(".")[-2]
        if owner.isdecimal() and not alive(int(owner)):
            leftover.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Return whether a process with that id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Fsync the folder: a rename is durable only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
