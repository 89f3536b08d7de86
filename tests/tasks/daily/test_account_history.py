"""The page of an account shows its whole life, with the figures that a backtest of the same days has."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from exchange.brokers.paper import PaperBroker
from storage.database import connect
from storage.ledger import positions as position_store
from strategy.builtin.registry import HOLD, RULES
from strategy.evaluation.metrics import drawdowns
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.backtest.run import Window, backtest
from tasks.daily.account_history import AccountHistory, account_history
from tasks.run.job import Job
from testing.markets.bars import MARKET
from testing.runs.jobs import SIZING, a_job

FIRST, LAST = date(2020, 3, 2), date(2020, 6, 24)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """An account that has lived longer than its look-back of 20 days."""
    home: Path = tmp_path_factory.mktemp("home")
    job = replace(a_job(home, MARKET.symbols(), LAST), account="life", models_of="life")
    fill(Backfill(job=job, start=FIRST), lambda: MARKET, PaperBroker, lambda progress: None)
    return job


@pytest.fixture(scope="module")
def history(job: Job) -> AccountHistory:
    return account_history(job)


def test_the_picture_begins_where_the_account_did(job: Job, history: AccountHistory) -> None:
    dates = history.picture.dates
    assert (dates[0], dates[-1]) == (FIRST, LAST)
    assert len(dates) > SIZING.lookback_period
    assert history.picture.lines[0].values[0] == 10_000.0


def test_the_drawdown_counts_from_the_highest_equity_of_the_whole_life(job: Job, history: AccountHistory) -> None:
    with connect(job.home) as store:
        snapshots = position_store.snapshots(store, job.account, until=LAST, last_days=10_000)
    equity = np.array([float(snapshot.equity) for snapshot in snapshots])
    assert history.picture.drawdown == tuple(drawdowns(equity))
    # The look-back forgets an older peak; the picture must not.
    assert history.picture.drawdown != tuple(snapshot.drawdown for snapshot in snapshots)


def test_figures_and_benchmark_are_those_of_a_backtest_of_the_same_days(job: Job, history: AccountHistory) -> None:
    window = Window(strategies=(RULES, HOLD), start=FIRST)
    tested = backtest(replace(job, as_of=LAST), window, lambda: MARKET)
    own, hold = history.measured
    assert own.metrics == tested.net.metrics
    assert (hold.label, hold.metrics) == ("hold", tested.benchmarks["hold"].metrics)


def test_an_account_of_hold_has_no_benchmark_but_itself(job: Job) -> None:
    held = replace(job, policy=replace(job.policy, strategy=HOLD))
    assert [measured.label for measured in account_history(held).measured] == ["hold"]


def test_dust_is_shown_nowhere(job: Job) -> None:
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
    assert snapshot is not None
    symbol, position = next(iter(snapshot.account.positions.items()))
    small = replace(position, quantity=Decimal("0.000001"), mark=Decimal(50))
    positions = {**snapshot.account.positions, symbol: small}
    dusty = replace(snapshot, account=replace(snapshot.account, positions=positions))
    assert symbol in snapshot.held
    assert symbol not in dusty.held
