"""An account replayed from plain records is the account of the day loop, in every digit."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, RateSeries, RatesMissing, constant, flat
from strategy.account.quotes import QuotesByDate
from strategy.account.trading_terms import TradingTerms
from strategy.attribution.contributions import attribution, gains_by_value
from strategy.attribution.recorded_gains import recorded_gains
from strategy.backtest import plain_account
from strategy.backtest.day_loop import Leg, Replay, turnovers
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.plain_records import RecordedCurve, days_of
from strategy.backtest.pretrade import pretrade_days
from strategy.backtest.replay import curve_alone, replay_by_day, replay_legs
from strategy.builtin.registry import HOLD, MOMENTUM, TURBO, VOL_TARGET
from strategy.evaluation.costs import rates
from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, make_bars
from strategy.market.currencies import Currencies
from strategy.market.funding_rates import FundingMissing
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from strategy.market.instruments import Calendar, Instrument, Membership
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.rebalancing import Frequency
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import ExposureCaps, SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Sizing, Strategy
from testing.markets.panels import mandate, stock

D = Decimal
#: Bars before the first account date: volatilities are known by then.
BEFORE = 80
PARTS = ("snapshots", "decisions", "orders", "fills", "entries")


def waves(sizing: Sizing) -> Strategy:
    """Signals of both signs, often 0, often the same for days."""
    return Strategy(
        name=f"waves-{sizing}",
        signal=lambda bars: np.round(1.5 * np.sin(np.log(bars.close) * 25.0)) * 0.4,
        history_bars=1,
        sizing=sizing,
        trusted=True,
    )


def assert_same(legs: list[Leg], quotes: QuotesByDate, capital: Decimal) -> Replay:
    """Both ways agree in every value and in how it prints, which tells 0 from 0.000000000000; return the replay."""
    reference, found = replay_by_day(legs, quotes, capital), replay_legs(legs, quotes, capital)
    assert reference.curve is None
    for name in ("dates", "equities", "unit_values", "traded"):
        assert repr(getattr(found, name)) == repr(getattr(reference, name))
    assert turnovers(found) == turnovers(reference)
    for name in PARTS:
        values, expected = getattr(found, name), getattr(reference, name)
        assert len(values) == len(expected)
        assert repr(values) == repr(expected)
        assert values == expected
    assert found == reference
    days = list(days_of(found))
    assert days == list(days_of(reference))
    assert [decision for _, decided in days for decision in decided] == list(reference.decisions)
    assert_same_attribution(found, quotes, legs[0].config)
    return found


def assert_same_attribution(found: Replay, quotes: QuotesByDate, config: AccountConfig) -> None:
    """The gains counted from records are those of the values of the days, as they print."""
    at = rates(config.terms.costs, config.terms.instruments)
    values = gains_by_value(found, quotes, at)
    if isinstance(found.curve, RecordedCurve):
        recorded = recorded_gains(found.curve.records, quotes, at)
        assert recorded is not None
        assert sorted(recorded.gains) == sorted(values.gains)
        for key, gain in values.gains.items():
            assert repr(recorded.gains[key]) == repr(gain)
        assert (recorded.exposures, recorded.invested) == (values.exposures, values.invested)


def bars_of(symbol: str, draw: np.random.Generator, count: int) -> Bars:
    """A series with gaps, splits, jumps between close and open, and volumes from none to few."""
    days = np.arange("2020-01-01", "2021-06-01", dtype="M8[D]")[:count]
    kept = np.arange(count)
    if draw.random() < 0.5:
        kept = np.sort(draw.choice(count, size=count - draw.integers(0, 12), replace=False))
    close = 10.0 ** draw.integers(-4, 5) * np.exp(np.cumsum(draw.normal(0, draw.choice([0.01, 0.06]), count)))
    factor = np.cumprod(np.where(draw.random(count) < 0.03, draw.choice([0.5, 2.0, 1.01, 3.0]), 1.0))
    volume = np.where(draw.random(count) < 0.1, 0.0, draw.uniform(0, draw.choice([1e2, 1e4, 1e9]), count))
    opened = (close * np.exp(draw.normal(0, 0.01, count)))[kept]
    bars = make_bars(symbol, days[kept].astype("M8[us]"), close=close[kept], open=opened.tolist())
    return replace(bars, volume=volume[kept], factor=factor[kept])


def instrument_of(symbol: str, draw: np.random.Generator) -> Instrument:
    """An instrument with some of the things that bound an order or end a listing."""
    left = date(2020, 4, int(draw.integers(1, 29))) if draw.random() < 0.4 else None
    spans = (Membership(first=date(2020, 1, 1), last=date(2020, 4, 5)), Membership(first=date(2020, 4, 20)))
    return Instrument(
        symbol=symbol,
        calendar=Calendar.ALWAYS,
        lot=D(str(draw.choice(["0.000001", "1", "0.01", "100"]))),
        shortable=bool(draw.random() < 0.8),
        listed_to=left,
        last_price=D("7.5") if left and draw.random() < 0.5 else None,
        min_notional=D(int(draw.choice([0, 10]))),
        max_quantity=D(10_000) if draw.random() < 0.2 else None,
        max_notional=D(3_000) if draw.random() < 0.2 else None,
        memberships=spans if draw.random() < 0.2 else None,
    )


def costs_of(draw: np.random.Generator, symbols: list[str]) -> Costs:
    """Costs by the account and by the symbol, and rates that are flat, constant or dated."""
    dated = RateSeries(
        name="bills",
        dates=(date(2019, 12, 1), date(2020, 1, 5), date(2020, 2, 10), date(2020, 3, 20), date(2020, 5, 1)),
        rates=(D("0.02"), D("0.021"), D("-0.003"), D("0.04"), D("0.001")),
    )
    shared = constant(D("0.03"))
    stated = InstrumentTerms(
        per_share=D("0.0005"), min_fee=D("0.35"), impact=D(int(draw.choice([0, 1]))), half_spread_bps=D(3)
    )
    return Costs(
        fee_bps=D(2) if draw.random() < 0.3 else None,
        slippage_bps=D(1) if draw.random() < 0.3 else None,
        financing=[
            flat(D("0.05")),
            FinancingTerms(rates=dated, risk_free=dated),
            FinancingTerms(rates=shared, risk_free=shared),
        ][draw.integers(3)],
        multiplier=D(int(draw.choice([1, 2]))),
        instruments=InstrumentTable(symbols={symbol: stated for symbol in symbols if draw.random() < 0.4}),
    )


def config_of(draw: np.random.Generator, symbols: list[str]) -> AccountConfig:
    """An account with a band or without, near its limits or far from them."""
    sizing = SizingParams(
        target_annual_vol=float(draw.choice([0.1, 0.5, 2.0])),
        max_position_size=float(draw.choice([0.5, 1.0, 2.0])),
        lookback_period=int(draw.choice([2, 10, 252])),
        drawdown_start=0.02,
        drawdown_full=0.1,
        rebalance_band=float(draw.choice([0.0, 0.02, 0.3])),
        rebalance_every=Frequency(draw.choice(list(Frequency), p=[0.6, 0.2, 0.2])),
        caps=ExposureCaps(symbol=0.4, group=0.5, groups=(tuple(symbols[:2]),))
        if draw.random() < 0.2
        else ExposureCaps(),
    )
    limits = RiskLimits(
        max_turnover=float(draw.choice([0.3, 4.0])),
        max_order_notional=D(2_000) if draw.random() < 0.15 else None,
        stale_days=int(draw.choice([1, 7])),
    )
    return AccountConfig(
        strategy=waves(Sizing(draw.choice(list(Sizing)))),
        symbols=tuple(symbols),
        sizing=sizing,
        limits=limits,
        terms=TradingTerms(
            account="law",
            instruments={symbol: instrument_of(symbol, draw) for symbol in symbols},
            costs=costs_of(draw, symbols),
        ),
    )


def signals_of(config: AccountConfig, bars: dict[str, Bars]) -> AlignedSignals:
    calendars = {symbol: config.terms.instruments[symbol].calendar for symbol in bars}
    return aligned_signals(symbol_signals(bars, calendars, config.strategy), config.symbols)


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.sampled_from([1, 1, 2, 3, 9]), count=st.integers(100, 150))
def test_plain_records_are_the_day_loop_on_any_market(seed: int, width: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    symbols = [f"S{number}" for number in range(width)]
    bars = {symbol: bars_of(symbol, draw, count) for symbol in symbols}
    config = config_of(draw, symbols)
    dates = account_dates(bars)[BEFORE:]
    quotes = fill_quotes(bars, dates[0], dates[-1], config.terms)
    cut = int(draw.integers(0, len(dates)))
    legs = [Leg(view=signals_of(config, bars), dates=dates[cut:], config=config)]
    if cut:
        sizing = replace(config.sizing, lookback_period=5, rebalance_band=0.05, rebalance_every=Frequency.DAILY)
        before = replace(config, sizing=sizing, strategy=waves(Sizing.VOLATILITY))
        legs.insert(0, Leg(view=signals_of(before, bars), dates=dates[:cut], config=before))
    assert_same(legs, quotes, D(str(draw.choice(["2", "1000", "25000", "3e7"]))))


def test_a_curve_alone_replays_what_else_is_read_of_it_once() -> None:
    legs, quotes = market(VOL_TARGET, 3)
    whole, calls = replay_legs(legs, quotes, D(100_000)), []

    def again() -> Replay:
        calls.append(1)
        return replay_legs(legs, quotes, D(100_000))

    alone = curve_alone(whole, again)
    assert (alone.dates, alone.equities, alone.traded) == (whole.dates, whole.equities, whole.traded)
    assert turnovers(alone) == turnovers(whole)
    assert not alone.cancelled
    assert not calls
    assert alone == whole
    assert len(calls) == 1


@pytest.mark.parametrize("capital", ["1e11", "1000.0000000000001"])
def test_accounts_that_quanta_cannot_hold_are_attributed_by_value(capital: str) -> None:
    legs, quotes = market(VOL_TARGET, 2)
    found, terms = replay_legs(legs, quotes, D(capital)), legs[0].config.terms
    at = rates(terms.costs, terms.instruments)
    assert isinstance(found.curve, RecordedCurve)
    assert recorded_gains(found.curve.records, quotes, at) is None
    values = gains_by_value(found, quotes, at)
    assert attribution(found, quotes, at).by_symbol.keys() == {symbol for symbol, _, _ in values.gains}


STOCKS = {symbol: stock(symbol, seed, 600) for seed, symbol in enumerate("ABCDEFGHIJ")}


def market(strategy: Strategy, width: int, **sizing: object) -> tuple[list[Leg], QuotesByDate]:
    """An account over the last 300 days of some stocks."""
    bars = dict(list(STOCKS.items())[:width])
    known = mandate(bars)
    config = replace(known, strategy=strategy, sizing=replace(known.sizing, **sizing))
    dates = account_dates(bars)[-300:]
    quotes = fill_quotes(bars, dates[0], dates[-1], config.terms)
    return [Leg(view=signals_of(config, bars), dates=dates, config=config)], quotes


@pytest.mark.parametrize("width", [1, 10])
@pytest.mark.parametrize("strategy", [TURBO, VOL_TARGET, MOMENTUM, HOLD], ids=str)
def test_almost_no_day_of_a_common_account_is_decided_by_value(
    strategy: Strategy, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    legs, quotes = market(strategy, width, rebalance_band=0.01)
    expected = replay_by_day(legs, quotes, D(100_000))
    slow: list[date] = []
    decide = plain_account.decided

    def deciding(view, *rest):  # type: ignore[no-untyped-def]
        slow.append(view.as_of)
        return decide(view, *rest)

    def settling(*rest):  # type: ignore[no-untyped-def]
        raise AssertionError("nothing is delisted")

    monkeypatch.setattr(plain_account, "decided", deciding)
    monkeypatch.setattr(plain_account, "settle_day", settling)
    assert replay_legs(legs, quotes, D(100_000)) == expected
    assert len(slow) <= 10


@pytest.mark.parametrize("most_turnover", [0.1, 4.0])
@pytest.mark.parametrize("most_held", [0.4, 2.0])
@pytest.mark.parametrize("sizing", [Sizing.FULL, Sizing.VOLATILITY, Sizing.DIRECT], ids=str)
def test_limits_bind_an_account_of_one_symbol_as_in_the_day_loop(
    sizing: Sizing, most_held: float, most_turnover: float
) -> None:
    legs, quotes = market(
        waves(sizing), 1, max_position_size=most_held, target_annual_vol=0.5, drawdown_start=0.01, drawdown_full=0.05
    )
    config = legs[0].config
    config = replace(config, limits=replace(config.limits, max_turnover=most_turnover))
    assert_same([replace(legs[0], config=config)], quotes, D(100_000))


def test_accounts_share_what_is_known_before_them() -> None:
    legs, quotes = market(TURBO, 2)
    days = pretrade_days(legs[0].view, legs[0].dates, legs[0].config)
    assert replay_legs([replace(legs[0], days=days)], quotes, D(10_000)) == replay_by_day(legs, quotes, D(10_000))


def test_terms_that_plain_records_do_not_know_are_replayed_by_value() -> None:
    legs, quotes = market(VOL_TARGET, 2)
    terms = legs[0].config.terms
    foreign = replace(terms, costs=replace(terms.costs, currencies=Currencies(base="USD")))
    future = replace(terms, instruments={**terms.instruments, "A": replace(terms.instruments["A"], perpetual=True)})
    assert replay_legs(legs, quotes, D(10_000)).curve is not None
    found = replay_legs([replace(legs[0], config=replace(legs[0].config, terms=foreign))], quotes, D(10_000))
    assert found.curve is None
    with pytest.raises(FundingMissing, match="A lacks a funding rate"):
        replay_legs([replace(legs[0], config=replace(legs[0].config, terms=future))], quotes, D(10_000))


def test_other_snapshots_have_a_curve_of_their_own() -> None:
    legs, quotes = market(VOL_TARGET, 1)
    found = replay_legs(legs, quotes, D(10_000))
    still = tuple(replace(snapshot, equity=D(7)) for snapshot in found.snapshots)
    assert set(replace(found, snapshots=still).equities) == {D(7)}
    assert replace(found, fills=()).traded == {}


def test_a_day_without_a_rate_is_refused_as_in_the_day_loop() -> None:
    legs, quotes = market(VOL_TARGET, 1)
    ended = RateSeries(name="bills", dates=(legs[0].dates[0],), rates=(D("0.02"),))
    config = legs[0].config
    costs = replace(config.terms.costs, financing=FinancingTerms(rates=ended, risk_free=ended))
    legs = [replace(legs[0], config=replace(config, terms=replace(config.terms, costs=costs)))]
    for run in (replay_by_day, replay_legs):
        with pytest.raises(RatesMissing, match="bills have none between"):
            run(legs, quotes, D(10_000))


def test_an_amount_beyond_the_ledger_is_refused_in_the_words_of_the_day_loop() -> None:
    legs, quotes = market(VOL_TARGET, 1)
    for run in (replay_by_day, replay_legs):
        with pytest.raises(UsageError, match="the ledger holds less than"):
            run(legs, quotes, D("9e30"))


def test_quotes_may_hold_more_symbols_than_the_account() -> None:
    legs, _ = market(VOL_TARGET, 1)
    dates, terms = legs[0].dates, legs[0].config.terms
    assert_same(legs, fill_quotes({symbol: STOCKS[symbol] for symbol in "AB"}, dates[0], dates[-1], terms), D(100_000))


def test_the_capital_must_be_above_zero() -> None:
    legs, quotes = market(VOL_TARGET, 1)
    with pytest.raises(ValueError, match="capital is 0"):
        replay_legs(legs, quotes, D(0))
