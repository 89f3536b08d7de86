"""Answers of a store to statements that only read, each kept until a table behind it is written.

A simulated day asks the same things many times over, and DuckDB plans a statement for longer than it runs it on tables
of so few rows. The whole simulation is one thread of one process, so that nothing is written unseen.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

_WORD = re.compile(r"\w+")
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")
#: What DuckDB answers to an INSERT, UPDATE or DELETE that found no row to write.
_NOTHING_CHANGED = [(0,)]
#: Writes that find nothing left to do when they are repeated at once, whatever else is there.
_DONE_ONCE = re.compile(r"DELETE FROM \w+ WHERE (?!.*\b(?:SELECT|USING)\b)", re.DOTALL)


@dataclass
class Answer:
    """The result of a statement, run when it is first fetched; the caller may change what it fetched."""

    fetched: dict[str, Any] = field(default_factory=dict)
    ask: Callable[[], duckdb.DuckDBPyConnection] = field(init=False)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._fetched("fetchall"))

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self._fetched("fetchall")), None)

    @property
    def description(self) -> list[tuple[Any, ...]]:
        return list(self._fetched("description"))

    def fetchnumpy(self) -> dict[str, Any]:
        return {name: column.copy() for name, column in self._fetched("fetchnumpy").items()}

    def df(self) -> Any:
        return self._fetched("df").copy()

    def _fetched(self, how: str) -> Any:
        if how not in self.fetched:
            result = self.ask()
            self.fetched["description"] = result.description
            if how != "description":
                self.fetched[how] = getattr(result, how)()
        return self.fetched[how]


class Remembered:
    """The answers of one store whose tables are all made; what a temporary table answers is not kept.

    A transaction begins with its first statement that has to be asked, so that one that writes nothing costs nothing.
    """

    def __init__(self, store: duckdb.DuckDBPyConnection) -> None:
        tables = {name for (name,) in store.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        views = store.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal").fetchall()
        self._store = store
        self._behind = {name: {name} for name in tables} | {
            name: set(_WORD.findall(sql)) & tables for name, sql in views
        }
        self._written = dict.fromkeys(tables, 0)
        self._parsed: dict[str, duckdb.Statement] = {}
        self._tables: dict[str, tuple[str, ...]] = {}
        self._reads: dict[str, bool] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self._done: dict[tuple[str, str], list[int]] = {}
        self._wanted = self._begun = False

    def execute(self, statement: str, *given: Any) -> Any:
        """The statement's answer, asked again only if a table that it reads was written since."""
        if statement in ("BEGIN TRANSACTION", "COMMIT", "ROLLBACK"):
            return self._bound(statement)
        if statement not in self._tables:
            self._tables[statement] = self._behind_all(statement)
        tables = self._tables[statement]
        if self._only_reads(statement):
            key = (statement, repr((given, self._counts(tables))))
            answer = self._answers.setdefault(key, Answer())
            answer.ask = lambda: self._told(statement, *given)
            return answer
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            return Answer({"fetchall": self._write(statement, tables, *given)})
        self._note_written(tables)
        return self._asked(statement, *given)

    def _bound(self, statement: str) -> None:
        """Begin a transaction once it is needed, and end it if it was."""
        if statement == "BEGIN TRANSACTION":
            self._wanted = True
            return
        if self._begun:
            self._told(statement)
            if statement == "ROLLBACK":
                self._note_written(tuple(self._written))
                self._done.clear()
        self._wanted = self._begun = False

    def _write(self, statement: str, tables: tuple[str, ...], *given: Any) -> list[tuple[Any, ...]]:
        """Return the store's answer; write nothing if the same was just done and no table has changed since."""
        key = (statement, repr(given))
        if self._done.get(key) == self._counts(tables):
            return _NOTHING_CHANGED
        rows: list[tuple[Any, ...]] = self._asked(statement, *given).fetchall()
        if rows != _NOTHING_CHANGED:
            self._note_written(tables)
        if _DONE_ONCE.match(statement):
            self._done[key] = self._counts(tables)
        return rows

    def _asked(self, statement: str, *given: Any) -> Any:
        if self._wanted and not self._begun:
            self._told("BEGIN TRANSACTION")
            self._begun = True
        return self._told(statement, *given)

    def _told(self, statement: str, *given: Any) -> Any:
        """The store's answer to the statement, which is parsed but once: that takes up to half of its time."""
        if statement not in self._parsed:
            (self._parsed[statement],) = self._store.extract_statements(statement)
        return self._store.execute(self._parsed[statement], *given)

    def _counts(self, tables: tuple[str, ...]) -> list[int]:
        return [self._written[table] for table in tables]

    def _only_reads(self, statement: str) -> bool:
        """Return whether it reads what the store keeps, and nothing else."""
        if statement not in self._reads:
            named = set(_READ.findall(statement))
            self._reads[statement] = statement.lstrip().startswith("SELECT") and named <= self._behind.keys()
        return self._reads[statement]

    def _behind_all(self, statement: str) -> tuple[str, ...]:
        """The tables that it reads or may write."""
        return tuple(set().union(*(self._behind.get(word, ()) for word in _WORD.findall(statement))))

    def _note_written(self, tables: tuple[str, ...]) -> None:
        for table in tables:
            self._written[table] += 1
