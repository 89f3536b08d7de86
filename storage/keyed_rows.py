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
    def fixed(self) -> tuple[str, ...]:
        """The columns that stay as they were written first."""
        return (*self.key, *self.values)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order of a row."""
        return (*self.fixed, *self.changing)


Row = tuple[object, ...]

#: Rows per statement: one statement for any usual day, and no endless one for a long list of findings.
_CHUNK = 200


def insert_once(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """How many rows were new. Rows hold the table's columns in order, Decimals rounded to the ledger's twelve places.

    Raises LedgerConflict if a stored row, or another one of these, differs in more than the changing columns.
    """
    written = 0
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        known = _stored(connection, table, chunk)
        fresh = []
        for row in chunk:
            key, fixed = row[: len(table.key)], row[: len(table.fixed)]
            if key not in known:
                known[key] = fixed
                fresh.append(row)
            elif known[key] != fixed:
                raise LedgerConflict(
                    f"{table.name} already holds another row for {', '.join(map(str, key))}: stored {known[key]}, "
                    f"to be written {fixed}; start a new account, or keep the stored one"
                )
        if fresh:
            # Names come from the tables of this package alone; values are bound.
            statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES {_marks(fresh)}"  # noqa: S608
            connection.execute(statement, [value for row in fresh for value in row])
        written += len(fresh)
    return written


def _stored(connection: Connection, table: Table, rows: Sequence[Row]) -> dict[Row, Row]:
    """What is stored under the keys of the rows, without the changing columns.

    Reading before writing is cheaper than ON CONFLICT DO NOTHING, and safe where there is one writer.
    """
    keys = [row[: len(table.key)] for row in rows]
    where = f"({', '.join(table.key)}) IN ({_marks(keys)})"
    statement = f"SELECT {', '.join(table.fixed)} FROM {table.name} WHERE {where}"  # noqa: S608 (as above)
    found = connection.execute(statement, [value for key in keys for value in key]).fetchall()
    return {row[: len(table.key)]: row for row in found}


def _marks(rows: Sequence[Row]) -> str:
    """A bound parameter for every value of the rows."""
    return ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
