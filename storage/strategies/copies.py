"""Copies of strategy files in the home, named by the sha256 of their bytes."""

from hashlib import sha256
from pathlib import Path

from storage.files import write_whole
from strategy.exit_codes import UsageError

FOLDER = "strategies"
#: Largest file of a strategy, in bytes.
MOST_BYTES = 1_000_000


def digest(source: bytes) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    return sha256(source).hexdigest()


def save(home: Path, source: bytes) -> str:
    """Keep a copy of the file's bytes, readable by the owner only, and return their sha256."""
    name = digest(source)
    path = copy_of(home, name)
    if not (path.exists() and path.read_bytes() == source):
        write_whole(path, source)
    return name


def load(home: Path, name: str) -> bytes:
    """Return the bytes of the copy. Raises UsageError if it is missing or is not what its name says."""
    path = copy_of(home, name)
    try:
        source = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing; name the strategy's file again with --strategy") from error
    if digest(source) != name:
        raise UsageError(f"{path} holds {digest(source)[:12]}, not {name[:12]}; delete it and name the file again")
    return source


def copy_of(home: Path, name: str) -> Path:
    """Return the path of the copy with that sha256."""
    return home / FOLDER / f"{name}.py"
