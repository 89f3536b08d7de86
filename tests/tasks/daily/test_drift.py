"""What an account's past led to expect is frozen once, and what it does against it is said without stopping it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from storage.accounts import expectations as expectation_store
from storage.accounts.expectations import Slippage
from storage.database import connect
from storage.ledger import runs
from storage.ledger.runs import Outcome, RunStatus
from strategy.builtin.registry import BASELINE, RULES
from strategy.drift.looks import Check
from strategy.market.instruments import Calendar
from tasks.daily import expectation
from tasks.daily.drift import drift, drift_facts, drift_sentences, edges, look_at
from tasks.daily.expectation import expectation_of
from tasks.operations.concerns import look
from tasks.operations.status import account_status
from tasks.run.job import Job
from tasks.run.runs import begin
from testing.markets.bars import FakeBars, Listing
from testing.runs.jobs import a_job, on, run_day

FIRST, OPENED = date(2013, 1, 1), date(2019, 7, 1)
MARKET = FakeBars(
    listings=(Listing(symbol="A", calendar=Calendar.WEEKDAYS, first=FIRST, last=date(2020, 12, 31), seed=3),)
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """An account on its first day, after six years of bars."""
    job = a_job(tmp_path_factory.mktemp("drift") / "home", ("A",), OPENED, RULES)
    begin(job, job.now)
    run_day(job, lambda: MARKET)
    with connect(job.home) as store:
        runs.finish_run(store, job.run_id, Outcome(status=RunStatus.DONE, finished_at=job.now, result="{}"))
    found = look_at(job, None)
    assert found is not None
    return job


def settled(job: Job, equities: list[float]) -> None:
    """The account's days after the first, at these equities, all in cash; they replace those of before."""
    with connect(job.home) as store:
        store.execute("DELETE FROM account_snapshots WHERE as_of > ?", [OPENED])
        for number, equity in enumerate(equities, start=1):
            day = OPENED + timedelta(days=number)
            row = ["daily", day, 1, equity, equity, 0.0, "{}", None]
            store.execute("INSERT INTO account_snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def checks(job: Job, day: date) -> dict[Check, object]:
    with connect(job.home) as store:
        found = drift(store, "daily", day)
    assert found is not None
    return {check.check: check for check in found.checks}


def test_the_past_is_frozen_under_its_hash_and_not_again(lived: Job) -> None:
    with connect(lived.home) as store:
        stored = expectation_store.newest(store, "daily")
    assert stored is not None
    assert stored.begins_on == OPENED
    expected = expectation_of(stored)
    assert expected.past_until == OPENED
    assert expected.band is not None
    assert expected.reference is not None
    assert expected.band.past_days > 1_500
    look_at(on(lived, OPENED + timedelta(days=1)), None)
    with connect(lived.home) as store:
        assert expectation_store.newest(store, "daily") == stored


def test_the_band_is_that_of_the_bars_and_seed_alone(lived: Job, tmp_path: Path) -> None:
    again = replace(lived, home=tmp_path / "home")
    run_day(again, lambda: MARKET)
    look_at(again, None)
    with connect(lived.home) as store, connect(again.home) as other:
        assert expectation_store.newest(store, "daily") == expectation_store.newest(other, "daily")


def test_a_loss_beyond_the_band_is_a_concern_with_values_limit_and_remedy(lived: Job) -> None:
    settled(lived, [10_000.0] * 10)
    calm = OPENED + timedelta(days=10)
    assert checks(lived, calm)[Check.BAND].left is None  # type: ignore[attr-defined]
    now = datetime.combine(calm + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
    assert [concern for concern in look(lived.home, now, {"daily"}) if concern.key.startswith("drift")] == []
    settled(lived, [10_000.0] * 9 + [5_000.0, 9_900.0])
    found = checks(lived, calm + timedelta(days=1))[Check.BAND]
    assert found.left.on == calm  # type: ignore[attr-defined]
    (concern,) = (each for each in look(lived.home, now, {"daily"}) if each.key == "drift:daily")
    assert f"the band was left on {calm}: equity free of deposits 5,000.00 against a lower edge of" in concern.text
    assert "in up to 9% of years, as its past has fewer than ten; " in concern.text
    with connect(lived.home) as store:
        told = drift(store, "daily", calm + timedelta(days=1))
    assert told is not None
    older = told.model_copy(update={"past_from": OPENED - timedelta(days=3_640)})
    assert "in at most 5% of years; " in drift_sentences(older, "daily")[0]
    assert "`turbodmt halt --account daily --reason TEXT`" in concern.text
    status = account_status(lived.home, "daily").json_values()["drift"]
    assert status["checks"][0]["left"]["value"] == 5_000.0
    assert [check["check"] for check in status["checks"]] == ["band", "cost", "shift"]


def test_an_account_year_begins_where_the_last_one_ended(lived: Job) -> None:
    """The band is left in the first year; in the second it starts from what is left."""
    settled(lived, [10_000.0] * 20 + [5_000.0] * (260 + 30 - 20))
    days = tuple(OPENED + timedelta(days=number) for number in range(291))
    found = checks(lived, days[-1])[Check.BAND]
    assert found.since > OPENED + timedelta(days=200)  # type: ignore[attr-defined]
    assert found.left is None  # type: ignore[attr-defined]
    with connect(lived.home) as store:
        band = edges(store, "daily", days)
    assert band is not None
    assert np.isnan(band.low[0])
    assert band.low[100] < 10_000 < band.high[100]
    assert band.low[270] < 5_000 < band.high[270] < 10_000


def test_costs_are_not_judged_on_paper_and_a_young_account_has_no_shift(lived: Job) -> None:
    settled(lived, [10_000.0] * 10)
    with connect(lived.home) as store:
        found = drift(store, "daily", OPENED + timedelta(days=10))
    facts = dict(drift_facts(found))
    assert facts["Cost of fills against the model"] == "not judged: fills on paper cost what is modelled"
    assert facts["Returns of symbols against their past"].startswith("not judged: fewer than 126 days with bars")
    assert facts["Equity against its past"].startswith("within its limits; the band of the day is ")
    assert drift_sentences(found, "daily") == ()


def test_a_short_past_has_no_band_and_says_why(tmp_path: Path) -> None:
    job = a_job(tmp_path / "home", ("A",), date(2014, 1, 2), RULES)
    run_day(job, lambda: MARKET)
    found = look_at(job, None)
    assert found is not None
    band, _, shift = found.checks
    assert band.newest is None
    assert band.reason == "its past has 263 account days, fewer than 756"
    assert "1,260 returns" in shift.reason


def test_another_strategy_has_an_expectation_of_its_own_day(lived: Job) -> None:
    later = replace(on(lived, OPENED + timedelta(days=1)), policy=replace(lived.policy, strategy=BASELINE))
    look_at(later, None)
    with connect(lived.home) as store:
        newest = expectation_store.newest(store, "daily")
        assert newest is not None
        assert newest.begins_on == later.as_of
        store.execute("DELETE FROM expectations WHERE begins_on > ?", [OPENED])


def test_no_band_is_drawn_for_a_network(lived: Job) -> None:
    frozen = expectation._band(lived, (None, ()), {}, "a" * 64, None)  # type: ignore[arg-type]
    assert frozen[0] is None
    assert "a network decides" in frozen[1]


def test_dearer_fills_at_a_broker_are_told(lived: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(lived, [10_000.0] * 60)
    monkeypatch.setattr("tasks.daily.drift.broker_events.broker_of", lambda *_: "testnet-spot")
    days = [OPENED + timedelta(days=number) for number in range(1, 61)]
    with connect(lived.home) as store:
        paid = [Slippage(as_of=day, realised=2.0, modelled=1.0, notional=1_000.0) for day in days]
        expectation_store.record_slippages(store, "daily", paid)
        found = drift(store, "daily", days[-1])
        store.execute("DELETE FROM slippages")
    (said,) = drift_sentences(found, "daily")
    assert said.startswith("fills have cost more than modelled since ")
    assert json.loads(found.to_json())["checks"][1]["left"]["low"] is None  # type: ignore[union-attr]
