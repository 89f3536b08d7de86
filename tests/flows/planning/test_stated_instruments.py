"""Runs with an instrument file: daily, backfill, backtest and sweep charge the same, and an account keeps its terms."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.bars.sample import SampleBars
from exchange.brokers.paper import PaperBroker
from flows.config.settings import load
from flows.planning.backfill_plan import BackfillRequest, plan_backfill
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, plan
from storage.accounts import terms as term_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, constant
from strategy.account.money import exact
from strategy.account.orders import Fill
from strategy.builtin.registry import BASELINE, VOL_TARGET
from strategy.evaluation.sharpe import sharpe
from strategy.exit_codes import UsageError
from strategy.kernel.grid import Point
from strategy.market.instrument_terms import INSTRUMENT_FILE
from tasks.backfill.run import fill
from tasks.backfill.runs import begin
from tasks.backtest.run import Window, backtest
from tasks.backtest.sweep import sweep
from tasks.daily.replay_check import reconcile
from tasks.daily.report import unmoved
from tasks.parallel.runner import Here
from tasks.run.job import Job
from tasks.run.runs import begin as begin_daily
from testing.runs.jobs import run_day

DAYS = (date(2018, 12, 24), date(2018, 12, 26), date(2018, 12, 27), date(2018, 12, 28), date(2018, 12, 31))
NOW = datetime(2026, 1, 5, tzinfo=UTC)
FILE = """
[symbols."^GSPC"]
lot = 1
per_share = 0.02
min_fee = 5
half_spread_bps = 2
impact = 1.5
[classes.other]
currency = "USD"
"""
#: All of it at the rates and within the band of a new account.
pytestmark = pytest.mark.usefixtures("default_rates")
GIVEN = {"strategy": "vol-target", "symbols": "^GSPC", "capital": 10_000_000, "target_annual_vol": 0.1}


@pytest.fixture
def home(home: Path) -> Path:
    home.mkdir(exist_ok=True)
    (home / INSTRUMENT_FILE).write_text(FILE, encoding="utf-8")
    return home


def a_job(home: Path, day: date, **given: object) -> Job:
    settings = load({"home": home, **GIVEN, **given})
    return on_kept_terms(settings, plan(settings, SampleBars(), Request(account="daily", as_of=day, clock=NOW)))


def live_through(home: Path, day: date) -> Job:
    made = a_job(home, day)
    begin_daily(made, NOW)
    run_day(made, SampleBars)
    return made


def fills_of(home: Path, account: str) -> list[Fill]:
    with connect(home) as store:
        return [fill for day in DAYS for fill in ledger.fills_on(store, account, day)]


def as_traded(fills: list[Fill]) -> list[tuple[object, ...]]:
    return [(fill.as_of, fill.side, fill.quantity, fill.price, fill.fee) for fill in fills]


def known_open(home: Path, day: date) -> Decimal:
    with connect(home) as store:
        bars = bar_store.load(store, "sample", ("^GSPC",), until=day, last_bars=1)["^GSPC"]
    return exact(float(bars.open[-1]))


def equity_of(home: Path, account: str) -> Decimal:
    with connect(home) as store:
        snapshot = position_store.latest_snapshot(store, account)
    assert snapshot is not None
    return snapshot.equity


def test_daily_backfill_and_backtest_charge_what_the_file_states(home: Path) -> None:
    for day in DAYS:
        assert reconcile(live_through(home, day)).difference == 0
    fills = fills_of(home, "daily")
    assert fills
    for one in fills:
        assert one.quantity % 1 == 0
        assert one.fee == max(Decimal(5), one.quantity * Decimal("0.02"))
    settings = load({"home": home, **GIVEN, "broker": "paper"})
    wanted = plan_backfill(
        settings, SampleBars(), BackfillRequest(start=DAYS[0], end=DAYS[-1], account="what-if", clock=NOW)
    )
    begin(wanted, NOW)
    fill(wanted, SampleBars, PaperBroker, lambda _: None)
    assert as_traded(fills_of(home, "what-if")) == as_traded(fills)
    tested = backtest(a_job(home, DAYS[-1]), Window(strategies=(VOL_TARGET,), start=DAYS[0]), SampleBars)
    assert as_traded(list(tested.net.replay.fills)) == as_traded(fills)
    assert tested.net.replay.snapshots[-1].equity == equity_of(home, "what-if") == equity_of(home, "daily")
    assert all(one.fee == 0 and one.quantity % 1 == 0 for one in tested.gross.replay.fills)
    assert (tested.rates.per_share, tested.rates.min_fee) == ({"^GSPC": 0.02}, {"^GSPC": 5.0})
    assert tested.rates.impact == {"^GSPC": 1.5}
    # More than the half spread of two basis points, on every fill.
    slipped = [abs(one.price / known_open(home, one.as_of) - 1) for one in fills]
    assert all(share > Decimal("0.0002") for share in slipped)
    assert not any("impact" in warning for warning in tested.warnings)
    ladder = [each.capital for each in tested.capacity]
    assert ladder == [Decimal(10) ** power for power in range(4, 10)]
    assert dict(zip(ladder, tested.capacity, strict=True))[Decimal(10_000_000)].sharpe == tested.net.metrics.sharpe
    assert len({each.sharpe for each in tested.capacity}) > 1
    assert tested.rates.fee_bps == {"^GSPC": 0.0}


def test_an_account_keeps_what_was_stated_when_the_file_is_gone(home: Path) -> None:
    (home / INSTRUMENT_FILE).write_text(FILE.replace("min_fee = 5", "min_fee = 5_000"), encoding="utf-8")
    # Every day trades.
    (home / "settings.toml").write_text("rebalance_band = 0\n", encoding="utf-8")
    live_through(home, DAYS[0])
    live_through(home, DAYS[1])
    (home / INSTRUMENT_FILE).unlink()
    later = live_through(home, DAYS[2])
    assert {one.fee for one in fills_of(home, "daily")} == {Decimal(5_000)}
    assert later.policy.costs.instruments.symbols["^GSPC"].min_fee == 5_000
    # Another file is given: it is in force from the next day on.
    (home / INSTRUMENT_FILE).write_text(FILE.replace("min_fee = 5", "min_fee = 7_000"), encoding="utf-8")
    assert reconcile(live_through(home, DAYS[3])).difference == 0
    with connect(home) as store:
        entries = term_store.entries(store, "daily")
    assert [(entry.in_force_from, entry.cause) for entry in entries] == [
        (DAYS[0], "opened"),
        (date(2018, 12, 28), "given"),
    ]
    assert {one.fee for one in fills_of(home, "daily") if one.as_of >= date(2018, 12, 28)} == {Decimal(7_000)}


def test_a_sweep_runs_the_exact_account_where_the_compiled_one_lacks_what_is_stated(home: Path) -> None:
    job = a_job(home, DAYS[-1])
    point = Point(symbols=("^GSPC",), strategy=VOL_TARGET, sizing=job.policy.sizing, costs=job.policy.costs)
    swept = sweep(job, ((point,), DAYS[0]), SampleBars, Here(threads=1))
    tested = backtest(job, Window(strategies=(VOL_TARGET,), start=DAYS[0]), SampleBars)
    assert swept.results[0].metrics.sharpe_raw == swept.exact.sharpe_raw == tested.net.metrics.sharpe_raw
    assert any("exact account" in warning for warning in swept.warnings)
    # Its returns are above the risk-free rate, as those of the compiled account.
    rates = constant(Decimal("0.05"))
    dated = replace(point, costs=replace(point.costs, financing=FinancingTerms(rates=rates, risk_free=rates)))
    above = sweep(job, ((dated,), DAYS[0]), SampleBars, Here(threads=1))
    assert above.exact.sharpe != above.exact.sharpe_raw
    assert sharpe(above.net[:, 0], above.days_per_year) == pytest.approx(above.exact.sharpe)
    # Given fees replace all that is stated; the whole lots remain, and with them the exact account.
    given = replace(point, costs=replace(point.costs, fee_bps=Decimal(0)))
    cheaper = sweep(job, ((given,), DAYS[0]), SampleBars, Here(threads=1))
    assert cheaper.exact.total_return > swept.exact.total_return
    plain = replace(point, costs=Costs(financing=point.costs.financing))
    assert not any("exact account" in w for w in sweep(job, ((plain,), DAYS[0]), SampleBars, Here(threads=1)).warnings)


def test_a_sweep_of_an_impact_runs_the_compiled_account(home: Path) -> None:
    (home / INSTRUMENT_FILE).write_text('[symbols."^GSPC"]\nhalf_spread_bps = 2\nimpact = 10\n', encoding="utf-8")
    job = a_job(home, DAYS[-1])
    point = Point(symbols=("^GSPC",), strategy=VOL_TARGET, sizing=job.policy.sizing, costs=job.policy.costs)
    start = date(2016, 1, 4)
    swept = sweep(job, ((point,), start), SampleBars, Here(threads=1))
    assert not any("exact account" in warning for warning in swept.warnings)
    assert swept.results[0].metrics.total_return == pytest.approx(swept.exact.total_return, abs=1e-6)
    free = replace(point, costs=replace(point.costs, slippage_bps=Decimal(2)))
    cheaper = sweep(job, ((free,), start), SampleBars, Here(threads=1))
    assert cheaper.exact.total_return > swept.exact.total_return + 1e-4


def test_the_best_points_orders_that_the_volume_cuts_are_told(home: Path) -> None:
    (home / INSTRUMENT_FILE).write_text('[symbols."^GSPC"]\nimpact = 1\n', encoding="utf-8")
    settings = load({"home": home, **GIVEN, "capital": 10**12})
    job = plan(settings, SampleBars(), Request(account="daily", as_of=date(2000, 3, 1), clock=NOW))
    point = Point(symbols=("^GSPC",), strategy=VOL_TARGET, sizing=job.policy.sizing, costs=job.policy.costs)
    told = sweep(job, ((point,), date(1999, 12, 1)), SampleBars, Here(threads=1)).warnings
    assert any("best point: " in warning and "10% of the volume" in warning for warning in told)


def test_a_fee_per_share_on_fractions_is_refused_before_anything_is_fetched(home: Path) -> None:
    (home / INSTRUMENT_FILE).write_text("[classes.other]\nper_share = 0.01\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"per_share of \^GSPC is 0.01, and its lot is 0.000001"):
        a_job(home, DAYS[0])


def test_an_impact_without_volume_is_told_by_daily_and_backtest(home: Path) -> None:
    """The sample has no bar without volume; the first days of its record have no volatility yet."""
    first = (date(1999, 1, 5), date(1999, 1, 6))
    given = {**GIVEN, "strategy": "hold"}
    for day in first:
        settings = load({"home": home, **given})
        made = on_kept_terms(settings, plan(settings, SampleBars(), Request(account="daily", as_of=day, clock=NOW)))
        begin_daily(made, NOW)
        run_day(made, SampleBars)
    told = "and 1 of its 1 fills have none: 0 bars have no volume, 1 have too few bars before them for a volatility"
    assert any(told in warning for warning in unmoved(made))
    tested = backtest(made, Window(strategies=(BASELINE,), start=first[0]), SampleBars)
    assert any(told in warning for warning in tested.warnings)


def test_fees_of_resting_orders_are_told_to_have_no_effect(home: Path) -> None:
    (home / INSTRUMENT_FILE).write_text("[classes.other]\ntaker_bps = 4\nmaker_bps = 2\n", encoding="utf-8")
    tested = backtest(a_job(home, DAYS[-1]), Window(strategies=(VOL_TARGET,), start=DAYS[0]), SampleBars)
    assert [warning for warning in tested.warnings if "maker_bps" in warning] == [
        "instruments.toml states maker_bps of other, which has no effect: every order is a market order at the open "
        "and pays the fee of the taker; leave it out"
    ]
    assert tested.rates.fee_bps == {"^GSPC": 4.0}
