"""Rows written once under a natural key: an identical row again is a no-op, a different one under its key conflicts."""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.database import Connection
from strategy.exit_codes import Exit


class LedgerConflict(Exception):
    """A stored row that differs from the one to be written under its key: two runs disagree (exit 7)."""

    exit_code = Exit.RECONCILIATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's name and columns, its natural key first; those in `changing` may differ when written again."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    changing: tuple[str, ...] = ()

    @property
    def fixed(self) -> tuple[str, ...]:
        """Return the columns that must not change when a row is written again."""
        return (*self.key, *self.values)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns, in the order of a row."""
        return (*self.fixed, *self.changing)


Row = tuple[object, ...]

#: Rows per statement: enough for any usual day, and a bound for a long list of findings.
_CHUNK = 200


def insert_once(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows that are new and return how many were.

    Rows hold the table's columns in order, Decimals rounded to the ledger's twelve places.
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
            # Table and column names are constants of this package; values are bound.
            statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES {_marks(fresh)}"  # noqa: S608
            connection.execute(statement, [value for row in fresh for value in row])
        written += len(fresh)
    return written


def _stored(connection: Connection, table: Table, rows: Sequence[Row]) -> dict[Row, Row]:
    """Return the rows stored under the keys of these rows, without the changing columns.

    Reading before writing is cheaper than ON CONFLICT DO NOTHING, and safe where there is one writer.
    """
    keys = [row[: len(table.key)] for row in rows]
    where = f"({', '.join(table.key)}) IN ({_marks(keys)})"
    statement = f"SELECT {', '.join(table.fixed)} FROM {table.name} WHERE {where}"  # noqa: S608 (as above)
    found = connection.execute(statement, [value for key in keys for value in key]).fetchall()
    return {row[: len(table.key)]: row for row in found}


def _marks(rows: Sequence[Row]) -> str:
    """Return a placeholder for every value of the rows."""
    return ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
