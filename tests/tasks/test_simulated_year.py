from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from testing.simulation.statement_cache import Answer, Remembered
from testing.simulation.year import VENUES, SimulatedYear

#: An account of sleeves has all that one strategy's on paper has.
BROKEN = VENUES[1:]


@pytest.mark.parametrize("venue", BROKEN)
def test_every_day_ends_in_order_whatever_breaks_on_the_way(tmp_path: Path, venue: str) -> None:
    year = SimulatedYear(0, tmp_path / "home", venue, days=20)
    year.dice.kill_rate = 0.004
    faults = year.live()
    assert sum(count for what, count in faults.items() if what.startswith("killed")) >= 5


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
