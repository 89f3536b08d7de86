"""What the page of all accounts knows of each: where its day stands, what it holds, and what is wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from storage.database import connect
from storage.errors import StoreError
from storage.ledger import runs
from storage.ledger.runs import Outcome, RunStatus
from storage.models import saved_backtests, saved_pages
from storage.models.saved_backtests import SavedBacktest
from storage.models.saved_pages import PageKind, SavedPage
from storage.reports import write_day
from strategy.builtin.registry import RULES
from tasks.operations.concerns import Concern
from tasks.operations.halt import halt
from tasks.overview.facts import Beside, Overview, Standing, overview
from tasks.overview.writing import write_overview
from tasks.run.job import Job
from tasks.run.runs import begin, close_failed, close_late
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job, on, run_day

FRIDAY = date(2020, 6, 12)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A live account that has lived Thursday and Friday, on a share and a token."""
    made = a_job(tmp_path / "home", PAIR.symbols(), FRIDAY - timedelta(days=1), RULES)
    for day in (made, on(made, FRIDAY)):
        begin(day, day.now)
        run_day(day, lambda: PAIR)
        with connect(day.home) as store:
            runs.finish_run(store, day.run_id, Outcome(status=RunStatus.DONE, finished_at=day.now, result="{}"))
    write_day(made.home, "daily", FRIDAY, "<p>")
    return day


def seen(job: Job, beside: Beside | None = None) -> Overview:
    with connect(job.home) as store:
        return overview(store, job.home, beside or Beside(now=job.now))


def test_an_account_is_seen_with_its_equity_positions_and_pages(job: Job) -> None:
    start = job.now + timedelta(days=1)
    told = seen(job, Beside(now=job.now, next_runs={"daily": start}))
    (account,) = told.accounts
    assert (account.account, account.standing, account.day, account.live) == ("daily", Standing.DONE, FRIDAY, True)
    assert (account.source, account.symbols, account.strategy, account.broker) == (
        *("fake", job.symbols, "rules", "paper"),
    )
    assert account.equity is not None
    assert (account.equity.day, len(account.equity.curve)) == (FRIDAY, 2)
    assert {symbol for symbol, _ in account.exposures} <= set(job.symbols)
    sizes = [abs(value) for _, value in account.exposures]
    assert sizes == sorted(sizes, reverse=True)
    assert (account.page, account.pages, account.next_run) == ("daily/2020-06-12.html", 1, start)
    assert (account.concerns, told.concerns, told.scheduled) == ((), (), True)


@pytest.mark.parametrize(
    ("end", "hours", "standing"),
    [
        (None, 1, Standing.RUNNING),
        (close_late, 1, Standing.WAITING),
        (close_late, 13, Standing.FAILED),
        (close_failed, 1, Standing.FAILED),
    ],
)
def test_the_next_day_stands_as_its_newest_run_left_it(
    job: Job, end: Callable[[Job, datetime, str], None] | None, hours: int, standing: Standing
) -> None:
    again = on(job, FRIDAY + timedelta(days=1))
    begin(again, again.now)
    if end is not None:
        end(again, again.now, "binance did not answer")
    (account,) = seen(job, Beside(now=again.now + timedelta(hours=hours))).accounts
    assert (account.standing, account.day) == (standing, again.as_of)
    assert account.equity is not None
    assert account.equity.day == FRIDAY


def test_concerns_stand_with_their_account_and_it_comes_first(job: Job) -> None:
    beside = replace(job, account="a-calm-one", run_id="calm")
    begin(beside, beside.now)
    with connect(job.home) as store:
        runs.finish_run(store, "calm", Outcome(status=RunStatus.DONE, finished_at=job.now, result="{}"))
    halt(job.home, "daily", "the feed looks wrong", job.now)
    server = Concern(key="worker", text="no worker is online; start one")
    told = seen(job, Beside(now=job.now, concerns=(server,)))
    assert [account.account for account in told.accounts] == ["daily", "a-calm-one"]
    halted, calm = told.accounts
    assert halted.standing is Standing.HALTED
    assert "the feed looks wrong" in halted.concerns[0]
    assert (calm.concerns, told.concerns) == ((), ("no worker is online; start one",))


def test_a_saved_backtest_is_told_while_its_file_is_there(job: Job, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    saved = SavedBacktest(
        report=str(page),
        saved_at=job.now,
        source="fake",
        symbols=job.symbols,
        strategy="rules",
        strategy_sha256=None,
        first_day=FRIDAY,
        last_day=FRIDAY,
        total_return=0.5,
        sharpe=None,
    )
    with connect(job.home) as store:
        saved_backtests.record(store, replace(saved, total_return=0.1))
        saved_backtests.record(store, saved)
        saved_backtests.record(store, replace(saved, report=str(tmp_path / "gone.html")))
    assert seen(job).backtests == ()
    page.touch()
    assert seen(job).backtests == (), "an empty file shows nothing"
    page.write_text("<p>")
    told = seen(job)
    assert told.backtests == (saved,)
    assert told.accounts[0].backtests == (saved,)


def test_comparisons_and_sweeps_are_told_while_their_files_are_there(job: Job, tmp_path: Path) -> None:
    inside, outside = job.home / "reports" / "a b" / "sweep.html", tmp_path / "comparison.html"
    swept = SavedPage(
        page=str(inside),
        kind=PageKind.SWEEP,
        saved_at=job.now,
        names=job.symbols,
        items=12,
        first_day=FRIDAY,
        last_day=FRIDAY,
        sharpe=0.5,
        deflated=None,
    )
    compared = replace(swept, page=str(outside), kind=PageKind.COMPARISON, saved_at=job.now + timedelta(hours=1))
    with connect(job.home) as store:
        for each in (replace(swept, items=1), swept, compared):
            saved_pages.record(store, each)
    assert seen(job).pages == ()
    inside.parent.mkdir()
    inside.mkdir()
    outside.symlink_to(tmp_path / "nowhere")
    assert seen(job).pages == (), "a folder and a link to nowhere show nothing"
    inside.rmdir()
    outside.unlink()
    for path in (inside, outside):
        path.write_text("<p>")
    told = seen(job)
    assert told.pages == (compared, swept)
    assert told.addresses == {str(inside): "a%20b/sweep.html", str(outside): outside.as_uri()}


def test_a_report_that_has_gone_or_is_empty_is_not_linked(job: Job) -> None:
    page = job.home / "reports" / "daily" / f"{FRIDAY}.html"
    page.write_text("")
    assert seen(job).accounts[0].page is None
    write_day(job.home, "daily", FRIDAY - timedelta(days=1), "<p>")
    assert seen(job).accounts[0].page == "daily/2020-06-11.html"


def test_an_empty_home_has_a_page_too(tmp_path: Path) -> None:
    answer = write_overview(tmp_path / "home", Beside(now=datetime(2020, 6, 12, tzinfo=UTC)))
    assert (answer.index, answer.accounts) == (str(tmp_path / "home" / "reports" / "index.html"), ())


def test_a_locked_store_leaves_the_page_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    page = Path(write_overview(home, Beside(now=datetime(2020, 6, 12, tzinfo=UTC))).index)
    before, failed = page.read_bytes(), []
    monkeypatch.setattr("tasks.overview.writing.connect", lambda folder: connect(folder, timeout_s=0.05))

    def ask() -> None:
        try:
            write_overview(home, Beside(now=datetime(2020, 6, 13, tzinfo=UTC)))
        except StoreError as error:
            failed.append(str(error))

    with connect(home):
        other = Thread(target=ask)
        other.start()
        other.join()
    assert len(failed) == 1
    assert page.read_bytes() == before
