"""An account none of whose symbols is listed any more has its days all the same: it is paid, and its cash goes on."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchange.brokers.paper import PaperBroker
from storage import database
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.quotes import quotes_by_date
from strategy.account.state import EntryKind
from strategy.backtest.replay import replay
from strategy.builtin.registry import HOLD, RULES, VOL_TARGET
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Status
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.operations.delist import DelistRequest, delist
from tasks.run.job import Job
from tasks.validation.gate import NothingPublishable
from testing.accounts.ledgers import Rows, contents, replayed, tidied
from testing.markets.bars import SHARE, TOKEN, FakeBars
from testing.runs.jobs import a_job, on, run_day
from testing.simulation.store import Killed

FIRST, END = date(2020, 6, 8), date(2020, 6, 11)
#: Friday and Monday after the last bar.
NEXT, LAST = date(2020, 6, 12), date(2020, 6, 15)
DAYS = (FIRST, date(2020, 6, 9), date(2020, 6, 10), END, NEXT, LAST)
#: One whose source states its end, and one whose bars just end.
STATED = FakeBars(listings=(replace(SHARE, last=END, listed_to=END, splits=()),))
SILENT = FakeBars(listings=(replace(SHARE, last=END, splits=()),))
PRICE = Decimal("95.25")


def alone(home: Path, strategy: Strategy = VOL_TARGET, account: str = "daily") -> Job:
    return replace(a_job(home, ("SHARE",), LAST, strategy), account=account)


def lived(job: Job, source: FakeBars, days: tuple[date, ...]) -> None:
    for day in days:
        run_day(on(job, day), lambda: source)


def said(job: Job, day: date) -> None:
    at = datetime(2020, 6, 30, tzinfo=UTC)
    delist(
        job.home,
        DelistRequest(account=job.account, symbol="SHARE", day=day, price=PRICE, reason="bought", at=at),
    )


def backfilled(job: Job, source: FakeBars) -> None:
    backfill = Backfill(job=replace(job, models_of=job.account), start=FIRST)
    fill(backfill, lambda: source, PaperBroker, lambda progress: None)


def held(job: Job, day: date) -> Decimal:
    with connect(job.home) as store:
        snapshots = position_store.snapshots(store, job.account, until=day, last_days=1)
    assert snapshots[-1].account.as_of == day
    return snapshots[-1].account.quantity("SHARE")


def rows_of(home: Path, account: str) -> Rows:
    return {table: [row for row in rows if account in row] for table, rows in contents(home).items()}


@pytest.mark.parametrize("strategy", [RULES, HOLD, VOL_TARGET])
def test_daily_runs_a_backfill_and_one_replay_close_what_its_source_says_has_ended(
    tmp_path: Path, strategy: Strategy
) -> None:
    job = alone(tmp_path / "daily", strategy)
    lived(job, STATED, DAYS)
    assert held(job, END) != 0
    assert held(job, NEXT) == held(job, LAST) == 0
    elsewhere = replace(job, home=tmp_path / "backfill")
    backfilled(elsewhere, STATED)
    assert rows_of(elsewhere.home, "daily") == rows_of(job.home, "daily")
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=LAST)
        instruments = instrument_store.load(store, job.source, job.symbols)
    seen = symbol_signals(bars, {"SHARE": SHARE.calendar}, strategy)
    mandate = job.policy.account_config("daily", job.symbols, instruments)
    quotes = quotes_by_date(bars, FIRST, LAST)
    expected = tidied(replay(aligned_signals(seen, job.symbols), quotes, DAYS, job.policy.capital, mandate))
    assert replayed(job.home, "daily", DAYS) == expected
    assert expected.decisions[-1].status is Status.DELISTED


def test_what_a_person_says_is_paid_on_its_day_by_daily_runs_and_by_a_backfill(tmp_path: Path) -> None:
    job = alone(tmp_path / "daily")
    lived(job, SILENT, DAYS[:4])
    before = held(job, END)
    said(job, NEXT)
    # Its source serves nothing any more, and is not asked.
    gone = FakeBars(listings=(TOKEN,))
    lived(job, gone, (NEXT, LAST))
    with connect(job.home) as store:
        (paid,) = (each for each in ledger.entries_on(store, "daily", NEXT) if each.kind is EntryKind.DELISTING)
    assert (paid.cash, paid.quantity) == (before * PRICE, -before)
    assert held(job, NEXT) == held(job, LAST) == 0
    # The bars are those of another account there, and the delisting is known from the start.
    other = alone(tmp_path / "backfill", account="other")
    lived(other, SILENT, DAYS[:4])
    said(other, NEXT)
    backfilled(replace(other, account="daily"), gone)
    assert rows_of(other.home, "daily") == rows_of(job.home, "daily")


def test_what_is_said_late_is_paid_with_the_first_session_that_is_not_settled(tmp_path: Path) -> None:
    job = alone(tmp_path / "late")
    lived(job, SILENT, DAYS[:4])
    with pytest.raises(NothingPublishable, match="the newest session is missing"):
        run_day(on(job, NEXT), lambda: SILENT)
    said(job, FIRST)
    lived(job, SILENT, (LAST,))
    assert held(job, NEXT) == held(job, LAST) == 0


def test_days_between_the_last_bar_and_the_payout_are_none_and_miss_no_bar_afterwards(tmp_path: Path) -> None:
    job = alone(tmp_path / "between")
    lived(job, SILENT, DAYS[:4])
    said(job, LAST)
    gate, _ = run_day(on(job, LAST), lambda: SILENT)
    assert not gate.held_back
    assert held(job, LAST) == 0
    with connect(job.home) as store:
        dates = [each.account.as_of for each in position_store.snapshots(store, "daily", until=LAST, last_days=9)]
    assert dates == [*DAYS[:4], LAST]


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, before: int) -> Iterator[list[str]]:
    """A process that dies before the write of that number; yields the writes."""
    writes: list[str] = []
    opened: Callable[[Path, float], Any] = database._opened

    class Watched:
        def __init__(self, store: Any) -> None:
            self._store = store

        def execute(self, statement: str, *given: Any) -> Any:
            if not statement.lstrip().startswith(("SELECT", "WITH", "FROM", "SET", "ROLLBACK")):
                writes.append(statement)
                if len(writes) == before:
                    raise Killed(statement)
            return self._store.execute(statement, *given)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

    @contextmanager
    def watched(path: Path, timeout_s: float) -> Iterator[Any]:
        with opened(path, timeout_s) as store:
            yield Watched(store)

    with monkeypatch.context() as patch:
        patch.setattr(database, "_opened", watched)
        yield writes


def test_a_run_that_dies_before_any_of_its_writes_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = alone(tmp_path / "home")
    lived(job, SILENT, DAYS[:4])
    said(job, NEXT)
    undisturbed = replace(job, home=tmp_path / "undisturbed")
    shutil.copytree(job.home, undisturbed.home)
    with dying(monkeypatch, 0) as writes:
        lived(undisturbed, SILENT, (LAST,))
    expected = contents(undisturbed.home)
    assert [row for row in expected["entries"] if "delisting" in row]
    for number in range(1, len(writes) + 1, 4):
        killed = replace(job, home=tmp_path / str(number))
        shutil.copytree(job.home, killed.home)
        with dying(monkeypatch, number), pytest.raises(Killed, match=r"\w"):
            lived(killed, SILENT, (LAST,))
        lived(killed, SILENT, (LAST,))
        assert contents(killed.home) == expected, writes[number - 1]
