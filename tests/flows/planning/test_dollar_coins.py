"""Accounts in coins that stand for a dollar: cash earns nothing, and Sharpe ratios are above the dollar's rate."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from flows.cli.research.costs import shown_costs
from flows.config.settings import load
from flows.planning.adapters import open_source
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, outline, plan
from storage.database import connect
from strategy.builtin.registry import BASELINE, RULES, VOL_TARGET
from strategy.kernel.grid import Point
from strategy.market.instruments import Calendar
from strategy.signals.strategies import Strategy
from tasks.backtest.answer import backtest_answer
from tasks.backtest.exposures import days_read
from tasks.backtest.run import Backtest, Window, backtest
from tasks.backtest.sweep import sweep
from tasks.backtest.tear_sheet import tear_sheet
from tasks.daily.account_history import account_history
from tasks.daily.report import write_report
from tasks.parallel.runner import Here
from tasks.run.job import Job
from tasks.run.runs import begin
from testing.markets.bars import Listing, record
from testing.runs.jobs import run_day

pytestmark = pytest.mark.usefixtures("default_rates")

NOW = datetime(2026, 1, 5, tzinfo=UTC)
#: The shipped bills stand up to 2019-01-14.
START, LAST_KNOWN, FIRST_UNKNOWN = date(2018, 11, 1), date(2019, 1, 14), date(2019, 1, 15)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    bars = record(Listing(symbol="A", calendar=Calendar.ALWAYS, first=date(2018, 1, 1), last=FIRST_UNKNOWN, seed=1))
    path = tmp_path / "bars.csv"
    bars.assign(currency="USDT").rename(columns={"open_time": "date"}).to_csv(path, index=False)
    return {"home": tmp_path / "home", "source": f"file:{path}", "strategy": "vol-target"}


def backtest_until(given: dict[str, object], day: date, strategy: Strategy = VOL_TARGET) -> Backtest:
    settings = load(given)
    request = Request(account="backtest", until=day, clock=NOW)
    job = plan(settings, open_source(settings), request, strategy)
    return backtest(job, Window(strategies=(strategy, BASELINE), start=START), lambda: open_source(settings))


def run_on(given: dict[str, object], day: date) -> Job:
    settings = load(given)
    job = on_kept_terms(
        settings, outline(settings, open_source(settings), Request(account="daily", as_of=day, clock=NOW))
    )
    begin(job, NOW)
    run_day(job, lambda: open_source(settings))
    return job


def test_ratios_are_above_the_dollars_rate_though_cash_earns_nothing(given: dict[str, object]) -> None:
    tested = backtest_until(given, LAST_KNOWN)
    answer = backtest_answer(tested, ())
    for measured in (answer.net, answer.gross, answer.benchmarks["hold"].net):
        assert measured.rate_mean == pytest.approx(0.0221, abs=0.0005)
        assert measured.sharpe != measured.sharpe_raw
    assert answer.costs.interest == 0
    assert (answer.costs.rates, answer.costs.risk_free) == ("constant:0", "bills")
    assert not any("Sharpe" in warning for warning in answer.warnings)
    told = {line.name: line.terms for line in tear_sheet(tested, days_read(tested)).costs}
    assert told["Interest earned"] == "cash earns nothing; Sharpe ratios are of returns above bills"
    assert told["Financing"] == "1.5% a year on what is borrowed"
    # Long lines are wrapped.
    shown = " ".join(shown_costs(answer.costs).split())
    assert "cash earns nothing; Sharpe ratios are above bills" in shown
    assert "constant:0" not in shown


def test_a_backtest_beyond_the_rates_is_above_0_throughout_and_says_so(given: dict[str, object]) -> None:
    known, beyond = (backtest_until(given, day, RULES) for day in (LAST_KNOWN, FIRST_UNKNOWN))
    assert (beyond.net.metrics.rate_mean, beyond.net.metrics.sharpe) == (0.0, beyond.net.metrics.sharpe_raw)
    (warning,) = [each for each in beyond.warnings if "Sharpe" in each]
    assert warning == (
        "Sharpe ratios are of returns above 0, not above the rate of the dollar: bills has none after 2019-01-14; "
        "give the dollar's rates with --rates, such as yahoo or file:PATH, or --rates constant:0 to be measured above 0"
    )
    # Ratios above different rates do not make one variance.
    with connect(known.job.home) as store:
        versions = store.execute("SELECT account_version FROM trials ORDER BY ALL").fetchall()
    assert versions == [(2,), (3,)]


def test_a_sweep_measures_as_a_backtest_does(given: dict[str, object]) -> None:
    for day in (LAST_KNOWN, FIRST_UNKNOWN):
        tested = backtest_until(given, day)
        job = tested.job
        point = Point(symbols=("A",), strategy=VOL_TARGET, sizing=job.policy.sizing, costs=job.policy.costs)
        swept = sweep(job, ((point,), START), lambda: open_source(load(given)), Here(threads=1))
        assert swept.exact == tested.net.metrics
        assert swept.results[0].metrics.sharpe == pytest.approx(tested.net.metrics.sharpe, rel=1e-6)
        assert [each for each in swept.warnings if "Sharpe" in each] == [
            each for each in tested.warnings if "Sharpe" in each
        ]


def test_an_account_trades_on_without_rates_and_leaves_its_ratio_out(given: dict[str, object]) -> None:
    days = [each.item() for each in np.arange(date(2019, 1, 10), date(2019, 1, 16), dtype="datetime64[D]")]
    for day in days[:-1]:
        job = run_on(given, day)
    gate, champion = run_day(job, lambda: open_source(load(given)))
    assert not any("Sharpe" in each for each in write_report(job, champion, gate).findings.warnings)
    assert all(each.metrics.sharpe is not None for each in account_history(job).measured)
    job = run_on(given, days[-1])
    assert job.policy.costs.financing.lacking is not None
    gate, champion = run_day(job, lambda: open_source(load(given)))
    written = write_report(job, champion, gate)
    assert [each for each in written.findings.warnings if "Sharpe" in each] == [
        "the account's Sharpe ratio is left out, which is above the rate of the dollar: bills has none after "
        "2019-01-14; give the dollar's rates with --rates, such as yahoo or file:PATH, or --rates constant:0 to be "
        "measured above 0"
    ]
    for each in account_history(job).measured:
        assert (each.metrics.sharpe, each.metrics.sortino, each.metrics.rate_mean) == (None, None, None)
        assert each.metrics.sharpe_raw is not None


def test_an_account_whose_rates_begin_after_it_trades_on(given: dict[str, object], tmp_path: Path) -> None:
    run_on(given, date(2018, 12, 10))
    path = tmp_path / "rates.csv"
    path.write_text("date,rate\n2018-12-11,0.02\n", encoding="utf-8")
    job = run_on({**given, "rates": f"file:{path}"}, date(2018, 12, 11))
    gate, champion = run_day(job, lambda: open_source(load(given)))
    (warning,) = [each for each in write_report(job, champion, gate).findings.warnings if "Sharpe" in each]
    assert warning.endswith("it has no rate for 2018-12-10, a day of the account; give rates that have one")
