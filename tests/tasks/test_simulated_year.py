from collections import Counter
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from storage.database import MIGRATIONS, migrate
from testing.simulation.statement_cache import Answer, Remembered
from testing.simulation.store import Dice, stored_in_memory
from testing.simulation.year import VENUES, SimulatedYear

#: An account of sleeves has all that one strategy's on paper has.
BROKEN = VENUES[1:]


@pytest.mark.parametrize("venue", BROKEN)
def test_every_day_ends_in_order_whatever_breaks_on_the_way(tmp_path: Path, venue: str) -> None:
    year = SimulatedYear(0, tmp_path / "home", venue, days=20)
    year.dice.kill_rate = 0.004
    faults = year.live()
    assert sum(count for what, count in faults.items() if what.startswith("killed")) >= 5


def test_the_store_in_memory_has_all_that_the_migrations_make(tmp_path: Path) -> None:
    migrated = duckdb.connect()
    migrate(migrated, MIGRATIONS)
    with stored_in_memory(tmp_path / "home", Dice(1)) as store:
        for catalog in (
            "SELECT table_name, column_name, column_index, column_default, is_nullable, data_type FROM duckdb_columns",
            "SELECT table_name, constraint_type, constraint_text, constraint_column_names FROM duckdb_constraints",
            "SELECT index_name, sql FROM duckdb_indexes()",
            "SELECT sequence_name, sql FROM duckdb_sequences()",
            "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal",
            "FROM migrations",
        ):
            expected = migrated.execute(f"{catalog} ORDER BY ALL").fetchall()
            assert store.execute(f"{catalog} ORDER BY ALL").fetchall() == expected


@pytest.mark.parametrize("venue", BROKEN)
def test_a_year_is_the_same_for_the_same_seed(tmp_path: Path, venue: str) -> None:
    once, again = (SimulatedYear(3, tmp_path / name, venue, days=8) for name in ("once", "again"))
    assert once.live() == again.live()
    # To the millisecond, which no machine's clock would give.
    assert once.testnet.exchange.accepted_orders == again.testnet.exchange.accepted_orders
    assert once.testnet.exchange.futures.account.income == again.testnet.exchange.futures.account.income


def test_a_remembered_answer_is_what_the_store_would_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember, write, spared = Answer._fetched, Remembered._write, Counter[str]()

    def compare(answer: Answer, how: str) -> object:
        if how in answer.fetched and how != "description" and hasattr(answer, "ask"):
            spared[how] += 1
            # Unlike tuples, frames compare arrays and take NaN for NaN.
            pd.testing.assert_frame_equal(
                pd.DataFrame(getattr(answer.ask(), how)()), pd.DataFrame(answer.fetched[how]), check_exact=True
            )
        return remember(answer, how)

    def write_again(store: Remembered, statement: str, tables: tuple[str, ...], *given: object) -> object:
        if store._done.get((statement, repr(given))) == store._counts(tables):
            spared["write"] += 1
            assert store._asked(statement, *given).fetchall() == [(0,)]
        return write(store, statement, tables, *given)

    monkeypatch.setattr(Answer, "_fetched", compare)
    monkeypatch.setattr(Remembered, "_write", write_again)
    SimulatedYear(5, tmp_path / "home", "testnet-futures", days=8).live()
    assert spared["fetchall"] > 500
    assert spared["fetchnumpy"] > 0
    assert spared["write"] > 20


@pytest.mark.parametrize("venue", BROKEN)
def test_an_account_that_is_flattened_is_closed_and_stays_so_whatever_breaks(
    tmp_path: Path, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testing.simulation.year.FLATTENED", 0.9)
    year = SimulatedYear(1, tmp_path / "home", venue, days=14)
    year.dice.kill_rate = 0.004
    assert year.live()["flattenings"] >= 1
