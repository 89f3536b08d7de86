"""Sleeves of an account in dollars on a perpetual in euros: funding, exchange rates, late bars, and closing it all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarRequest, FundingRequest
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.money import exact, quantised
from strategy.account.state import EntryKind
from strategy.builtin.registry import MOMENTUM, RULES
from strategy.market.currencies import Currencies
from strategy.market.funding_rates import FundingRate
from strategy.market.instruments import Calendar, Instrument
from strategy.signals.sleeves import combined
from strategy.signals.strategies import Sleeve
from strategy.sleeves.results import SleeveResults
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill
from tasks.backtest.run import Window, backtest
from tasks.daily.replay_check import reconcile
from tasks.data.funding_rates import with_series
from tasks.operations.halt import flatten
from tasks.run.account_sleeves import account_sleeves
from tasks.run.job import Job
from tasks.run.kept_terms import LEGACY, canonical
from testing.accounts.ledgers import contents, replayed, tidied
from testing.markets.bars import FakeBars, Fault, Listing
from testing.runs.jobs import UNTRAINABLE, a_job, on, policy, run_day

FIRST, LAST = date(2020, 6, 28), date(2020, 7, 4)
SWAP = Listing(symbol="BTCEUR", calendar=Calendar.ALWAYS, first=date(2019, 1, 1), last=date(2020, 12, 31), seed=31)
COIN = replace(SWAP, symbol="COIN", seed=34)
EURO = replace(SWAP, symbol="EURUSD", calendar=Calendar.WEEKDAYS, seed=23)
SYMBOLS = ("BTCEUR", "COIN")
SLEEVES = combined([Sleeve(strategy=RULES, weight=0.5), Sleeve(strategy=MOMENTUM, weight=0.4)])
DAYS = tuple(FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))
#: The day of which a bar is late, and the first one on which the account is closed.
DIVIDED, CLOSED = DAYS[3], DAYS[5]


def payments() -> tuple[FundingRate, ...]:
    """Rates of both signs, every eight hours from the day before the first on."""
    start = datetime(2020, 6, 27, tzinfo=UTC)
    draw = np.random.default_rng(5)
    rates = draw.integers(-40_000, 60_000, 3 * (len(DAYS) + 2)).tolist()
    return tuple(
        FundingRate(at=start + row * timedelta(hours=8), rate=Decimal(rate) / 10**8) for row, rate in enumerate(rates)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Abroad(FakeBars):
    """A perpetual in euros, a coin in dollars, and the pair of both at about 1.1."""

    rates: Mapping[str, tuple[FundingRate, ...]] = field(default_factory=dict, hash=False)

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        known = FakeBars.instruments(self, symbols)
        return tuple(
            replace(each, currency="EUR" if each.symbol == "BTCEUR" else "USD", perpetual=each.symbol == "BTCEUR")
            for each in known
        )

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        frame = FakeBars.fetch(self, request)
        of_pair = (frame["symbol"] == "EURUSD").to_numpy()
        for column in ("open", "high", "low", "close"):
            frame[column] = np.where(of_pair, (frame[column] / 90.0).round(5), frame[column])
        return frame

    def funding(self, request: FundingRequest) -> dict[str, tuple[FundingRate, ...]]:
        return {
            symbol: tuple(
                rate for rate in self.rates[symbol] if (since is None or rate.at >= since) and rate.at <= request.until
            )
            for symbol, since in request.since.items()
        }


MARKET = Abroad(listings=(SWAP, COIN, EURO), rates={"BTCEUR": payments()})


def a_job_abroad(home: Path) -> Job:
    job = a_job(home, SYMBOLS, LAST, SLEEVES)
    own = policy(SLEEVES, UNTRAINABLE)
    costs = replace(own.costs, currencies=Currencies(base="USD"))
    terms = canonical({**LEGACY, "base_currency": "USD"})
    return replace(job, policy=replace(own, costs=costs), terms=terms)


@contextmanager
def shared(job: Job) -> Iterator[tuple[Connection, SleeveResults]]:
    """The store and the sleeves of the job's day, whose ledgers add up to the account's to the last digit."""
    with connect(job.home) as store:
        found = account_sleeves(store, job.account, job.as_of)
        snapshots = position_store.snapshots(store, job.account, until=job.as_of, last_days=1_000)
        assert found is not None
        assert found.since == snapshots[0].account.as_of
        earned = sum((each.profit for each in found.sleeves), Decimal(0))
        assert earned == snapshots[-1].equity - snapshots[0].equity
        for symbol in SYMBOLS:
            held = sum((each.quantities.get(symbol, Decimal(0)) for each in found.sleeves), Decimal(0))
            assert held == snapshots[-1].account.quantity(symbol)
        yield store, found


def test_daily_runs_a_backfill_and_a_backtest_share_the_same_among_sleeves(tmp_path: Path) -> None:
    job = a_job_abroad(tmp_path / "daily")
    for day in DAYS:
        run_day(on(job, day), lambda: MARKET)
    window = Window(strategies=(SLEEVES,), start=FIRST)
    once = backtest(replace(job, home=tmp_path / "backtest"), window, lambda: MARKET)
    expected, actual = tidied(once.net.replay), replayed(job.home, job.account, DAYS)
    assert actual.decisions == expected.decisions
    assert actual == expected
    with shared(job) as (_, found):
        assert found == once.sleeves
    filling = a_job_abroad(tmp_path / "backfill")
    fill(Backfill(job=filling, start=FIRST), lambda: MARKET, PaperBroker, lambda _: None)
    own, daily = contents(filling.home), contents(job.home)
    assert {table for table in own if own[table] != daily[table]} <= {"bars", "passes"}
    with shared(filling) as (_, again):
        assert again == found
    # What has to be shown: both sleeves earn, funding is paid before and after fills, and rates move the account.
    kinds = {entry.kind for entry in expected.entries}
    assert {EntryKind.FUNDING, EntryKind.FX} <= kinds
    assert any(entry.before_fills for entry in expected.entries)
    assert all(each.profit for each in found.sleeves)


def test_sleeves_add_up_over_late_bars_and_when_the_account_is_closed(tmp_path: Path) -> None:
    job = a_job_abroad(tmp_path / "home")
    for day in DAYS:
        today = on(job, day)
        if day == CLOSED:
            flatten(job.home, job.account, "out of here", today.now, lambda _, now: PaperBroker(now))
        if day == DIVIDED:
            run_day(today, lambda: MARKET.faulty(Fault(symbol="COIN", day=DIVIDED)))
            with shared(today):
                pass
        run_day(today, lambda: MARKET)
        assert reconcile(with_series(today)).difference == 0.0
        with shared(today):
            pass
    after = on(job, DIVIDED + timedelta(days=1))
    with connect(job.home) as store:
        (order,) = (each for each in order_store.orders_on(store, "daily", DIVIDED) if each.symbol == "BTCEUR")
        (made,) = (each for each in ledger.decisions_in(store, "daily", DIVIDED, 1) if each.symbol == "BTCEUR")
        (first,) = position_store.snapshots(store, "daily", until=DIVIDED, last_days=1, until_pass=1)
        (last,) = position_store.snapshots(store, "daily", until=DIVIDED, last_days=1)
        held = account_sleeves(store, "daily", DIVIDED)
        told = account_sleeves(store, "daily", after.as_of)
    assert held is not None
    assert told is not None
    assert first.equity != last.equity
    # Each wanted a share of the equity at which its symbol was decided, in the first pass.
    position = first.account.positions["BTCEUR"]
    parts = told.filled[order.order_id]
    wanted = [
        exact(wish.exposure) * first.equity / position.mark / position.fx_rate
        - each.quantities.get("BTCEUR", Decimal(0))
        for wish, each in zip(made.sleeves, held.sleeves, strict=True)
    ]
    lacking = sum(parts, Decimal(0)) - sum(wanted, Decimal(0))
    size = sum(map(abs, wanted), Decimal(0))
    for part, own in zip(parts, wanted, strict=True):
        assert abs(part - quantised(own + lacking * abs(own) / size)) < Decimal("1e-6")
    with shared(on(job, LAST)) as (_, closed):
        assert all(not each.quantities for each in closed.sleeves)
