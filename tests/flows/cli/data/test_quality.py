"""`turbodmt quality` after imports: what was checked, what failed, what is held back and what was accepted."""

from datetime import date
from pathlib import Path

import pytest

from strategy.market.instruments import Calendar
from testing.markets.bars import Listing
from tests.flows.conftest import Run, write_bars

LISTINGS = tuple(
    Listing(symbol=symbol, calendar=Calendar.XNYS, first=date(2020, 1, 2), last=date(2020, 12, 31), seed=seed)
    for seed, symbol in enumerate(("BOND", "SHARE"))
)


def test_the_history_of_the_gate_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    bars = write_bars(path, *LISTINGS)
    assert run("quality").out.startswith("Nothing was checked yet")
    wrong = (bars["symbol"] == "SHARE") & (bars["date"].astype(str).str.startswith("2020-03-02"))
    assert wrong.sum() == 1
    bars.loc[wrong, "low"] = 0.01
    bars.to_csv(path, index=False)
    assert run("import", path).code == 0
    answer = run("quality", "--json").answer
    (day,) = answer["days"]
    assert (day["symbols"], day["source"].startswith("file:")) == (2, True)
    assert day["checks"] > 20
    assert {one["symbol"] for one in day["failed"]} == {"SHARE"}
    assert sum(one["findings"] for one in day["failed"]) == len(answer["held_back"]) >= 1
    assert {(one["symbol"], one["date"]) for one in answer["held_back"]} == {("SHARE", "2020-03-02")}
    shown = run("quality").out
    assert "Failed" in shown
    assert "Held back" in shown
    only = run("quality", "--symbols", "BOND", "--json").answer
    assert (only["days"][0]["symbols"], only["days"][0]["failed"], only["held_back"]) == (1, [], [])
    released = run("import", path, "--accept", "SHARE:2020-03-02", "--reason", "a real day")
    assert released.code == 0
    after = run("quality", "--json").answer
    assert [(one["symbol"], one["date"], one["reason"]) for one in after["accepted"]] == [
        ("SHARE", "2020-03-02", "a real day")
    ]
    assert after["held_back"] == []
    # What failed on a day stays told.
    assert after["days"][0]["failed"] == day["failed"]
    assert "a real day" in run("quality").out


@pytest.mark.parametrize("last", ["0", "10001"])
def test_a_number_of_days_out_of_range_is_refused(run: Run, last: str) -> None:
    assert run("quality", "--last", last).failure == f"--last is {last}; it must lie between 1 and 10,000"
