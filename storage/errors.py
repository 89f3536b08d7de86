"""Errors of the store, with messages that name how the disk failed and the remedy."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from strategy.exit_codes import Exit, Remedied


class StoreError(Remedied):
    """An unusable store (exit 6): what is wrong, and the remedy."""

    exit_code = Exit.STORE


class StoreReadOnly(StoreError):
    """A home folder, or a file in it, that cannot be created or written."""


_FULL = ("No space left on device", "Disk quota exceeded", "File too large", "max_temp_directory_size")
_READ_ONLY = ("Read-only file system", "Permission denied", "Operation not permitted", "Not a directory")
_DAMAGED = (
    "not a valid DuckDB",
    "Could not read enough bytes",
    "Corrupt",
    "checksum",
    "Is a directory",
    "replaying WAL",
)
_FULL_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY_CODES = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT}
_HOLDER = re.compile(r"\(PID (\d+)\)")


def full(path: Path) -> StoreError:
    """Return the error for a full disk, with the free space where `path` lies and the remedy."""
    folder = next(parent for parent in (path, *path.parents) if parent.is_dir())
    free_bytes = shutil.disk_usage(folder).free
    return StoreError(
        f"{path} could not be written: the disk, a quota or the file size limit is exhausted ({free_bytes} bytes of "
        "the disk are free)",
        "nothing was half-written, make room and run the same command again",
    )


def read_only(path: Path, cause: str) -> StoreReadOnly:
    """Return the error for a place that cannot be written, with the cause and the remedy."""
    return StoreReadOnly(f"{path} cannot be written ({cause})", "name a writable folder with --home or TURBODMT_HOME")


def damaged(path: Path, cause: str) -> StoreError:
    """Return the error for a damaged database file, with the remedy."""
    return StoreError(
        f"{path} is damaged or no DuckDB database ({cause})",
        "move it away and restore a copy, or start a new store with another --home",
    )


def locked(path: Path, holder: str, timeout_s: float) -> StoreError:
    """Return the error for a locked store, with its holder and the time waited."""
    return StoreError(
        f"{path} is in use by {holder} and stayed so for {timeout_s:g} s",
        "wait until that process ends, then run the same command again",
    )


def lock_holder(error: duckdb.Error) -> str | None:
    """Return the holder of the database lock, as `process 123`, if that is DuckDB's complaint; else None."""
    text = str(error)
    if "Could not set lock" not in text:
        return None
    match = _HOLDER.search(text)
    return f"process {match.group(1)}" if match else "another process"


def from_system(error: OSError, path: Path) -> StoreError | None:
    """Return the StoreError that an OSError amounts to; None if the disk is not its cause."""
    cause = error.strerror or str(error)
    if error.errno in _FULL_CODES:
        return full(path)
    return read_only(path, cause) if error.errno in _READ_ONLY_CODES else None


def from_database(error: duckdb.Error, path: Path) -> StoreError | None:
    """Return the StoreError that an error of DuckDB amounts to; None if the fault lies in the statement."""
    text = str(error)
    cause = text.splitlines()[0] if text else type(error).__name__
    if any(sign in text for sign in _FULL):
        return full(path)
    if any(sign in text for sign in _DAMAGED):
        return damaged(path, cause)
    return read_only(path, cause) if any(sign in text for sign in _READ_ONLY) else None


@contextmanager
def named_system_failures(path: Path) -> Iterator[None]:
    """Raise an OSError of the block as StoreError if it means a full or unwritable disk."""
    try:
        yield
    except OSError as error:
        failure = from_system(error, path)
        if failure is None:
            raise
        raise failure from error


def interrupted(error: RuntimeError) -> bool:
    """Return whether DuckDB has ended a statement for Ctrl-C, which it raises as an error of Python's own.

    >>> interrupted(RuntimeError("Query interrupted")), interrupted(RuntimeError("dictionary changed size"))
    (True, False)
    """
    text = str(error)
    return "Query interrupted" in text


@contextmanager
def named_database_failures(path: Path) -> Iterator[None]:
    """Raise an error of DuckDB in the block as StoreError if the disk is its cause, and Ctrl-C as KeyboardInterrupt."""
    try:
        yield
    except RuntimeError as error:
        if interrupted(error):
            raise KeyboardInterrupt from error
        raise
    except duckdb.Error as error:
        failure = from_database(error, path)
        if failure is None:
            raise
        raise failure from error
