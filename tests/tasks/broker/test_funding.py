"""Funding at the futures testnet: its payments are booked, and the paper rule pays the same from its history."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from exchange.bars.binance_futures_klines import BinanceFutures
from exchange.ports import FundingRequest
from storage.database import connect
from storage.ledger import days as ledger
from strategy.account.orders import Fill
from strategy.account.state import Entry, EntryKind
from strategy.backtest.day_loop import settle_day
from strategy.market.funding_rates import FundingRate
from strategy.market.instruments import Instrument
from tasks.daily.account_state import account_config, quotes_since, state_at
from tasks.daily.replay_check import _paid_up, reconcile
from tasks.run.job import FUTURES
from testing.exchange.transport import ExchangeTransport
from testing.markets.bars import FakeBars
from testing.simulation.calm_days import DAYS, Calm

RATES = ("0.0001", "-0.0003", "0.0002")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueBars(FakeBars):
    """Bars of perpetual futures whose funding is that of the fake exchange, asked for as from the main site."""

    venue: Any = field(default=None, hash=False, compare=False)

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        return tuple(replace(one, perpetual=True, currency="USDT") for one in FakeBars.instruments(self, symbols))

    def funding(self, request: FundingRequest) -> Mapping[str, tuple[FundingRate, ...]]:
        source = BinanceFutures(base_url="http://127.0.0.1:1")
        source._market._client.session.mount("http://", ExchangeTransport(self.venue))
        return source.funding(request)


def funded(year: Calm, at: datetime) -> None:
    year.testnet.move_to(at)
    for number, symbol in enumerate(year.symbols):
        year.testnet.exchange.fund(symbol, Decimal(RATES[(at.hour // 8 + number + at.day) % 3]))


def lived(year: Calm, number: int) -> None:
    """The venue pays at midnight, before the run of the day that has ended, and at 08:00 and 16:00 after it."""
    midnight = datetime(DAYS[number].year, DAYS[number].month, DAYS[number].day, tzinfo=UTC) + timedelta(days=1)
    year._quote(DAYS[number])
    funded(year, midnight + timedelta(milliseconds=3))
    year.on(number)
    for hours in (8, 16):
        funded(year, midnight + timedelta(hours=hours, milliseconds=5))


def paid(entries: tuple[Entry, ...]) -> dict[str, Decimal]:
    return {entry.symbol: entry.cash for entry in entries if entry.kind is EntryKind.FUNDING}


def traded(fills: tuple[Fill, ...]) -> dict[str, Decimal]:
    return {fill.symbol: sum(one.signed_quantity for one in fills if one.symbol == fill.symbol) for fill in fills}


def test_the_paper_rule_pays_what_the_venue_books(tmp_path: Path) -> None:
    with Calm(3, tmp_path / "home", FUTURES).open() as year:
        known = year.source
        year.source = VenueBars(listings=known.listings, streaming=True, venue=year.testnet.exchange)
        compared = 0
        for number in range(len(DAYS) - 2):
            lived(year, number)
            day = DAYS[number]
            job = year._job(day)
            with connect(year.home) as store:
                before = state_at(store, job, day - timedelta(days=1))
                if before is None:
                    continue
                config = account_config(store, job)
                quotes = quotes_since(store, job, before, config.terms).on(day)
                paper = settle_day(_paid_up(before), quotes, day, config)
                booked = paid(ledger.entries_on(store, job.account, day))
                filled = traded(ledger.fills_on(store, job.account, day))
            assert {entry.kind for entry in paper.entries} <= {EntryKind.FUNDING}
            expected, planned = paid(paper.entries), traded(paper.fills)
            # Without its bar a symbol pays by the paper rule when the next one comes.
            assert set(expected) == {symbol for symbol, cash in booked.items() if cash and symbol in quotes}
            for symbol, cash in expected.items():
                # In a thin book the venue fills a part, and what is held later in the day differs.
                if filled.get(symbol) == planned.get(symbol):
                    # The venue rounds each of three payments to eight digits.
                    assert abs(booked[symbol] - cash) <= Decimal("1.5e-8")
                    compared += 1
            assert reconcile(job).shortfall is not None
        assert compared > 5
