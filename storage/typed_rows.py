"""Rows read as values: each column of a statement is the field of its name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from storage.database import Connection

T = TypeVar("T")
Values = Sequence[object] | Mapping[str, object]
Record = Mapping[str, Any]


def records(connection: Connection, select: str, values: Values = ()) -> list[dict[str, Any]]:
    """Return the rows by the names of their columns."""
    result = connection.execute(select, values)
    rows = result.fetchall()
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


def read(connection: Connection, kind: type[T], select: str, values: Values = ()) -> tuple[T, ...]:
    """Return the rows as values of a dataclass, whose fields the columns are named after."""
    return tuple(value(kind, record) for record in records(connection, select, values))


def read_first(connection: Connection, kind: type[T], select: str, values: Values = ()) -> T | None:
    """Return the first row as a value of a dataclass; None if there is no row."""
    found = read(connection, kind, select, values)
    return found[0] if found else None


def value(kind: Callable[..., T], record: Record) -> T:
    """Return a value of a dataclass from the columns that it has fields for.

    Codes are stored as text, tuples and dataclasses as JSON text, and instants come back in UTC. NULL leaves a field at
    its default, and is None where there is no default.
    """
    given: dict[str, Any] = {}
    for name, (required, convert) in _conversions(kind).items():
        stored = record[name] if required else record.get(name)
        if stored is not None:
            given[name] = convert(stored)
        elif required:
            given[name] = None
    return kind(**given)


def column(connection: Connection, select: str, values: Values = ()) -> tuple[Any, ...]:
    """Return the first column of the rows."""
    return tuple(row[0] for row in connection.execute(select, values).fetchall())


def scalar(connection: Connection, kind: type[T], select: str, values: Values = ()) -> T | None:
    """Return the first column of the first row, a value of the kind; None if it is NULL or there is no row."""
    row = connection.execute(select, values).fetchone()
    if row is None or row[0] is None:
        return None
    found = _conversion(kind)(row[0])
    assert isinstance(found, kind)
    return found


@cache
def _conversions(kind: Any) -> dict[str, tuple[bool, Callable[[Any], Any]]]:
    """Return of each field whether it must be given, and how its column is converted."""
    hints = get_type_hints(kind)
    return {field.name: (field.default is MISSING, _conversion(hints[field.name])) for field in fields(kind)}


def _conversion(hint: Any) -> Callable[[Any], Any]:
    if get_origin(hint) is tuple:
        return lambda text: tuple(json.loads(text))
    for kind in get_args(hint) or (hint,):
        if kind is datetime:
            return lambda at: at.astimezone(UTC)
        if isinstance(kind, type) and is_dataclass(kind):
            return lambda text: kind(**json.loads(text))
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind
    return lambda stored: stored
