"""Accounts with sleeves: daily runs, backfill and backtest are one account, and its sleeves earn what it earns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from strategy.builtin.registry import MOMENTUM, RULES, VOL_TARGET
from strategy.signals.sleeves import combined
from strategy.signals.strategies import Sleeve, Strategy
from tasks.backtest.run import Backtest, Window, backtest
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.report import report
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion
from tasks.run.account_sleeves import account_sleeves
from tasks.run.answers import sleeve_answers
from tasks.run.job import Job
from tasks.validation.gate import validate
from testing.accounts.ledgers import replayed, tidied
from testing.markets.bars import MARKET, FakeBars, account_days
from testing.runs.jobs import a_job, on, run_day

FIRST, LAST = date(2020, 6, 8), date(2020, 6, 16)
#: One that trades every day, one with splits and without weekends, and one that is young.
SYMBOLS = ("COIN", "STOCK", "YOUNG")
NO_MODEL = Champion(model_id=None, reason="no model")
FIXED = combined([Sleeve(strategy=RULES, weight=0.5), Sleeve(strategy=MOMENTUM, weight=0.3)])
RISK = combined([Sleeve(strategy=each, weight=None) for each in (RULES, VOL_TARGET, MOMENTUM)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """Accounts of daily runs by name: their home, and each one's job on the last day."""

    home: Path
    jobs: Mapping[str, Job]
    days: tuple[date, ...]


def account(home: Path, name: str, strategy: Strategy) -> Job:
    return replace(a_job(home, SYMBOLS, LAST, strategy), account=name)


def open_market() -> FakeBars:
    return MARKET


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    home = tmp_path_factory.mktemp("daily")
    jobs = {name: account(home, name, strategy) for name, strategy in (("fixed", FIXED), ("risk", RISK))}
    days = account_days(MARKET, FIRST, LAST)
    for day in days:
        today = on(next(iter(jobs.values())), day)
        ingest(today, open_market)
        barred = validate(today).barred
        for job in jobs.values():
            today = on(job, day)
            settle(today, PaperBroker)
            signal(today, NO_MODEL, barred)
            trade(today, PaperBroker)
            assert reconcile(today).difference == 0.0
    return Lived(home=home, jobs=jobs, days=days)


@pytest.fixture(scope="module")
def fresh_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backtest")


def backtested(home: Path, job: Job) -> Backtest:
    return backtest(replace(job, home=home), Window(strategies=(job.policy.strategy,), start=FIRST), open_market)


@pytest.mark.parametrize("name", ["fixed", "risk"])
def test_daily_runs_with_sleeves_equal_one_backtest_to_the_last_digit(
    lived: Lived, fresh_home: Path, name: str
) -> None:
    once = backtested(fresh_home, lived.jobs[name])
    expected, actual = tidied(once.net.replay), replayed(lived.home, name, lived.days)
    assert once.dates == lived.days
    assert actual.decisions == expected.decisions
    assert actual == expected
    with connect(lived.home) as store:
        found = account_sleeves(store, name, LAST)
    assert found == once.sleeves
    assert found is not None
    earned = sum((each.profit for each in found.sleeves), Decimal(0))
    assert earned == expected.snapshots[-1].equity - expected.snapshots[0].equity
    assert all(each.profit for each in found.sleeves)


def test_the_first_day_of_other_sleeves_or_weights_warns_and_begins_their_record_anew(tmp_path: Path) -> None:
    other = combined([Sleeve(strategy=RULES, weight=0.6), Sleeve(strategy=MOMENTUM, weight=0.3)])
    alone = combined([Sleeve(strategy=RULES, weight=0.5)])
    days = account_days(MARKET, FIRST, LAST)[:5]
    warned = {}
    for day, strategy in zip(days, (FIXED, FIXED, alone, other, other), strict=True):
        job = on(account(tmp_path, "changed", strategy), day)
        gate, champion = run_day(job, open_market)
        warned[day] = [each for each in report(job, champion, gate).warnings if " trades from " in each]
    assert [day for day in days if warned[day]] == [days[2], days[3]]
    assert warned[days[3]] == [f"{other.name} trades from {days[3]} on, as this run asked; until then {alone.name} did"]
    with connect(tmp_path) as store:
        found = account_sleeves(store, "changed", days[4])
    assert found is not None
    assert {each.since for each in sleeve_answers(found)} == {days[3]}
