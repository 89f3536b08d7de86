from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from storage.bars import published as bar_store
from storage.bars import quarantine
from storage.bars.staging import staged_symbols
from storage.database import connect
from strategy.work_progress import Said, WorkStep, listening
from tasks.data.ingest import ingest
from tasks.validation.gate import PUBLISHING, READING, NothingPublishable, inspect, validate
from tasks.validation.suite import CHECKING
from testing.markets.bars import PAIR, SHARE, TOKEN, FakeBars, Fault
from testing.runs.jobs import a_job, on

FRIDAY, SATURDAY = date(2020, 6, 12), date(2020, 6, 13)


def test_a_faulty_symbol_publishes_nothing_of_its_window_and_the_other_all_of_it(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FRIDAY)
    ingest(job, lambda: PAIR.faulty(Fault(symbol="SHARE", day=date(2020, 3, 2), column="close", value=-1.0)))
    steps: list[Said] = []
    with listening(steps.append):
        gate = validate(job)
    ended = [step for step in steps if isinstance(step, WorkStep) and step.done == step.total == 2]
    assert [step.work for step in ended] == [READING, CHECKING, PUBLISHING]
    assert gate.published == {"SHARE": 0, "TOKEN": 164}
    assert gate.held_back == {
        "SHARE": "SHARE on 2020-03-02: open, high, low or close is not a positive, finite number (prices_positive: "
        + gate.findings[0].value
        + ", limit above 0 and finite)"
    }
    with connect(tmp_path) as store:
        assert set(bar_store.last_published(store, "fake", job.symbols)) == {"TOKEN"}
        assert staged_symbols(store, "fake") == ("SHARE",)
        assert {held.finding.symbol for held in quarantine.quarantined(store)} == {"SHARE"}


def test_a_symbol_whose_newest_session_is_missing_is_held_back_and_what_came_is_kept(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), FRIDAY)
    gap = PAIR.faulty(Fault(symbol="SHARE", day=FRIDAY))
    ingest(job, lambda: gap)
    assert "the newest bar is 1 days older than the session" in validate(job).held_back["SHARE"]
    ingest(job, lambda: PAIR)
    assert validate(job).held_back == {}


def test_a_weekend_holds_nothing_back(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), SATURDAY)
    ingest(job, lambda: PAIR)
    gate = validate(job)
    assert (gate.held_back, gate.published) == ({}, {"SHARE": 154, "TOKEN": 165})


def test_a_day_that_no_usable_bar_carries_is_refused(tmp_path: Path) -> None:
    job = a_job(tmp_path, PAIR.symbols(), SATURDAY)
    ingest(job, lambda: PAIR.faulty(Fault(symbol="TOKEN", day=SATURDAY)))
    with pytest.raises(NothingPublishable, match="nothing may be traded on 2020-06-13: TOKEN"):
        validate(job)
    stock = a_job(tmp_path, ("SHARE",), SATURDAY)
    with pytest.raises(NothingPublishable, match="nothing may be traded on 2020-06-13: no symbol has a session"):
        validate(stock)


def test_no_session_is_expected_of_a_delisted_symbol(tmp_path: Path) -> None:
    gone = replace(SHARE, last=date(2020, 6, 10), listed_to=date(2020, 6, 10))
    market = FakeBars(listings=(gone, TOKEN))
    job = a_job(tmp_path, market.symbols(), FRIDAY)
    ingest(job, lambda: market)
    assert validate(job).held_back == {}
    ingest(on(job, SATURDAY), lambda: market)
    assert validate(on(job, SATURDAY)).held_back == {}


def test_a_correction_of_the_past_is_published_as_a_revision(tmp_path: Path) -> None:
    job = a_job(tmp_path, ("TOKEN",), FRIDAY)
    ingest(job, lambda: PAIR)
    validate(job)
    corrected = PAIR.faulty(Fault(symbol="TOKEN", day=date(2020, 5, 5), column="volume", value=7.0))
    ingest(job, lambda: corrected)
    assert inspect(job, FRIDAY).published == {"TOKEN": 1}
    with connect(tmp_path) as store:
        assert [published.revisions for published in bar_store.published_counts(store)] == [1]
