"""N daily runs through storage, gate and paper broker are one backtest of the same days, exactly."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from exchange.brokers.paper import PaperBroker
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from strategy.account.interest_rates import FinancingTerms, RateSeries
from strategy.account.orders import OrderState
from strategy.account.quotes import quotes_by_date
from strategy.account.state import EntryKind
from strategy.attribution.gains import Gain
from strategy.backtest.day_loop import Replay
from strategy.backtest.replay import replay
from strategy.builtin.registry import HOLD, RULES, TURBO
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Status
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import SymbolSignals, symbol_signals
from strategy.signals.strategies import Strategy
from tasks.backtest.run import Backtest, Window, backtest
from tasks.daily.earned import _table, earned, earned_answer, earned_tables
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.challenger import challenge
from tasks.models.load import forecaster
from tasks.models.retrain import Champion
from tasks.performance.earned_words import earned_in_words
from tasks.report import small_numbers
from tasks.report.markup import money
from tasks.run.job import Job
from tasks.validation.gate import validate
from testing.accounts.ledgers import replayed, tidied
from testing.markets.bars import COIN, MARKET, STOCK, UNBORN, FakeBars, account_days
from testing.runs.jobs import RECIPE, a_job, on, policy, promote, retrain_and_promote, run_day
from testing.runs.sown_bars import SOWN, SownBars, a_sown_job

BEFORE, FIRST, LAST = date(2020, 6, 7), date(2020, 6, 8), date(2020, 7, 7)
RETRAIN_EVERY_BARS = 4
#: What a failed training leaves; asking for one every day would only cost time.
NO_MODEL = Champion(model_id=None, reason="the prior trades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """History of the accounts: the home, each account's job on its last day, and its days."""

    home: Path
    jobs: Mapping[str, Job]
    days: Mapping[str, tuple[date, ...]]

    def replayed(self, account: str) -> Replay:
        return replayed(self.home, account, self.days[account])


def account(home: Path, name: str, symbols: tuple[str, ...], strategy: Strategy, last: date = LAST) -> Job:
    return replace(a_job(home, symbols, last, strategy), account=name)


def accounts(home: Path) -> dict[str, Job]:
    """One account for every case. A model belongs to its symbols, hence each network has other ones."""
    mixed, pair = MARKET.symbols(), (COIN.symbol, STOCK.symbol)
    again = account(home, "retrained", (COIN.symbol,), TURBO, date(2020, 6, 16))
    jobs = (
        account(home, "rules", mixed, RULES),
        account(home, "model", pair, TURBO, date(2020, 6, 24)),
        account(home, "prior", mixed, TURBO, date(2020, 6, 24)),
        account(home, "alone", (STOCK.symbol,), RULES, date(2020, 6, 19)),
        account(home, "hold", pair, HOLD, date(2020, 6, 11)),
        rated(account(home, "rated", mixed, RULES, date(2020, 6, 24))),
        replace(again, policy=policy(TURBO, replace(RECIPE, retrain_every_bars=RETRAIN_EVERY_BARS))),
    )
    return {job.account: job for job in jobs}


def rated(job: Job) -> Job:
    """The job on an account that is financed at rates which change within its days, and were negative before."""
    dates, rates = (date(2020, 6, 1), date(2020, 6, 15)), (Decimal("-0.004"), Decimal("0.04"))
    series = RateSeries(name="made", dates=dates, rates=rates)
    costs = replace(job.policy.costs, financing=FinancingTerms(rates=series, risk_free=series))
    return replace(job, policy=replace(job.policy, costs=costs))


def days_of(job: Job) -> tuple[date, ...]:
    listings = tuple(listing for listing in MARKET.listings if listing.symbol in job.symbols)
    return account_days(FakeBars(listings=listings), FIRST, job.as_of)


def trained(job: Job) -> None:
    promote(job, challenge(job, None, job.as_of).record.model_id)


