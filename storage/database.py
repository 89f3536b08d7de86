"""The home's DuckDB database: opening it, migrating its tables, and transactions."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from pathlib import Path
from re import fullmatch

import duckdb

from storage.errors import (
    StoreError,
    damaged,
    from_database,
    lock_holder,
    locked,
    named_database_failures,
    named_system_failures,
)
from storage.files import private_folder, sweep, temporary_beside
from storage.instance import CONFIG, attached, close_connection, open_connection

Connection = duckdb.DuckDBPyConnection

DATABASE_NAME = "turbodmt.duckdb"
MIGRATIONS = Path(__file__).parent / "migrations"

#: DuckDB locks the file against other processes but not against threads of this one; we allow one writer in both cases.
_WRITER = threading.RLock()
_RETRY_S = 0.05
#: Seconds that a person waits for a store that another process holds.
PATIENCE_S = 10.0


class _Patience:
    """Seconds that are left to wait in all."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s


_PATIENCE: ContextVar[_Patience | None] = ContextVar("patience", default=None)

#: Connections (by id) with an open transaction: a second BEGIN, to find out, would abort the first.
_IN_TRANSACTION: set[int] = set()


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Wait so long in all for a store that is held, inside the block; after that, PATIENCE_S each time."""
    before = _PATIENCE.set(_Patience(seconds))
    try:
        yield
    finally:
        _PATIENCE.reset(before)


@contextmanager
def connect(home: Path, *, timeout_s: float | None = None) -> Iterator[Connection]:
    """Yield an open connection to the home's database, tables migrated, time zone UTC; close it at the end.

    Creates the home (0700) and the file (0600). Keep the block short: while the connection is open, no other process or
    thread can open one. Raises StoreError, for a lock after `timeout_s`, or as long as `patient` says; an error of
    DuckDB inside the block is raised as one too if the disk is its cause.
    """
    path = home / DATABASE_NAME
    if timeout_s is None:
        patience = _PATIENCE.get()
        timeout_s = PATIENCE_S if patience is None else max(PATIENCE_S, patience.left_s)
    if not _WRITER.acquire(timeout=timeout_s):
        raise locked(path, f"process {os.getpid()}", timeout_s)
    try:
        private_folder(home)
        with named_database_failures(path):
            if not path.exists():
                with named_system_failures(path):
                    _create(path)
            # While this process holds the file, no other one can have changed its tables.
            checked = attached(path)
            with _opened(path, timeout_s) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                if not checked:
                    migrate(connection, MIGRATIONS)
                yield connection
    finally:
        _WRITER.release()


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the block in a transaction: commit at its end, roll back if it raises. A nested block joins the outer one."""
    if id(connection) in _IN_TRANSACTION:
        yield
        return
    connection.execute("BEGIN TRANSACTION")
    _IN_TRANSACTION.add(id(connection))
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A failed COMMIT has rolled back already, and after a damaged page no rollback is possible: the first error
        # is the informative one.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise
    finally:
        _IN_TRANSACTION.discard(id(connection))


@contextmanager
def lent(connection: Connection, name: str, frame: object) -> Iterator[None]:
    """Make the frame readable under that name in the SQL of the block."""
    connection.register(name, frame)
    try:
        yield
    except BaseException:
        # In an aborted transaction unregistering fails too; the original error is the one to report.
        with suppress(duckdb.Error):
            connection.unregister(name)
        raise
    connection.unregister(name)


def migrate(connection: Connection, folder: Path) -> tuple[int, ...]:
    """Apply pending migrations, each with its record in one transaction; return their numbers.

    Raises StoreError if a migration was edited after it had been applied, two have the same number, or the database is
    newer than the code.
    """
    recorded, scripts = _recorded(connection), _scripts(folder)
    _check_known(recorded, scripts)
    pending = tuple(number for number in sorted(scripts) if number not in recorded)
    for number in pending:
        with transaction(connection):
            connection.execute(scripts[number].read_text(encoding="utf-8"))
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?)", [number, scripts[number].name, _digest(scripts[number])]
            )
    return pending


def _recorded(connection: Connection) -> dict[int, str]:
    """Return the digests of the applied migrations, after making their table if there is none."""
    try:
        rows = connection.execute("SELECT number, sha256 FROM migrations").fetchall()
    except duckdb.CatalogException:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(number INTEGER PRIMARY KEY, name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL)"
        )
        return {}
    return dict(sorted(rows))


def _scripts(folder: Path) -> dict[int, Path]:
    """Return the migrations by number. Raises StoreError for two of one number, of which only one would be applied."""
    return _numbered(folder, tuple(sorted(path.name for path in folder.iterdir())))


@cache
def _numbered(folder: Path, names: tuple[str, ...]) -> dict[int, Path]:
    scripts: dict[int, Path] = {}
    for path in (folder / name for name in names if fullmatch(r"\d{4}_.*\.sql", name)):
        number = int(path.name[:4])
        if number in scripts:
            raise StoreError(
                f"migrations {scripts[number].name} and {path.name} have the same number, {number}",
                "give the newer one the next free number",
            )
        scripts[number] = path
    return scripts


def _check_known(recorded: dict[int, str], scripts: dict[int, Path]) -> None:
    for number, digest in recorded.items():
        if number not in scripts:
            raise StoreError(
                f"the store was written by a newer version: it has migration {number}, this code ends at "
                f"{max(scripts, default=0)}",
                "install the newer version",
            )
        if _digest(scripts[number]) != digest:
            raise StoreError(
                f"migration {scripts[number].name} was changed after this store had applied it (as {digest[:12]})",
                "install the version that wrote the store, and put changes into a new migration",
            )


def _digest(script: Path) -> str:
    return _digest_of(script, script.stat().st_mtime_ns)


@cache
def _digest_of(script: Path, _modified_ns: int) -> str:
    return sha256(script.read_bytes()).hexdigest()


def _create(path: Path) -> None:
    """Create an empty database atomically: a kill midway must not leave an invalid file."""
    sweep(path.parent)
    temporary = temporary_beside(path)
    try:
        duckdb.connect(str(temporary), config=CONFIG).close()
        temporary.chmod(0o600)
        # A link, unlike a rename, never replaces a file that another process created meanwhile.
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, timeout_s: float) -> Iterator[Connection]:
    start_s, patience = time.monotonic(), _PATIENCE.get()
    try:
        while (connection := _try_to_open(path, timeout_s, start_s)) is None:
            time.sleep(_RETRY_S)
    finally:
        if patience is not None:
            patience.left_s -= time.monotonic() - start_s
    broken = False
    try:
        yield connection
    except (duckdb.FatalException, duckdb.InternalException):
        broken = True
        raise
    finally:
        close_connection(path, connection, broken=broken)


def _try_to_open(path: Path, timeout_s: float, start_s: float) -> Connection | None:
    try:
        return open_connection(path)
    except duckdb.Error as error:
        holder = lock_holder(error)
        if holder is None:
            raise from_database(error, path) or damaged(path, str(error)) from error
        if time.monotonic() - start_s >= timeout_s:
            raise locked(path, holder, timeout_s) from error
        return None
