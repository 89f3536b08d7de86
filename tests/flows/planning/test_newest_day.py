"""The newest day of a record whose symbols have all ended is the session after it, on which the rest is paid out."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from exchange.sessions.known_delistings import KnownDelistings
from flows.config.settings import Settings, load
from flows.planning.adapters import open_source, source_factory
from flows.planning.backfill_plan import BackfillRequest, plan_backfill
from flows.planning.day_plan import DayPlan, plan_day
from flows.planning.plan import Request, RequestRefused, plan
from storage.database import connect
from storage.ledger import positions as position_store
from tasks.backfill.run import fill
from tasks.operations.delist import DelistRequest, delist
from testing.markets.bars import SHARE, record
from testing.runs.jobs import run_day

FRIDAY, MONDAY = date(2020, 6, 5), date(2020, 6, 8)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def recorded(home: Path, listed_to: date | None = FRIDAY) -> Settings:
    """The settings of an account on a file of one symbol, whose last bar is that of Friday."""
    rows = record(SHARE).rename(columns={"open_time": "date"}).drop(columns="adj_close")
    rows = rows[rows["date"] <= str(FRIDAY)]
    if listed_to is not None:
        rows = rows.assign(listed_to=str(listed_to))
    path = home.parent / "share.csv"
    rows.to_csv(path, index=False)
    return load({"home": home, "source": f"file:{path}", "strategy": "hold", "financing_rate": 0.02})


def planned(settings: Settings, as_of: date | None = None, now: datetime = NOW) -> DayPlan:
    return plan_day(settings, Request(account="daily", as_of=as_of, clock=now))


def lived(settings: Settings, as_of: date | None = None) -> date:
    """The day of a run without Prefect around it."""
    day = planned(settings, as_of)
    run_day(day.job, source_factory(settings))
    return day.job.as_of


def held(settings: Settings, account: str = "daily") -> dict[str, object]:
    with connect(settings.home) as store:
        snapshot = position_store.latest_snapshot(store, account)
    assert snapshot is not None
    return {"cash": snapshot.account.cash, "symbols": set(snapshot.account.positions)}


def test_an_account_on_a_file_that_has_ended_comes_to_the_session_after_it(home: Path) -> None:
    settings = recorded(home)
    for day in (date(2020, 6, 3), date(2020, 6, 4)):
        lived(settings, day)
    assert held(settings)["symbols"] == {"SHARE"}
    assert lived(settings) == MONDAY
    assert held(settings)["symbols"] == set()
    assert planned(settings).job.as_of == MONDAY, "it goes no further"
    with pytest.raises(RequestRefused, match=r"--as-of is 2020-06-09, after the last closed bar of .*, 2020-06-08"):
        planned(settings, date(2020, 6, 9))


def test_a_backfill_comes_to_the_same_end(home: Path) -> None:
    settings = recorded(home)
    wanted = BackfillRequest(start=date(2020, 6, 3), end=date(2020, 12, 31), account="past", clock=NOW)
    filled = fill(
        plan_backfill(settings, open_source(settings), wanted),
        source_factory(settings),
        PaperBroker,
        lambda progress: None,
    )
    assert (filled.last.as_of, held(settings, "past")["symbols"]) == (MONDAY, set())


def test_what_is_said_of_the_only_symbol_of_a_file_is_paid_by_the_next_daily_run(home: Path) -> None:
    settings = recorded(home, None)
    for day in (date(2020, 6, 4), FRIDAY):
        lived(settings, day)
    assert planned(settings).job.as_of == FRIDAY, "it may have more bars tomorrow"
    with connect(home) as store:
        before = position_store.latest_snapshot(store, "daily")
    assert before is not None
    said = delist(
        home,
        DelistRequest(account="daily", symbol="SHARE", day=FRIDAY, price=before.equity, reason="bought", at=NOW),
    )
    assert isinstance(open_source(settings), KnownDelistings)
    assert lived(settings) == MONDAY
    after = held(settings)
    assert after["symbols"] == set()
    assert said.paid_out is not None
    # Only the interest of a weekend on what was borrowed lies between.
    assert float(str(after["cash"])) == pytest.approx(float(before.account.cash + said.paid_out), rel=1e-6)


def test_neither_a_new_account_nor_a_backtest_goes_beyond_the_bars(home: Path) -> None:
    settings = recorded(home)
    assert planned(settings).job.as_of == FRIDAY
    lived(settings, FRIDAY)
    request = Request(account="backtest", clock=NOW)
    assert plan(settings, open_source(settings), request).as_of == FRIDAY


def test_the_session_after_the_end_must_be_over(home: Path) -> None:
    settings = recorded(home)
    lived(settings, FRIDAY)
    assert planned(settings, now=datetime(2020, 6, 8, 19, tzinfo=UTC)).job.as_of == FRIDAY
    assert planned(settings, now=datetime(2020, 6, 8, 20, tzinfo=UTC)).job.as_of == MONDAY
