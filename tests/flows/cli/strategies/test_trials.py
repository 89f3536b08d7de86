"""`turbodmt trials` after real backtests: what was tried, and what the answer of each had said."""

from datetime import date
from pathlib import Path

import pytest

from strategy.market.instruments import Calendar
from testing.markets.bars import Listing
from tests.flows.conftest import Run, write_bars


def test_backtests_are_listed_as_they_answered(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    write_bars(
        path,
        Listing(symbol="SHARE", calendar=Calendar.XNYS, first=date(2020, 1, 2), last=date(2021, 3, 31), seed=1),
    )
    asked = ("backtest", "--source", f"file:{path}", "--start-date", "2020-10-01", "--strategy", "rules", "--json")
    assert run("trials").out == "No trial yet; `turbodmt backtest` records one.\n"
    first = run(*asked).answer
    second = run(*asked, "--set", "neutral_zone=0.1").answer
    answer = run("trials", "--json").answer
    assert (answer["count"], answer["warnings"]) == (2, [])
    newest, oldest = sorted(answer["trials"], key=lambda one: -one["varied"]["neutral_zone"])
    assert newest["varied"] == {"neutral_zone": 0.1}
    assert newest["tried"] == oldest["tried"] == 2
    for listed, told in ((newest, second), (oldest, first)):
        assert (listed["start"], listed["end"], listed["symbols"]) == (told["start"], told["end"], told["symbols"])
        assert listed["sharpe"] == pytest.approx(told["net"]["sharpe"])
    assert newest["luckiest_sharpe"] == pytest.approx(second["significance"]["luckiest_sharpe"])
    shown = run("trials", "--symbols", "SHARE", "--last", "1").out
    assert "2 configurations tried; the luckiest of as many without skill would show" in shown
    assert shown.endswith("1 older trial more; --last N lists them.\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--last", "0"], "--last is 0; it must lie between 1 and 100,000"),
        (["--symbols", "A", "--account", "daily"], "--symbols and --account both say which trials are listed; leave"),
    ],
)
def test_what_cannot_be_listed_is_refused(run: Run, options: list[str], sentence: str) -> None:
    ended = run("trials", *options)
    assert (ended.code, ended.failure[: len(sentence)]) == (2, sentence)
