"""An account in dollars on a share in euros: daily runs, a backfill and a backtest agree to the last digit."""

from dataclasses import dataclass, replace
from datetime import date
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
from strategy.account.money import quantised
from strategy.account.state import EntryKind
from strategy.builtin.registry import RULES
from strategy.market.currencies import Currencies, FxMissing
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.decision import Status
from strategy.signals.rolling import annual_volatility
from strategy.signals.strategies import Strategy
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.backtest.run import Backtest, Window, backtest
from tasks.data.ingest import ingest
from tasks.run.job import Job
from tasks.run.kept_terms import LEGACY, canonical
from testing.accounts.ledgers import contents, replayed, tidied
from testing.markets.bars import FakeBars, Fault, Listing, account_days
from testing.runs.jobs import UNTRAINABLE, a_job, on, run_day
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
