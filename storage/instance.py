"""DuckDB instances of this process: a file is attached only while a connection uses it; the instance is reused.

Starting an instance registers all of DuckDB's functions, which takes 14 ms of processor time; attaching a file takes
0.6 ms. The file is locked while it is attached, as with a database that is opened and closed.
An instance has threads, which no fork inherits, so the idle one ends before a fork. The caller serialises all calls of
a process.
"""

import atexit
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "2GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instance:
    root: duckdb.DuckDBPyConnection
    connections: set[int] = field(default_factory=set)


#: Instances by the file that they attach.
_INSTANCES: dict[Path, _Instance] = {}
#: Another thread may fork at any moment.
_LOCK = threading.RLock()


def open_connection(path: Path) -> duckdb.DuckDBPyConnection:
    """Attach the file unless it is attached already, and return a connection whose default database it is.

    Raises duckdb.Error, for instance if another process holds the file or it is no database.
    """
    with _LOCK:
        if path not in _INSTANCES:
            _end_idle()
            root = duckdb.connect(":memory:", config={**CONFIG, "temp_directory": f"{path}.tmp"})
            _INSTANCES[path] = _Instance(root=root)
        instance = _INSTANCES[path]
        if not instance.connections:
            instance.root.execute(f"ATTACH {_quoted(path)} AS store (TYPE duckdb)")
        connection = instance.root.cursor()
        instance.connections.add(id(connection))
    connection.execute("USE store")
    return connection


def close_connection(path: Path, connection: duckdb.DuckDBPyConnection, *, broken: bool) -> None:
    """Close the connection; detach the file after the last one, and end an instance that broke."""
    with _LOCK:
        instance = _INSTANCES[path]
        connection.close()
        instance.connections.remove(id(connection))
        if instance.connections:
            return
        try:
            instance.root.execute("DETACH store")
        except duckdb.Error:
            broken = True
        except RuntimeError:
            # Ctrl-C has interrupted it: the next connection attaches the file anew.
            _end(path)
            raise
        if broken:
            _end(path)


def attached(path: Path) -> bool:
    """Return whether a connection of this process holds the file, which no other process can change until it closes."""
    with _LOCK:
        return path in _INSTANCES and bool(_INSTANCES[path].connections)


def _end(path: Path) -> None:
    with suppress(duckdb.Error):
        _INSTANCES.pop(path).root.close()


@atexit.register
def _end_idle() -> None:
    for path in [path for path, instance in _INSTANCES.items() if not instance.connections]:
        _end(path)


def _before_fork() -> None:
    _LOCK.acquire()
    _end_idle()


os.register_at_fork(before=_before_fork, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
