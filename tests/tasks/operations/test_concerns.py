"""Each concern comes when it should, in one sentence with its remedy, and goes when its cause does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from storage.bars import instruments
from storage.database import connect
from storage.ledger import runs
from storage.ledger.runs import Outcome, RunStatus
from strategy.builtin.registry import RULES
from strategy.market.instruments import Calendar
from tasks.backfill.market import OPEN
from tasks.daily.report import report
from tasks.models.retrain import Champion
from tasks.operations.concerns import LEASE, look
from tasks.operations.halt import halt, resume
from tasks.operations.status import account_status
from tasks.run.answers import ModelCode, day_answer
from tasks.run.job import Job
from tasks.run.runs import Findings, begin, close_done, close_failed, close_late, day_result
from testing.markets.bars import PAIR, Fault
from testing.runs.jobs import a_job, on, run_day

#: When a person halts or resumes.
NOW = datetime(2026, 1, 2, tzinfo=UTC)

FRIDAY = date(2020, 6, 12)
SATURDAY_NIGHT = datetime(2020, 6, 14, 0, 5, tzinfo=UTC)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A live account that has lived Friday, on a share and a token."""
    made = replace(a_job(tmp_path / "home", PAIR.symbols(), FRIDAY, RULES), now=at(FRIDAY))
    begin(made, made.now)
    run_day(made, lambda: PAIR)
    with connect(made.home) as store:
        runs.finish_run(store, made.run_id, Outcome(status=RunStatus.DONE, finished_at=made.now, result="{}"))
    return made


