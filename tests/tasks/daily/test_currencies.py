"""An account in dollars on a share in euros: daily runs, a backfill and a backtest agree to the last digit."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarRequest, SourceRefused
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.money import quantised
from strategy.account.state import EntryKind
from strategy.builtin.registry import HOLD, RULES, TURBO
from strategy.kernel.grid import Point
from strategy.market.currencies import Currencies, FxMissing
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.decision import Status
from strategy.signals.rolling import annual_volatility
from strategy.signals.strategies import Strategy
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.backtest.run import Backtest, Window, backtest
from tasks.backtest.sweep import sweep
from tasks.daily.earned import earned
from tasks.daily.replay_check import reconcile
from tasks.data.funding_rates import with_series
from tasks.data.ingest import ingest
from tasks.models.retrain import train_now
from tasks.parallel.runner import Here
from tasks.run.job import Job
from tasks.run.kept_terms import LEGACY, canonical
from tasks.validation.gate import inspect
from testing.accounts.ledgers import contents, replayed, tidied
from testing.markets.bars import FakeBars, Fault, Listing, account_days
from testing.runs.jobs import RECIPE, UNTRAINABLE, a_job, on, run_day
from testing.runs.jobs import policy as a_policy

FIRST, LAST = date(2020, 6, 28), date(2020, 7, 10)
HOME_SHARE = Listing(symbol="HOME", calendar=Calendar.XNYS, first=date(2019, 11, 1), last=date(2020, 12, 31), seed=21)
#: Closed on Fridays and Saturdays, unlike the pair; it splits and pays a dividend.
ABROAD = Listing(
    symbol="ABROAD",
    calendar=Calendar.SUNDAY_TO_THURSDAY,
    first=date(2019, 11, 1),
    last=date(2020, 12, 31),
    seed=22,
    splits=((date(2020, 6, 30), 2.0),),
    dividends=((date(2020, 7, 8), 0.02),),
)
EURO = Listing(symbol="EURUSD", calendar=Calendar.WEEKDAYS, first=date(2019, 11, 1), last=date(2020, 12, 31), seed=23)
#: The pair has no close on a holiday in the middle of a week, and none on two days in a row.
GAPS = tuple(Fault(symbol="EURUSD", day=date(2020, 7, day)) for day in (2, 6, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Abroad(FakeBars):
    """A source with prices in two currencies and, where it is listed, the pair of both at about 1.1."""

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        units = {"HOME": "USD", "ABROAD": "EUR", "EURUSD": "USD"}
        # Not super(): a dataclass with slots is made anew, and the class that it would name is not this one.
        known = FakeBars.instruments(self, symbols)
        return tuple(replace(instrument, currency=units[instrument.symbol]) for instrument in known)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        frame = FakeBars.fetch(self, request)
        of_pair = (frame["symbol"] == "EURUSD").to_numpy()
        for column in ("open", "high", "low", "close"):
            frame[column] = np.where(of_pair, (frame[column] / 90.0).round(5), frame[column])
        # As vendors of currencies do: of one bar the high lies below the close.
        frame["high"] = np.where(of_pair & (np.arange(len(frame)) % 9 == 0), frame["low"], frame["high"])
        return frame


MARKET = Abroad(listings=(HOME_SHARE, ABROAD, EURO), faults=GAPS)
SYMBOLS = ("ABROAD", "HOME")


def a_dollar_job(home: Path, strategy: Strategy = RULES, symbols: tuple[str, ...] = SYMBOLS, base: str = "USD") -> Job:
    job = a_job(home, symbols, LAST, strategy)
    policy = a_policy(strategy, UNTRAINABLE)
    costs = replace(policy.costs, currencies=Currencies(base=base))
    terms = canonical({**LEGACY, "base_currency": base or None})
    return replace(job, policy=replace(policy, costs=costs), terms=terms)


def days() -> tuple[date, ...]:
    return account_days(replace(MARKET, listings=(HOME_SHARE, ABROAD)), FIRST, LAST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """An account's job, and its backtest in a home of its own."""

    job: Job
    backtest: Backtest


def backtested(job: Job) -> Backtested:
    window = Window(strategies=(job.policy.strategy,), start=FIRST)
    return Backtested(job=job, backtest=backtest(job, window, lambda: MARKET))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Backtested:
    return backtested(a_dollar_job(tmp_path_factory.mktemp("backtest")))


