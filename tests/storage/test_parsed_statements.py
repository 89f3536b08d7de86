"""What parses statements once tells a test what the connection itself would tell it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from storage.database import connect
from testing.accounts.parsed_statements import ParsedOnce


@pytest.fixture
def store(home: Path) -> Iterator[ParsedOnce]:
    with connect(home) as opened:
        assert isinstance(opened, ParsedOnce), "all stores of tests are such ones"
        yield opened


def test_the_same_text_is_put_anew_with_other_values_and_to_other_tables(store: ParsedOnce) -> None:
    asked = "SELECT i + ? FROM made"
    with pytest.raises(duckdb.CatalogException, match="made does not exist"):
        store.execute(asked, [1])
    store.execute("CREATE TABLE made AS SELECT 1 AS i")
    assert store.execute(asked, [1]).fetchall() == [(2,)]
    store.execute("CREATE OR REPLACE TABLE made AS SELECT 2.5 AS i")
    assert store.execute(asked, [2]).fetchall() == [(4.5,)]
    assert store.execute("SELECT $i", {"i": 7}).fetchall() == [(7,)]


def test_a_text_of_several_statements_is_executed_whole(store: ParsedOnce) -> None:
    for _ in range(2):
        store.execute("CREATE OR REPLACE TABLE made AS SELECT 1 AS i; INSERT INTO made VALUES (2)")
        assert store.execute("SELECT count(*) FROM made").fetchone() == (2,)


def test_what_is_no_statement_is_refused_each_time(store: ParsedOnce) -> None:
    for _ in range(2):
        with pytest.raises(duckdb.ParserException, match="syntax error"):
            store.execute("SELEC 1")
