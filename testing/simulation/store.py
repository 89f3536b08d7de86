"""The store of a simulation: DuckDB in memory, which outlives the process that dies, and fails as the dice say."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from storage import database, instance
from storage.errors import StoreError
from testing.simulation.statement_cache import Remembered

_MIGRATE = database.migrate
#: Asked of every connection that is opened; here it is always the same one, which was asked once.
_ZONE = "SET TimeZone = 'UTC'"


class Killed(BaseException):
    """The process is gone at this very call."""


@dataclass
class Dice:
    """Chances of a fault in a call, and how often each fell; `calm` stops them all."""

    seed: int
    kill_rate: float = 0.0015
    lock_rate: float = 0.001
    full_rate: float = 0.001
    calm: bool = False
    thrown: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(f"dice {self.seed}")

    def hit(self, rate: float, what: str) -> bool:
        """Return whether it happens now."""
        if self.calm or self._random.random() >= rate:
            return False
        self.thrown[what] += 1
        return True

    def maybe_kill(self, where: str) -> None:
        if self.hit(self.kill_rate, f"killed at {where}"):
            raise Killed(where)


class Watched:
    """A connection whose every statement may be the last."""

    def __init__(self, store: duckdb.DuckDBPyConnection, dice: Dice, remembered: Remembered) -> None:
        self._store, self._dice, self._remembered = store, dice, remembered

    def execute(self, statement: str, *given: Any) -> Any:
        # Who is dying does not die again while its transaction is rolled back.
        if statement != "ROLLBACK":
            reads = statement.startswith(("SELECT", "WITH", "FROM"))
            self._dice.maybe_kill("a query" if reads else "a statement")
        if statement == _ZONE:
            return None
        return self._remembered.execute(statement, *given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _empty() -> duckdb.DuckDBPyConnection:
    store = duckdb.connect(":memory:", config={**instance.CONFIG, "threads": 1})
    store.execute(_ZONE)
    return store


@cache
def _tables() -> str:
    """Return the SQL that makes what all migrations make, and records them: it takes a sixth of their time."""
    store = _empty()
    _MIGRATE(store, database.MIGRATIONS)
    made = store.execute("SELECT sql FROM duckdb_tables() WHERE NOT internal").fetchall()
    made += store.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    rows = store.execute("SELECT number, name, sha256 FROM migrations ORDER BY number").fetchall()
    store.close()
    recorded = ", ".join(f"({number}, '{name}', '{digest}')" for number, name, digest in rows)
    return "".join([*(sql for (sql,) in made), f"INSERT INTO migrations VALUES {recorded};"])


@contextmanager
def stored_in_memory(home: Path, dice: Dice) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database behind `storage.database.connect` while the block runs."""
    whole = _empty()
    whole.execute(_tables())
    # Planning well takes longer than reading tables of so few rows badly.
    names = whole.execute("SELECT string_agg(name, ',') FROM duckdb_optimizers()").fetchone()
    assert names is not None
    whole.execute(f"SET GLOBAL disabled_optimizers = '{names[0]}'")
    remembered = Remembered(whole)
    opened, migrate = database._opened, database.migrate

    @contextmanager
    def open_watched(path: Path, timeout_s: float) -> Iterator[Any]:
        dice.maybe_kill("opening the store")
        if dice.hit(dice.lock_rate, "store locked"):
            raise StoreError(f"{path} is locked by process 1 for more than {timeout_s:.0f} s; try again")
        if dice.hit(dice.full_rate, "disk full"):
            raise StoreError(f"{path} cannot grow: the disk is full; free some space")
        yield Watched(whole, dice, remembered)

    database._opened = open_watched
    # Looking for new migrations would take half of the time.
    database.migrate = lambda connection, folder: ()
    try:
        home.mkdir(parents=True, exist_ok=True)
        yield whole
    finally:
        database._opened, database.migrate = opened, migrate
        whole.close()