def test_daily_runs_a_backfill_and_a_backtest_agree_to_the_last_digit(tmp_path: Path, once: Backtested) -> None:
    job, result = a_dollar_job(tmp_path / "daily"), once.backtest
    for day in days():
        run_day(on(job, day), lambda: MARKET)
    expected, actual = tidied(result.net.replay), replayed(job.home, job.account, days())
    assert result.dates == days()
    assert (actual.decisions, actual.orders) == (expected.decisions, expected.orders)
    assert (actual.fills, actual.entries) == (expected.fills, expected.entries)
    assert actual.snapshots == expected.snapshots
    told = earned(on(job, days()[-1]))
    assert told is not None
    assert told[1].attribution.by_symbol == result.assessment.attribution.by_symbol
    assert (told[0].unexplained, told[1].unexplained) == (0, 0)
    filling = a_dollar_job(tmp_path / "backfill")
    fill(Backfill(job=filling, start=FIRST), lambda: MARKET, PaperBroker, lambda _: None)
    own, daily = contents(filling.home), contents(job.home)
    assert {table for table in own if own[table] != daily[table]} <= {"bars", "passes"}
    # What has to be shown: trades and profit in euros, rates that stand over gaps, and days of the pair's alone.
    fx = {entry.as_of: entry for entry in expected.entries if entry.kind is EntryKind.FX}
    assert {entry.symbol for entry in fx.values()} == {"ABROAD"}
    assert any(fill.symbol == "ABROAD" and fill.fx_rate != 1 for fill in expected.fills)
    assert not {date(2020, 7, 2), date(2020, 7, 6), date(2020, 7, 7)} & set(fx)
    assert {date(2020, 6, 30), date(2020, 7, 8), date(2020, 7, 10)} <= set(fx)
    assert result.charges.fx_profit == sum(entry.profit for entry in expected.entries) != 0


def test_equity_moves_by_prices_at_the_new_rate_and_by_the_fx_entries(once: Backtested) -> None:
    replay = once.backtest.net.replay
    with connect(once.job.home) as store:
        pair = bar_store.load(store, "fake", ["EURUSD"], until=LAST)["EURUSD"]
    closes = dict(zip(pair.open_time.astype("datetime64[D]").tolist(), pair.close.tolist(), strict=True))
    assert len(replay.snapshots) == len(days())
    for before, after in pairwise(replay.snapshots):
        day = after.account.as_of
        rate = Decimal(repr(closes[max(each for each in closes if each <= day)]))
        moved = Decimal(0)
        for symbol, at in (("ABROAD", rate), ("HOME", Decimal(1))):
            then, now = (each.account.positions.get(symbol) for each in (before, after))
            assert now is None or now.fx_rate == at
            worth = [Decimal(0) if each is None else each.quantity * each.mark for each in (then, now)]
            traded = sum(
                each.signed_quantity * each.price for each in replay.fills if (each.as_of, each.symbol) == (day, symbol)
            )
            moved += at * (worth[1] - worth[0] - traded)
            fx = sum(each.profit for each in replay.entries if (each.as_of, each.symbol) == (day, symbol))
            assert fx == (quantised(worth[0] * (rate - then.fx_rate)) if symbol == "ABROAD" and then else 0)
            moved += fx
        moved -= sum(each.fee for each in replay.fills if each.as_of == day)
        moved += sum(each.cash for each in replay.entries if each.as_of == day)
        assert abs(after.equity - before.equity - moved) < Decimal("1e-9")


def test_volatility_is_in_dollars_and_the_signal_of_the_prices_in_euros(tmp_path: Path, once: Backtested) -> None:
    abroad = once.backtest.net.replay
    euros = backtested(a_dollar_job(tmp_path, symbols=("ABROAD",), base="EUR")).backtest.net.replay
    alone = {each.as_of: each for each in euros.decisions if each.status is Status.TRADED}
    seen = [each for each in abroad.decisions if each.symbol == "ABROAD" and each.as_of in alone]
    assert len(seen) > 5
    for decision in seen:
        own = alone[decision.as_of]
        assert (decision.signal, decision.regime, decision.confidence) == (own.signal, own.regime, own.confidence)
        assert decision.volatility != own.volatility
    with connect(once.job.home) as store:
        bars = bar_store.load(store, "fake", ["ABROAD", "EURUSD"], until=LAST)
    share, pair = bars["ABROAD"], bars["EURUSD"]
    rows = np.searchsorted(pair.open_time, share.open_time, side="right") - 1
    dollars = annual_volatility(share.adjusted_close * pair.close[rows], 252)
    assert seen[-1].volatility == pytest.approx(dollars[-1], rel=1e-12)


#: A Wednesday on which both shares trade.
WEDNESDAY = date(2020, 7, 8)


