"""The daily flow under a real Prefect, on the embedded sample."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

from exchange.sample import SampleBars
from flows.daily import daily
from flows.plan import Request, RequestRefused, plan
from flows.settings import load
from storage import runs
from storage.database import connect
from strategy.signals import Strategy
from tasks.backtest import Window, backtest
from tests.fakes.ledgers import contents, replayed, tidied

DAYS = (date(2018, 12, 27), date(2018, 12, 28), date(2018, 12, 31))
SUNDAY = date(2018, 12, 30)


@pytest.fixture(scope="module", autouse=True)
def _prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=60):
        yield


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after three days of the sample."""
    home = tmp_path_factory.mktemp("sample") / "home"
    for day in DAYS:
        answer = json.loads(daily(as_of=day, strategy=Strategy.RULES, home=home))
        assert (answer["as_of"], answer["warnings"]) == (day.isoformat(), [])
    return home


def test_three_days_under_prefect_equal_one_backtest(lived: Path) -> None:
    settings = load({"home": lived, "strategy": Strategy.RULES})
    job = plan(settings, SampleBars(), Request(account="daily", as_of=DAYS[-1], clock=datetime.now(tz=UTC)))
    once = backtest(job, Window(strategies=(Strategy.RULES,), start=DAYS[0]), SampleBars)
    assert once.dates == DAYS
    assert once.net.replay.fills
    assert replayed(lived, "daily", DAYS) == tidied(once.net.replay)


def test_a_day_that_is_done_is_not_done_again(lived: Path) -> None:
    told = contents(lived)
    again = json.loads(daily(as_of=DAYS[-1], strategy=Strategy.RULES, home=lived))
    assert again["warnings"] == ["2018-12-31 was already done; nothing was left to do"]
    assert contents(lived) == told
    with connect(lived) as store:
        done = runs.runs(store)
    assert [record.run.as_of for record in done] == list(reversed(DAYS))
    assert [record.outcome.status if record.outcome else None for record in done] == ["done"] * 3
    assert Path(again["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_day_before_the_ledger_s_last_one_is_refused(lived: Path) -> None:
    told = contents(lived)
    with pytest.raises(RequestRefused, match="--as-of is 2018-12-26, before 2018-12-31, the last day of account daily"):
        daily(as_of=date(2018, 12, 26), strategy=Strategy.RULES, home=lived)
    assert contents(lived) == told


def test_a_holiday_changes_nothing(tmp_path: Path) -> None:
    answer = json.loads(daily(as_of=SUNDAY, strategy=Strategy.RULES, home=tmp_path / "home"))
    assert answer["warnings"] == ["2018-12-30 is no session of ^GSPC, ^IXIC; there was nothing to do"]
    assert answer["orders"] == []
    assert contents(tmp_path / "home")["account_snapshots"] == []
