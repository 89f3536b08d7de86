from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.database import Connection, connect
from storage.keyed_rows import LedgerConflict, Table, insert_once

PRICES = Table(name="prices", key=("symbol", "day"), values=("price",), changing=("seen",))


def prices(store: Connection) -> list[tuple[object, ...]]:
    return store.execute("SELECT * FROM prices ORDER BY ALL").fetchall()


@pytest.fixture
def store(tmp_path: Path) -> Connection:
    with connect(tmp_path) as opened:
        opened.execute("CREATE TABLE prices (symbol VARCHAR, day INTEGER, price INTEGER, seen INTEGER)")
        yield opened


def test_only_rows_of_new_keys_are_written(store: Connection) -> None:
    assert insert_once(store, PRICES, [("A", 1, 10, 0), ("A", 2, 11, 0)]) == 2
    assert insert_once(store, PRICES, [("A", 2, 11, 5), ("B", 2, 11, 0)]) == 1
    assert prices(store) == [("A", 1, 10, 0), ("A", 2, 11, 0), ("B", 2, 11, 0)]


@dataclass
class Counted:
    """A store that counts what it is asked."""

    store: Connection
    statements: int = 0

    def execute(self, statement: str, given: object) -> Any:
        self.statements += 1
        return self.store.execute(statement, given)


def test_more_rows_than_a_statement_takes_are_all_written_once(store: Connection) -> None:
    rows = [("A", day, day, 0) for day in range(450)]
    counted = Counted(store)
    assert insert_once(counted, PRICES, rows) == 450
    assert counted.statements == 6, "200 rows are read and written by one statement each"
    assert insert_once(counted, PRICES, rows) == 0
    assert counted.statements == 9
    assert prices(store) == rows


def test_the_same_row_twice_at_once_counts_once(store: Connection) -> None:
    assert insert_once(store, PRICES, [("A", 1, 10, 0), ("A", 1, 10, 1)]) == 1
    assert prices(store) == [("A", 1, 10, 0)]


def test_a_row_that_differs_from_a_stored_one_or_from_its_neighbour_is_refused(store: Connection) -> None:
    insert_once(store, PRICES, [("A", 1, 10, 0)])
    sentence = r"prices already holds another row for A, 1: stored \('A', 1, 10\), to be written \('A', 1, 12\)"
    with pytest.raises(LedgerConflict, match=sentence):
        insert_once(store, PRICES, [("A", 1, 12, 0)])
    with pytest.raises(LedgerConflict, match="another row for B, 1"):
        insert_once(store, PRICES, [("B", 1, 10, 0), ("B", 1, 11, 0)])
    assert prices(store) == [("A", 1, 10, 0)]
