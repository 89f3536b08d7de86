"""Rows read as values: each column of a statement is the field of its name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
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


def read_all(connection: Connection, kind: type[T], select: str, values: Values = ()) -> tuple[T, ...]:
    """Return the rows as values of a dataclass, as `value` makes them."""
    return tuple(value(kind, record) for record in records(connection, select, values))


def read_first(connection: Connection, kind: type[T], select: str, values: Values = ()) -> T | None:
    """Return the first row as a value of a dataclass, as `value` makes it; None if there is no row."""
    found = read_all(connection, kind, select, values)
    return found[0] if found else None


def value(kind: Callable[..., T], record: Record) -> T:
    """Return a value of a dataclass from the columns that it has fields for.

    Codes are stored as text, and tuples, of dataclasses too, as JSON text; a part that is a dataclass is JSON text too,
    or else has columns of its own. Instants come back in UTC. NULL leaves a field at its default, and is None where
    there is no default.
    Raises KeyError if a column is missing whose field has no default.
    """
    given: dict[str, Any] = {}
    for field in _fields(kind):
        if field.part is not None and field.name not in record:
            given[field.name] = value(field.part, record)
            continue
        stored = record[field.name] if field.required else record.get(field.name)
        if stored is not None:
            given[field.name] = field.convert(stored)
        elif field.required:
            given[field.name] = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field of a dataclass: whether it has no default, how its column is converted, and its type if a dataclass."""

    name: str
    required: bool
    convert: Callable[[Any], Any]
    part: Callable[..., Any] | None


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Field(
            name=field.name,
            required=field.default is MISSING,
            convert=_conversion(hints[field.name]),
            part=hints[field.name] if is_dataclass(hints[field.name]) else None,
        )
        for field in fields(kind)
    )


def _conversion(hint: Any) -> Callable[[Any], Any]:
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if is_dataclass(item) and isinstance(item, type):
            return lambda text: tuple(item(**each) for each in json.loads(text))
        return lambda text: tuple(json.loads(text))
    for kind in get_args(hint) or (hint,):
        if kind is datetime:
            return lambda at: at.astimezone(UTC)
        if isinstance(kind, type) and is_dataclass(kind):
            return lambda text: kind(**json.loads(text))
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind
    return lambda stored: stored
