from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from storage.bars import quarantine
from storage.bars.quarantine import Inspection
from storage.database import connect
from storage.ledger import runs
from strategy.market.findings import Finding
from tasks.backfill.runs import Backfill
from tasks.backfill.runs import begin as begin_backfill
from tasks.operations.status import account_status
from tasks.run.answers import DayState, day_answer
from tasks.run.job import Job
from tasks.run.runs import (
    AccountFilled,
    Findings,
    begin,
    close_done,
    close_failed,
    close_halted,
    day_result,
    demand_own,
    finished,
    halted_before,
    last_day,
    partial,
)
from testing.accounts.ledgers import contents
from testing.markets.bars import PAIR, Fault
from testing.runs.jobs import a_job, live, run_day

FIRST = date(2020, 6, 8)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return a_job(tmp_path, PAIR.symbols(), FIRST)


def test_a_day_is_finished_only_when_its_run_is_closed(job: Job) -> None:
    assert (finished(job), last_day(job)) == (None, None)
    begin(job, job.now)
    assert finished(job) is None
    run_day(job, lambda: PAIR)
    assert (finished(job), last_day(job)) == (None, FIRST)
    result = day_result(job, Findings(warnings=("beware",), report="/tmp/page.html"))
    close_done(job, job.now + timedelta(minutes=1), result, day_answer(result).to_json())
    answer = finished(job)
    assert answer is not None
    assert answer.warnings == ("beware", "2020-06-08 was already done; nothing was left to do")
    assert answer.model_copy(update={"warnings": result.warnings}) == day_answer(result)


def test_a_day_that_waits_for_a_symbol_is_partial_until_its_time_is_over(job: Job) -> None:
    job = live(job, -timedelta(hours=11))
    begin(job, job.now)
    run_day(job, lambda: PAIR.faulty(Fault(symbol="TOKEN", day=FIRST)))
    result = day_result(job, Findings())
    answer = day_answer(result)
    assert (answer.state, answer.waiting, [each.symbols for each in answer.passes]) == (
        DayState.PARTIAL,
        ("TOKEN",),
        [("SHARE",)],
    )
    close_done(job, job.now, result, answer.to_json())
    assert finished(job) is None
    assert partial(job) == answer
    over = finished(live(job, timedelta(seconds=1)))
    assert over is not None
    assert (over.state, over.waiting) == (DayState.DONE, ())
    assert over.warnings[-2:] == (
        "TOKEN did not come until 2020-06-09 12:00 UTC and was not decided on 2020-06-08; its position is kept, and "
        "its next bar settles it",
        "2020-06-08 was already done; nothing was left to do",
    )
    run_day(job, lambda: PAIR)
    done = day_answer(day_result(job, Findings()))
    assert (done.state, [each.symbols for each in done.passes]) == (DayState.DONE, [("SHARE",), ("TOKEN",)])


def test_a_day_whose_orders_a_halt_withheld_is_known_to_schedules(job: Job) -> None:
    assert not halted_before(job)
    begin(job, job.now)
    run_day(job, lambda: PAIR)
    assert not halted_before(job)
    close_halted(job, job.now, "orders of 2020-06-08 were withheld")
    assert halted_before(job)


def test_an_account_that_a_backfill_has_begun_to_fill_is_refused(job: Job) -> None:
    demand_own(job)
    filled = Backfill(job=replace(job, account="what-if", run_id="f", models_of="what-if"), start=FIRST)
    begin_backfill(filled, job.now)
    demand_own(job)
    told = contents(job.home)
    for refuse in (demand_own, lambda one: begin(one, one.now)):
        with pytest.raises(
            AccountFilled, match=r"account what-if is filled by backfills since 2020-06-09.*name another"
        ):
            refuse(replace(job, account="what-if"))
    with connect(job.home) as store:
        assert [record.run.run_id for record in runs.runs(store)] == ["f"]
    assert contents(job.home) == told


def test_a_failed_run_is_on_record_with_its_reason_and_the_day_is_open(job: Job) -> None:
    begin(job, job.now)
    close_failed(job, job.now, "the fake is down")
    assert finished(job) is None
    with connect(job.home) as store:
        (record,) = runs.runs(store)
    assert record.outcome is not None
    assert (record.outcome.status, record.outcome.warnings) == ("failed", ("the fake is down",))


def test_status_tells_where_the_account_stands(job: Job) -> None:
    empty = account_status(job.home, "daily").json_values()
    assert (empty["as_of"], empty["equity"], empty["positions"], empty["open_orders"]) == (None, None, {}, [])
    run_day(job, lambda: PAIR)
    told = account_status(job.home, "daily").json_values()
    assert (told["as_of"], told["equity"], told["cash"], told["halted"]) == ("2020-06-08", "10000", "10000", False)
    orders = told["open_orders"]
    assert isinstance(orders, list)
    assert {order["symbol"] for order in orders} == {"SHARE", "TOKEN"}
    assert {order["state"] for order in orders} == {"acknowledged"}


def test_the_screen_of_an_account_names_its_data_its_exposure_and_its_last_run(job: Job) -> None:
    run_day(job, lambda: PAIR)
    begin(job, job.now)
    close_failed(job, job.now, "the feed is down")
    told = account_status(job.home, "daily").json_values()
    assert told["broker"] == "paper"
    assert {row["symbol"] for row in told["data"]} == set(job.symbols)
    assert {row["last"] for row in told["data"]} == {job.as_of.isoformat()}
    assert told["last_run"]["as_of"] == job.as_of.isoformat()
    assert (told["last_run"]["status"], told["last_run"]["warnings"]) == ("failed", ["the feed is down"])
    assert told["held_back"] == []


def test_the_screen_shows_what_the_account_s_own_source_holds_and_holds_back(job: Job) -> None:
    run_day(job, lambda: PAIR)
    elsewhere = replace(job, source="file:/bad.csv", account="other")
    run_day(elsewhere, lambda: replace(PAIR, name="file:/bad.csv"))
    finding = Finding(symbol="SHARE", open_time=None, expectation="it is right", value="", limit="", reason="bad")
    with connect(job.home) as store:
        quarantine.quarantine(
            store, Inspection(run_id="r", source=elsewhere.source, symbol="SHARE", checked_at=job.now), [finding]
        )
    own, other = account_status(job.home, "daily").json_values(), account_status(job.home, "other").json_values()
    assert (own["held_back"], other["held_back"]) == ([], ["SHARE"])
    assert {row["source"] for row in own["data"]} == {"fake"}
    assert {row["source"] for row in other["data"]} == {elsewhere.source}
