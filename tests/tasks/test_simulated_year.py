from pathlib import Path

import pytest

from tests.fakes.remembered import Answer
from tests.fakes.simulated_year import VENUES, SimulatedYear


@pytest.mark.parametrize("venue", VENUES)
def test_every_day_ends_in_order_whatever_breaks_on_the_way(tmp_path: Path, venue: str) -> None:
    year = SimulatedYear(0, tmp_path / "home", venue, days=20)
    year.dice.kill_rate = 0.004
    faults = year.live()
    assert sum(count for what, count in faults.items() if what.startswith("killed")) >= 5


def test_a_year_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    once, again = (SimulatedYear(3, tmp_path / name, "paper", days=6).live() for name in ("once", "again"))
    assert once == again


def test_a_remembered_answer_is_what_the_store_would_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember, spared = Answer._fetched, []

    def compare(answer: Answer, how: str) -> object:
        if how == "fetchall" and how in answer.fetched and hasattr(answer, "ask"):
            spared.append(how)
            assert answer.ask().fetchall() == answer.fetched[how]
        return remember(answer, how)

    monkeypatch.setattr(Answer, "_fetched", compare)
    SimulatedYear(5, tmp_path / "home", "testnet-futures", days=8).live()
    assert len(spared) > 500
