"""DuckDB instances of this process: a file is attached only while a connection uses it; the instance is reused.

Starting an instance registers all of DuckDB's functions, which takes 14 ms of processor time; attaching a file takes
0.6 ms. The file is locked while it is attached, as with a database that is opened and closed.
The caller serialises all calls of a process.
"""

import atexit
import os
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
    process: int
    connections: set[int] = field(default_factory=set)


#: Instances by the file that they attach; at most one of them idles.
_INSTANCES: dict[Path, _Instance] = {}
#: Instances inherited by a fork have no threads: closing one could block for ever, so they are kept and not touched.
_INHERITED: list[_Instance] = []


def open_connection(path: Path) -> duckdb.DuckDBPyConnection:
    """Attach the file unless it is attached already, and return a connection whose default database it is.

    Raises duckdb.Error, for instance if another process holds the file or it is no database.
    """
    instance = _instance_of(path)
    if not instance.connections:
        instance.root.execute(f"ATTACH {_quoted(path)} AS store (TYPE duckdb)")
    connection = instance.root.cursor()
    connection.execute("USE store")
    instance.connections.add(id(connection))
    return connection


def close_connection(path: Path, connection: duckdb.DuckDBPyConnection, *, broken: bool) -> None:
    """Close the connection; detach the file after the last one, and discard a broken instance."""
    instance = _INSTANCES[path]
    connection.close()
    instance.connections.remove(id(connection))
    if instance.connections:
        return
    try:
        instance.root.execute("DETACH store")
    except duckdb.Error:
        broken = True
    if broken:
        _end(path)


def _instance_of(path: Path) -> _Instance:
    for other, instance in list(_INSTANCES.items()):
        if instance.process != os.getpid():
            _INHERITED.append(_INSTANCES.pop(other))
        elif other != path and not instance.connections:
            _end(other)
    if path not in _INSTANCES:
        root = duckdb.connect(":memory:", config={**CONFIG, "temp_directory": f"{path}.tmp"})
        _INSTANCES[path] = _Instance(root=root, process=os.getpid())
    return _INSTANCES[path]


def _end(path: Path) -> None:
    with suppress(duckdb.Error):
        _INSTANCES.pop(path).root.close()


@atexit.register
def _end_all() -> None:
    for path, instance in list(_INSTANCES.items()):
        if instance.process == os.getpid():
            _end(path)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
