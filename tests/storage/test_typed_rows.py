"""Rows come back as values: each column is the field of its name."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from storage.database import Connection, connect
from storage.typed_rows import column, read_all, read_first, scalar


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    size: int
    note: str | None


def whole() -> type:
    """A new class each time: what is known of the fields of one is kept for the process."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Whole:
        colour: Colour
        at: datetime
        names: tuple[str, ...]
        part: Part
        shade: Colour | None = None
        text: str = "none"

    return Whole


WHOLE = "SELECT 'red' AS colour, TIMESTAMPTZ '2020-01-01 02:00:00+02' AS at, '[\"a\", \"b\"]' AS names"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path / "home") as opened:
        yield opened


def test_codes_instants_lists_and_parts_are_read(store: Connection) -> None:
    kind = whole()
    due = kind(colour=Colour.RED, at=datetime(2020, 1, 1, tzinfo=UTC), names=("a", "b"), part=Part(size=1, note=None))
    (beside,) = read_all(store, kind, WHOLE + ", 1 AS size, NULL AS note, NULL AS text, NULL AS shade")
    (inside,) = read_all(store, kind, WHOLE + """, '{"size": 1, "note": null}' AS part""")
    assert beside == inside == due
    assert (type(beside.colour), beside.at.tzinfo) == (Colour, UTC)
    assert read_first(store, kind, WHOLE + ", 1 AS size, NULL AS note, 'red' AS shade").shade is Colour.RED


def test_a_missing_column_is_no_default(store: Connection) -> None:
    with pytest.raises(KeyError, match="size"):
        read_all(store, whole(), WHOLE)


def test_no_row_and_null_are_nothing(store: Connection) -> None:
    assert read_first(store, Part, "SELECT 1 AS size, NULL AS note WHERE false") is None
    assert scalar(store, int, "SELECT 1 WHERE false") is scalar(store, int, "SELECT NULL") is None
    assert scalar(store, Colour, "SELECT 'red'") is Colour.RED
    assert column(store, "SELECT unnest([?, 'b'])", ["a"]) == ("a", "b")
