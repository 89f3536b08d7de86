"""Tables of text: they fit the terminal, and lose nothing on the way."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cli import colours
from flows.cli.text_table import LEAST_COLUMN, table

WORDS = st.lists(st.text("abcxyz", min_size=1, max_size=12), min_size=1, max_size=12).map(" ".join)


@given(
    rows=st.lists(st.fixed_dictionaries({"a": WORDS, "b": WORDS, "c": WORDS}), min_size=1, max_size=3),
    room=st.integers(40, 90),
)
def test_a_table_fits_and_keeps_every_word(rows: list[dict[str, str]], room: int) -> None:
    text = table(rows, ("a", "b", "c"), room)
    assert max(map(len, text.splitlines())) <= room
    given_words = sorted(word for row in rows for cell in row.values() for word in cell.split())
    shown = sorted(text.split())
    for heading in ("a", "b", "c"):
        for _ in range(shown.count(heading) - given_words.count(heading)):
            shown.remove(heading)
    assert shown == given_words


def test_a_table_too_wide_to_wrap_lists_its_rows() -> None:
    rows = [{"id": "x" * 30, "hash": "y" * 30}, {"id": "z", "hash": None}]
    assert table(rows, ("id", "hash"), 40) == f"id    {'x' * 30}\nhash  {'y' * 30}\n\nid    z\nhash  -"


def test_a_table_of_many_rows_is_cut_into_parts_beside_the_first_column() -> None:
    rows = [{"id": f"n{row}", "long": "x" * 20, "wide": "y" * 20} for row in range(4)]
    text = table(rows, ("id", "long", "wide"), 40)
    assert max(map(len, text.splitlines())) <= 40
    assert text.splitlines()[0].split() == ["id", "long"]
    assert text.splitlines()[6].split() == ["id", "wide"]
    assert text.splitlines()[-1].split() == ["n3", "y" * 20]


def test_the_width_is_that_of_the_terminal_or_80(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"name": "n", "does": "word " * 30}]
    for columns in (60, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert columns - LEAST_COLUMN < max(map(len, table(rows, ("name", "does")).splitlines())) <= columns
    monkeypatch.delenv("COLUMNS")
    assert max(map(len, table(rows, ("name", "does")).splitlines())) <= 80


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not colours.wanted(StringIO())
    assert colours.wanted(Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    assert colours.failure("turbodmt:") == "\x1b[31m\x1b[1mturbodmt:\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert colours.failure("turbodmt:") == "turbodmt:"
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not colours.wanted(Terminal())
