"""Rows with a natural key, written once: the same row again is no news, another one under its key is a conflict."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.database import Connection


class LedgerConflict(Exception):
    """A stored row differs from the one that was to be written under its key: two runs disagree about the past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's name and columns, its natural key first; those in `changing` may differ when written again."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    changing: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order of a row."""
        return (*self.key, *self.values, *self.changing)


Row = tuple[object, ...]

#: Rows per statement: one statement for any usual day, and no endless one for a long list of findings.
_CHUNK = 200


def insert_once(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """How many rows were new. Rows hold the table's columns in order, Decimals rounded to the ledger's twelve places.

    Raises LedgerConflict if a stored row differs in more than the changing columns.
    """
    written = 0
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        marks = ", ".join([f"({', '.join('?' * len(table.columns))})"] * len(chunk))
        # Names come from the tables of this package alone; values are bound.
        statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES {marks} ON CONFLICT DO NOTHING"  # noqa: S608
        count = connection.execute(statement, [value for row in chunk for value in row]).fetchone()
        fresh = int(count[0]) if count else 0
        if fresh < len(chunk):
            _refuse_differences(connection, table, chunk)
        written += fresh
    return written


def _refuse_differences(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    fixed = (*table.key, *table.values)
    width = len(table.key)
    where = " AND ".join(f"{column} = ?" for column in table.key)
    statement = f"SELECT {', '.join(fixed)} FROM {table.name} WHERE {where}"  # noqa: S608
    for row in rows:
        stored = connection.execute(statement, list(row[:width])).fetchone()
        if stored != row[: len(fixed)]:
            raise LedgerConflict(
                f"{table.name} already holds another row for {', '.join(map(str, row[:width]))}: stored {stored}, "
                f"to be written {row[: len(fixed)]}; start a new account, or keep the stored one"
            )