def test_a_later_pass_and_its_replay_take_the_rates_of_the_first(tmp_path: Path) -> None:
    job = on(a_dollar_job(tmp_path, HOLD), WEDNESDAY)
    for day in account_days(replace(MARKET, listings=(HOME_SHARE, ABROAD)), FIRST, WEDNESDAY - timedelta(days=1)):
        run_day(on(job, day), lambda: MARKET)
    late = MARKET.faulty(Fault(symbol="HOME", day=WEDNESDAY)).faulty(Fault(symbol="EURUSD", day=WEDNESDAY))
    run_day(job, lambda: late)
    # Another account of the store brings the close of the pair.
    run_day(replace(job, account="other"), lambda: MARKET)
    run_day(job, lambda: MARKET)
    assert reconcile(job).difference == 0.0
    taken = {}
    with connect(tmp_path) as store:
        for account in ("daily", "other"):
            (rate,) = ledger.fx_taken_on(store, account, WEDNESDAY)
            taken[account] = rate.dated
            (snapshot,) = position_store.snapshots(store, account, until=WEDNESDAY, last_days=1)
            held = snapshot.account.positions.get("ABROAD")
            assert held is None or held.fx_rate == rate.rate
        assert [each.symbols for each in ledger.passes_on(store, "daily", WEDNESDAY)] == [SYMBOLS, ("HOME",)]
    assert taken == {"daily": date(2020, 7, 3), "other": WEDNESDAY}
    # The next day makes up for it.
    after = on(job, WEDNESDAY + timedelta(days=1))
    run_day(after, lambda: MARKET)
    assert reconcile(after).difference == 0.0
    with connect(tmp_path) as store:
        assert [each.dated for each in ledger.fx_taken_on(store, "daily", after.as_of)] == [after.as_of]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised(Abroad):
    """The source with another close of the pair on a day."""

    day: date

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        frame = Abroad.fetch(self, request)
        wrong = (frame["symbol"] == "EURUSD") & (frame["open_time"].dt.date == self.day)
        frame.loc[wrong, "close"] += 0.001
        return frame


def revised(day: date) -> Revised:
    return Revised(listings=MARKET.listings, faults=MARKET.faults, day=day)


def test_a_changed_close_of_the_pair_changes_the_hash_of_all_that_it_converts(tmp_path: Path, once: Backtested) -> None:
    found = {}
    for name, source in {"same": MARKET, "within": revised(WEDNESDAY), "after": revised(date(2020, 7, 13))}.items():
        job = on(a_dollar_job(tmp_path / name), LAST)
        window = Window(strategies=(RULES,), start=FIRST)
        tested = backtest(job, window, lambda source=source: source)
        point = Point(symbols=SYMBOLS, strategy=RULES, sizing=job.policy.sizing, costs=job.policy.costs)
        swept = sweep(job, ((point,), FIRST), lambda source=source: source, Here(threads=1))
        run_day(job, lambda source=source: source)
        with connect(job.home) as store:
            provenance = ledger.provenance_on(store, "daily", LAST)
        assert provenance is not None
        assert tested.data_sha256 == swept.data_sha256
        assert swept.exact == tested.net.metrics
        found[name] = (tested.data_sha256, provenance.data_sha256)
    assert found["same"][0] == once.backtest.data_sha256
    assert found["after"] == found["same"]
    assert all(one != other for one, other in zip(found["within"], found["same"], strict=True))


def test_networks_train_on_prices_in_the_currency_of_the_account(tmp_path: Path) -> None:
    long = tuple(replace(each, first=date(2017, 6, 1)) for each in MARKET.listings)
    answers = {}
    for name, source in {
        "same": replace(MARKET, listings=long),
        "revised": replace(revised(WEDNESDAY), listings=long),
    }.items():
        job = a_dollar_job(tmp_path / name, TURBO)
        job = replace(job, policy=replace(job.policy, recipe=RECIPE))
        ingest(job, lambda source=source: source)
        inspect(job, None)
        answers[name] = train_now(with_series(job))
        # The same bars and closes: nothing is trained again.
        assert train_now(with_series(job)) == answers[name]
    assert answers["same"].symbols == SYMBOLS
    assert answers["same"].data_sha256 != answers["revised"].data_sha256
    assert answers["same"].model_id != answers["revised"].model_id


def test_a_source_without_the_pair_is_refused_in_one_sentence_that_names_it(tmp_path: Path) -> None:
    job = a_dollar_job(tmp_path)
    without = replace(MARKET, listings=(HOME_SHARE, ABROAD), faults=())
    with pytest.raises(
        SourceRefused, match=r"in USD and needs the bars of EURUSD to convert .*ABROAD in EUR: .*\[curr"
    ):
        ingest(job, lambda: without)
    assert contents(tmp_path)["bars_staged"] == []


def test_pairs_that_end_too_early_stop_the_run(tmp_path: Path) -> None:
    job = a_dollar_job(tmp_path)
    ended = replace(MARKET, listings=(HOME_SHARE, ABROAD, replace(EURO, last=date(2020, 6, 12))), faults=())
    with pytest.raises(
        FxMissing, match="EURUSD has no bar between 2020-06-12 and 2020-06-28, and a rate stands for 10"
    ):
        run_day(on(job, FIRST), lambda: ended)


def test_prices_are_converted_on_paper_and_into_a_named_currency_alone(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="ABROAD are in EUR, and broker testnet-spot converts nothing into USD"):
        ingest(replace(a_dollar_job(tmp_path), broker="testnet-spot", account="other"), lambda: MARKET)
    with pytest.raises(SourceRefused, match=r"priced in 2: ABROAD in EUR; HOME in USD; .*--set base_currency=USD"):
        ingest(replace(a_dollar_job(tmp_path, base=""), account="third"), lambda: MARKET)