def open_market() -> FakeBars:
    return MARKET


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A month of daily runs; the gate serves all accounts of the home."""
    home = tmp_path_factory.mktemp("daily")
    jobs = accounts(home)
    days = {name: days_of(job) for name, job in jobs.items()}
    market = a_job(home, MARKET.symbols(), BEFORE)
    ingest(market, open_market)
    validate(market)
    trained(on(jobs["model"], BEFORE))
    for day in account_days(MARKET, FIRST, LAST):
        ingest(on(market, day), open_market)
        barred = validate(on(market, day)).barred
        for name in [name for name in jobs if day in days[name]]:
            today = on(jobs[name], day)
            settle(today, PaperBroker)
            signal(today, NO_MODEL if name == "prior" else retrain_and_promote(today), barred)
            trade(today, PaperBroker)
            assert reconcile(today).difference == 0.0
    return Lived(home=home, jobs=jobs, days=days)


@pytest.fixture(scope="module")
def fresh_home(tmp_path_factory: pytest.TempPathFactory, lived: Lived) -> Path:
    """Another home, which learns of all bars at once and trains its model itself."""
    home = tmp_path_factory.mktemp("backtest")
    market = a_job(home, MARKET.symbols(), BEFORE)
    ingest(market, open_market)
    validate(market)
    trained(on(replace(lived.jobs["model"], home=home), BEFORE))
    return home


def backtested(home: Path, job: Job) -> Backtest:
    window = Window(strategies=(job.policy.strategy,), start=FIRST)
    return backtest(replace(job, home=home), window, open_market)


@pytest.mark.parametrize("name", ["rules", "prior", "alone", "hold", "rated"])
def test_daily_runs_equal_one_backtest_to_the_last_digit(lived: Lived, fresh_home: Path, name: str) -> None:
    once = backtested(fresh_home, lived.jobs[name])
    expected, actual = tidied(once.net.replay), lived.replayed(name)
    assert once.dates == lived.days[name]
    assert actual.decisions == expected.decisions
    assert actual.orders == expected.orders
    assert actual.fills == expected.fills
    assert actual.entries == expected.entries
    assert actual.snapshots == expected.snapshots


@pytest.mark.parametrize("name", ["rules", "prior", "hold", "rated"])
def test_what_earned_an_account_of_daily_runs_is_what_earned_the_backtest(
    lived: Lived, fresh_home: Path, name: str
) -> None:
    found = earned(lived.jobs[name])
    assert found is not None
    day, whole = found
    once = backtested(fresh_home, lived.jobs[name])
    assert whole.attribution.by_symbol == once.assessment.attribution.by_symbol
    assert whole.attribution.mean_exposures == once.assessment.attribution.mean_exposures
    equities = once.net.replay.equities
    assert whole.attribution.total.net == whole.net == equities[-1] - equities[0]
    assert day.attribution.total.net == day.net == equities[-1] - equities[-2]
    assert (day.unexplained, whole.unexplained) == (0, 0)


@pytest.mark.parametrize("name", ["rules", "rated"])
def test_the_days_of_an_account_earn_what_its_life_has_earned(lived: Lived, name: str) -> None:
    job, days = lived.jobs[name], lived.days[name]
    by_symbol: dict[str, Gain] = {}
    for day in days[1:]:
        found = earned(on(job, day))
        assert found is not None
        for symbol, gain in found[0].attribution.by_symbol.items():
            by_symbol[symbol] = by_symbol.get(symbol, Gain()) + gain
    whole = earned(job)
    assert whole is not None
    assert by_symbol == whole[1].attribution.by_symbol
    assert earned(on(job, days[0])) is None


def test_the_page_shows_the_sums_and_says_where_they_do_not_add_up(lived: Lived) -> None:
    job = lived.jobs["rules"]
    parts = earned(job)
    assert parts is not None
    day, whole = earned_tables(*parts)
    assert day.heading == "What earned the day, by symbol"
    assert whole.heading == f"What earned the net result since {FIRST}, by symbol"
    assert whole.rows[-1][0] == "All"
    assert whole.rows[-1][1] == money(parts[1].net)
    # On the second day both are the same.
    (alone,) = earned_tables(replace(parts[0], since=parts[1].since), parts[1])
    assert alone == whole
    broken = _table("Broken", replace(parts[1], net=parts[1].net + 1))
    assert broken.rows == ()
    assert "which its entries do not explain" in broken.empty


def test_the_result_of_a_day_is_told_with_its_parts(lived: Lived) -> None:
    parts = earned(lived.jobs["rules"])
    assert parts is not None
    answer = earned_answer(parts[0])
    told = earned_in_words(answer)
    assert told.startswith(f"{'+' if parts[0].net > 0 else ''}{small_numbers.cost(parts[0].net)} (")
    gains = parts[0].attribution.by_symbol
    assert all(f"{symbol} " in told for symbol, gain in gains.items() if symbol and gain.net)
    assert ("cash" in told) == bool(gains.get("", Gain()).net)
    assert answer.symbols is not None
    assert answer.cash is not None
    assert sum(answer.symbols.values(), answer.cash) == answer.net
    # What does not add up is left out.
    alone = earned_answer(replace(parts[0], net=parts[0].net + 1))
    assert (alone.symbols, alone.cash) == (None, None)
    assert earned_in_words(alone).endswith(")")


def test_the_month_holds_what_parity_has_to_be_shown_for(lived: Lived) -> None:
    rules, prior = lived.replayed("rules"), lived.replayed("prior")
    stock = [entry for entry in rules.entries if entry.kind is EntryKind.FACTOR and entry.symbol == STOCK.symbol]
    assert [entry.as_of for entry in stock] == [date(2020, 6, 10), date(2020, 6, 23), date(2020, 7, 1)]
    assert any(entry.kind is EntryKind.FINANCING for entry in (*rules.entries, *prior.entries))
    kinds = {entry.kind for entry in lived.replayed("rated").entries}
    assert EntryKind.INTEREST in kinds
    statuses = {(decision.symbol, decision.status) for decision in prior.decisions}
    assert {("YOUNG", Status.WARMING_UP), ("YOUNG", Status.TRADED), ("STOCK", Status.NO_SESSION)} <= statuses
    unborn = {decision.as_of: decision.reason for decision in prior.decisions if decision.symbol == UNBORN.symbol}
    assert unborn[date(2020, 6, 16)] == "no bar yet"
    assert unborn[date(2020, 6, 17)] != "no bar yet"
    assert {fill.symbol for fill in prior.fills} == {"STOCK", "COIN", "YOUNG"}
    assert any(order.state is OrderState.FILLED for order in rules.orders)


def test_the_last_orders_of_the_month_wait_at_the_broker(lived: Lived) -> None:
    with connect(lived.home) as store:
        waiting = order_store.open_orders(store, "rules")
        newest = order_store.orders_on(store, "rules", LAST)
    assert waiting == newest
    assert {order.state for order in newest} == {OrderState.ACKNOWLEDGED}


@pytest.mark.parametrize(
    ("name", "changes"), [("model", [0]), ("retrained", [0, RETRAIN_EVERY_BARS, 2 * RETRAIN_EVERY_BARS])]
)
def test_runs_by_models_equal_a_replay_with_each_days_model(lived: Lived, name: str, changes: list[int]) -> None:
    job, days = lived.jobs[name], lived.days[name]
    with connect(lived.home) as store:
        models = [ledger.provenance_on(store, job.account, day) for day in days]
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
    ids = [provenance.model_id if provenance else None for provenance in models]
    assert None not in ids
    assert [day for day, model in enumerate(ids) if day == 0 or model != ids[day - 1]] == changes
    mandate = job.policy.account_config(job.account, job.symbols, instruments)
    calendars = {symbol: instruments[symbol].calendar for symbol in bars}

    def seen(model_id: str | None) -> dict[str, SymbolSignals]:
        return symbol_signals(bars, calendars, TURBO, forecaster(lived.home, TURBO, model_id))

    spliced = seen(ids[0])
    for change in changes[1:]:
        for symbol, newer in seen(ids[change]).items():
            later = newer.open_time >= np.datetime64(days[change], "us")
            signal = np.where(later, newer.signal, spliced[symbol].signal)
            spliced[symbol] = replace(spliced[symbol], signal=signal)
    view = aligned_signals(spliced, job.symbols)
    expected = replay(view, quotes_by_date(bars, FIRST, job.as_of), days, job.policy.capital, mandate)
    assert lived.replayed(name) == tidied(expected)


def test_daily_runs_sized_by_daily_ranges_equal_one_backtest(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    job = account(tmp_path, "ranges", (COIN.symbol, STOCK.symbol), RULES, date(2020, 6, 12))
    plain = job.policy
    sizing = replace(plain.sizing, volatility_estimator=VolatilityEstimator.HAR)
    job = replace(job, policy=replace(plain, sizing=sizing))
    days = days_of(job)
    for day in days:
        today = on(job, day)
        ingest(today, open_market)
        barred = validate(today).barred
        settle(today, PaperBroker)
        # On quiet days the target would take more than twice the equity.
        assert all("(at most 2) decided today" in warning for warning in signal(today, NO_MODEL, barred))
        trade(today, PaperBroker)
        assert reconcile(today).difference == 0.0
    home = tmp_path_factory.mktemp("once")
    once = backtested(home, job)
    assert once.dates == days
    assert replayed(tmp_path, job.account, days) == tidied(once.net.replay)
    closes = backtested(home, replace(job, policy=plain)).net.replay
    by_ranges = {(each.as_of, each.symbol): each.volatility for each in once.net.replay.decisions}
    assert {each.symbol for each in closes.decisions if each.volatility != by_ranges[each.as_of, each.symbol]} == {
        "COIN",
        "STOCK",
    }


def test_daily_runs_by_the_model_of_a_fold_equal_the_walk_forward_backtest(tmp_path: Path) -> None:
    job, source = a_sown_job(tmp_path, date(2000, 1, 7)), SownBars(bars=SOWN)
    first = date(2000, 1, 3)
    once = backtest(job, Window(strategies=(TURBO,), start=first), lambda: source)
    (fold,) = once.folds
    assert fold.promoted
    for day in once.dates:
        today = on(job, day)
        ingest(today, lambda: source)
        barred = validate(today).barred
        settle(today, PaperBroker)
        signal(today, Champion(model_id=fold.model_id, reason="of the fold"), barred)
        trade(today, PaperBroker)
        assert reconcile(today).difference == 0.0
    assert len(once.net.replay.fills) > 2
    assert replayed(tmp_path, job.account, once.dates) == tidied(once.net.replay)


def test_every_day_stands_on_the_bars_that_a_fresh_home_has_too(lived: Lived, fresh_home: Path) -> None:
    """Publishing day by day, with splits and dividends on the way, gives the factors of publishing all at once."""
    backtested(fresh_home, lived.jobs["rules"])
    symbols = MARKET.symbols()
    with connect(lived.home) as daily, connect(fresh_home) as once:
        by_day = bar_store.load(daily, "fake", symbols, until=LAST)
        whole = bar_store.load(once, "fake", symbols, until=LAST)
    for symbol in symbols:
        for column in ("open_time", "open", "high", "low", "close", "volume", "factor"):
            assert np.array_equal(by_day[symbol][column], whole[symbol][column]), (symbol, column)


def test_the_ledger_balances_to_the_last_digit(lived: Lived) -> None:
    for name, job in lived.jobs.items():
        told = lived.replayed(name)
        cash, held = job.policy.capital, dict.fromkeys(job.symbols, job.policy.capital * 0)
        for snapshot in told.snapshots:
            day = snapshot.account.as_of
            for entry in told.entries:
                if entry.as_of == day:
                    cash += entry.cash
                    if entry.symbol:
                        held[entry.symbol] += entry.quantity
            for fill in told.fills:
                if fill.as_of == day:
                    cash -= round(fill.signed_quantity * fill.price, 12) + fill.fee
                    held[fill.symbol] += fill.signed_quantity
            assert snapshot.account.cash == cash, (name, day)
            assert {symbol: units for symbol, units in held.items() if units} == {
                symbol: position.quantity for symbol, position in snapshot.account.positions.items()
            }, (name, day)
            worth = sum((position.value for position in snapshot.account.positions.values()), cash)
            assert snapshot.equity == worth
            assert 0.0 <= snapshot.drawdown < 1.0


def test_no_order_fills_twice_or_on_the_day_that_decided_it(lived: Lived) -> None:
    for name in lived.jobs:
        told = lived.replayed(name)
        decided = {order.order_id: order for order in told.orders}
        assert len(decided) == len(told.orders)
        assert len({fill.order_id for fill in told.fills}) == len(told.fills)
        for fill in told.fills:
            assert decided[fill.order_id].as_of < fill.as_of
            assert decided[fill.order_id].state is OrderState.FILLED


def test_a_vendor_that_rebases_its_adjusted_closes_every_day_changes_nothing(tmp_path: Path) -> None:
    vendor = FakeBars(listings=(STOCK,), streaming=True)
    job = a_job(tmp_path, vendor.symbols(), date(2020, 6, 19))
    days = account_days(vendor, date(2020, 6, 19), date(2020, 6, 25))
    for day in days:
        run_day(on(job, day), lambda: vendor)
    once = backtest(on(job, days[-1]), Window(strategies=(RULES,), start=days[0]), lambda: vendor)
    assert replayed(tmp_path, "daily", days) == tidied(once.net.replay)
    with connect(tmp_path) as store:
        published = bar_store.published_counts(store)
    assert [row.revisions for row in published] == [0]