def at(day: date) -> datetime:
    """Five minutes after the day's last bar closed."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC) + timedelta(minutes=5)


def keys(job: Job, now: datetime) -> list[str]:
    return [concern.key for concern in look(job.home, now)]


def test_an_empty_home_is_well(tmp_path: Path) -> None:
    assert look(tmp_path / "home", SATURDAY_NIGHT) == ()


def test_an_account_is_overdue_half_a_day_after_a_bar_that_it_did_not_see(job: Job) -> None:
    assert keys(job, at(FRIDAY)) == []
    assert keys(job, at(FRIDAY) + timedelta(hours=35)) == []
    (concern,) = look(job.home, at(FRIDAY) + timedelta(hours=37))
    assert concern.key == "overdue:daily"
    assert concern.text.startswith("daily stands at 2020-06-12, and the bars of 2020-06-13 closed more than 12 hours")


def test_a_symbol_that_went_silent_is_told_with_what_ends_it(job: Job) -> None:
    with connect(job.home) as store:
        store.execute("UPDATE decisions SET status = 'stale', reason = 'last bar is 8 days old' WHERE symbol = 'SHARE'")
    (concern,) = look(job.home, at(FRIDAY))
    assert concern.key == "silent:daily:SHARE"
    assert concern.text.startswith("SHARE: its last bar is 8 days old, and its source does not say that it is delisted")
    assert "`turbodmt delist SHARE --account daily --on DATE --price P`" in concern.text


def test_shares_alone_are_not_expected_on_a_weekend(job: Job) -> None:
    with connect(job.home) as store:
        known = instruments.load(store, job.source, job.symbols)
        shares = [replace(instrument, calendar=Calendar.WEEKDAYS) for instrument in known.values()]
        instruments.save(store, job.source, shares)
    assert keys(job, datetime(2020, 6, 15, 9, tzinfo=UTC)) == []
    assert keys(job, datetime(2020, 6, 16, 13, tzinfo=UTC)) == ["overdue:daily"]


def test_no_account_is_forgotten_however_often_the_others_run(job: Job) -> None:
    halt(job.home, "daily", "the feed looks wrong", NOW)
    with connect(job.home) as store:
        store.execute(
            "INSERT INTO runs (run_id, account, command, as_of, started_at, finished_at, status, code_version, config, "
            "warnings) SELECT 'other-' || number, if(number % 2 = 0, 'other', 'filled'), "
            "if(number % 2 = 0, 'daily', 'backfill'), DATE '2010-01-01' + number::INTEGER, now() - to_seconds(number), "
            "now(), 'done', '', '{}', '[]' FROM range(1, 601) AS numbers(number)"
        )
    assert keys(job, SATURDAY_NIGHT + timedelta(days=1)) == ["halted:daily", "overdue:daily"]
    told = account_status(job.home, "daily").json_values()
    assert told["last_run"] == {
        "command": "daily",
        "as_of": "2020-06-12",
        "started_at": "2020-06-13T00:05:00+00:00",
        "status": "done",
        "warnings": [],
    }
    assert account_status(job.home, "filled").json_values()["last_run"]["command"] == "backfill"


def test_the_calendar_of_another_source_makes_no_account_overdue(job: Job) -> None:
    with connect(job.home) as store:
        known = instruments.load(store, job.source, job.symbols).values()
        instruments.save(store, job.source, [replace(instrument, calendar=Calendar.WEEKDAYS) for instrument in known])
        instruments.save(
            store, "a-source-of-always", [replace(instrument, calendar=Calendar.ALWAYS) for instrument in known]
        )
    assert keys(job, datetime(2020, 6, 15, 9, tzinfo=UTC)) == []


def test_an_overdue_account_stays_so_when_its_next_run_fails_before_it_decides(job: Job) -> None:
    again = on(job, FRIDAY + timedelta(days=2))
    begin(again, again.now)
    close_failed(again, again.now, "nothing may be traded")
    assert keys(job, again.now + timedelta(hours=13)) == ["failed:daily", "overdue:daily"]


def test_a_replay_is_not_waited_for(tmp_path: Path) -> None:
    job = replace(a_job(tmp_path / "home", PAIR.symbols(), FRIDAY, RULES), now=at(FRIDAY))
    begin(job, at(FRIDAY) + timedelta(days=30))
    run_day(job, lambda: PAIR)
    assert keys(job, at(FRIDAY) + timedelta(days=30)) == []


def test_a_run_that_failed_says_why_until_a_later_one_does_not(job: Job) -> None:
    again = replace(job, run_id="b" * 32)
    begin(again, at(FRIDAY) + timedelta(hours=1))
    close_failed(again, at(FRIDAY) + timedelta(hours=1), "binance did not answer within 5 tries")
    (concern,) = look(job.home, at(FRIDAY) + timedelta(hours=2))
    assert (concern.key, concern.text) == (
        "failed:daily",
        "the last run of daily, for 2020-06-12, failed: binance did not answer within 5 tries",
    )
    done = replace(job, run_id="c" * 32)
    begin(done, at(FRIDAY) + timedelta(hours=3))
    with connect(job.home) as store:
        runs.finish_run(store, done.run_id, Outcome(status=RunStatus.DONE, finished_at=done.now, result="{}"))
    assert keys(job, at(FRIDAY) + timedelta(hours=4)) == []


def test_a_source_that_is_late_is_told_when_the_time_of_the_day_is_over(job: Job) -> None:
    again = replace(on(job, FRIDAY + timedelta(days=1)), run_id="b" * 32)
    begin(again, at(again.as_of))
    close_late(again, at(again.as_of), "binance did not answer within 5 tries")
    assert keys(job, at(again.as_of) + timedelta(hours=11)) == []
    assert "failed:daily" in keys(job, at(again.as_of) + timedelta(hours=12))


def test_a_symbol_that_is_late_is_told_when_the_time_of_the_day_is_over(job: Job) -> None:
    late = replace(on(job, FRIDAY + timedelta(days=3)), run_id="b" * 32)
    begin(late, at(late.as_of))
    run_day(late, lambda: PAIR.faulty(Fault(symbol="SHARE", day=late.as_of)))
    result = day_result(late, Findings())
    close_done(late, at(late.as_of), result, day_answer(result).to_json())
    assert keys(job, at(late.as_of) + timedelta(hours=11)) == []
    (concern,) = look(job.home, at(late.as_of) + timedelta(hours=12))
    assert (concern.key, "2020-06-15 of daily ended without SHARE, whose bars" in concern.text) == (
        "partial:daily",
        True,
    )
    run_day(late, lambda: PAIR)
    result = day_result(late, Findings())
    done = replace(late, run_id="c" * 32)
    begin(done, at(late.as_of) + timedelta(hours=1))
    close_done(done, at(late.as_of) + timedelta(hours=1), result, day_answer(result).to_json())
    assert keys(job, at(late.as_of) + timedelta(hours=12)) == []


def test_a_network_that_a_run_warned_of_is_told_until_a_run_has_nothing_to_warn_of(job: Job) -> None:
    old = "the prior trades: the model is 70 bars old, above 63"
    for number, (champion, due) in enumerate(
        (
            (Champion(model_id=None, reason=old, code=ModelCode.TOO_OLD), ["model:daily"]),
            (Champion(model_id=None, reason=old, code=ModelCode.NONE_PROMOTED), []),
        ),
        start=1,
    ):
        run = replace(job, run_id=str(number) * 32)
        began = at(FRIDAY) + timedelta(hours=number)
        begin(run, began)
        result = day_result(run, report(run, champion, OPEN))
        close_done(run, began, result, day_answer(result).to_json())
        assert keys(run, began) == due


def test_a_run_that_never_ended_is_told_after_its_lease(job: Job) -> None:
    began = at(FRIDAY) + timedelta(hours=1)
    begin(replace(job, run_id="b" * 32), began)
    assert keys(job, began + LEASE) == []
    assert keys(job, began + LEASE + timedelta(seconds=1)) == ["unfinished:daily"]


def test_a_halt_is_told_until_a_person_resumes(job: Job) -> None:
    halt(job.home, "daily", "the feed looks wrong", NOW)
    (concern,) = look(job.home, at(FRIDAY))
    assert concern.key == "halted:daily"
    assert "the feed looks wrong; once you know why, `turbodmt resume --account daily" in concern.text
    resume(job.home, "daily", "checked", NOW)
    assert keys(job, at(FRIDAY)) == []
