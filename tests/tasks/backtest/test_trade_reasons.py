"""Why a trade was made: in the words of the decision behind it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd

from strategy.builtin.registry import RULES
from strategy.portfolio.risk_limits import RiskLimits
from tasks.backtest.export import save
from tasks.backtest.exposures import days_read
from tasks.backtest.run import Backtest, Window, backtest
from tasks.run.job import Job
from testing.markets.bars import PAIR, SHARE, TOKEN, FakeBars
from testing.runs.jobs import a_job

START, END = date(2020, 6, 8), date(2020, 8, 31)


def limited(job: Job, limits: RiskLimits) -> Job:
    return replace(job, policy=replace(job.policy, limits=limits))


def run(job: Job, market: FakeBars = PAIR) -> Backtest:
    return backtest(job, Window(strategies=(RULES,), start=START), lambda: market)


def test_the_reason_of_a_trade_is_its_decision(tmp_path: Path) -> None:
    tested = run(a_job(tmp_path / "home", PAIR.symbols(), END))
    trades = pd.read_parquet(save(tested, tmp_path / "results", tested.job.now)[1])
    assert len(trades) > 10
    held = {snapshot.account.as_of: snapshot for snapshot in tested.net.replay.snapshots}
    for trade in trades.itertuples():
        snapshot = held[trade.decided_on]
        position = snapshot.account.positions.get(str(trade.symbol))
        before = float(position.value / snapshot.equity) if position else 0.0
        said = f"signal {trade.signal:+.2f}", f"exposure {before:+.2f} → {trade.exposure:+.2f}"
        assert str(trade.reason).startswith(f"{trade.regime}, {said[0]}, volatility ".replace("-", "−"))
        assert str(trade.reason).endswith(said[1].replace("-", "−"))


def test_a_limit_that_cut_a_trade_is_its_reason(tmp_path: Path) -> None:
    slow = run(limited(a_job(tmp_path / "slow", PAIR.symbols(), END), RiskLimits(max_turnover=0.05)))
    told = days_read(slow).reasons.values()
    assert any(reason.endswith("; cut to a turnover of 0.05 a day") for reason in told)
    assert not all("cut" in reason for reason in told)
    capped = run(limited(a_job(tmp_path / "capped", PAIR.symbols(), END), RiskLimits(max_order_notional=Decimal(200))))
    told = days_read(capped).reasons.values()
    assert any(reason.endswith("; cut to 200 an order") for reason in told)
    assert not all("cut" in reason for reason in told)


def test_a_delisted_position_is_closed_for_that_reason(tmp_path: Path) -> None:
    gone = replace(SHARE, last=date(2020, 7, 31), listed_to=date(2020, 7, 31))
    tested = run(a_job(tmp_path, PAIR.symbols(), END), FakeBars(listings=(gone, TOKEN)))
    last = [fill for fill in tested.net.replay.fills if fill.symbol == "SHARE"][-1]
    reasons = days_read(tested).reasons
    assert reasons[last.order_id] == "delisted: closed at the last published close"
