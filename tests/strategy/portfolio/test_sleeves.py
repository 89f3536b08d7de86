"""The book of an account with sleeves: one sleeve is the strategy itself, several are netted before every limit."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.quotes import quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.audit.lookahead import newest
from strategy.backtest.day_loop import Replay
from strategy.backtest.pretrade import pretrade_views
from strategy.backtest.replay import replay
from strategy.builtin.registry import MOMENTUM, RULES, VOL_TARGET
from strategy.market.bars import Bars, make_bars
from strategy.market.instruments import Calendar, Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import Allocation, ExposureCaps, SizingParams
from strategy.portfolio.sleeves import weights_on
from strategy.signals.outlook import look_back, symbol_signals
from strategy.signals.sleeves import RISK_DATES, combined
from strategy.signals.strategies import Sleeve, Strategy
from strategy.sleeves.results import sleeve_results

D = Decimal
INSTRUMENTS = {
    "COIN": Instrument(symbol="COIN", calendar=Calendar.ALWAYS),
    "STK": Instrument(symbol="STK", calendar=Calendar.WEEKDAYS),
    "YNG": Instrument(symbol="YNG", calendar=Calendar.WEEKDAYS),
}


def walk(symbol: str, first: str, seed: int, weekend: bool) -> Bars:
    dates = np.arange(np.datetime64(first, "D"), np.datetime64("2021-06-01", "D"))
    dates = (dates if weekend else dates[np.is_busday(dates)]).astype("datetime64[us]")
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0005, 0.015, len(dates))))
    return make_bars(symbol, dates, close=close)


BARS = {
    "COIN": walk("COIN", "2019-01-01", 1, weekend=True),
    "STK": walk("STK", "2019-01-01", 2, weekend=False),
    "YNG": walk("YNG", "2020-03-02", 3, weekend=False),
}
LONG = Strategy(name="long", signal=lambda bars: bars.close * 0 + 1, history_bars=1, sizing="direct")
SHORT = Strategy(name="short", signal=lambda bars: bars.close * 0 - 1, history_bars=1, sizing="direct")


def of(*weighted: tuple[Strategy, float | None]) -> Strategy:
    return combined([Sleeve(strategy=strategy, weight=weight) for strategy, weight in weighted])


def account(strategy: Strategy, sizing: SizingParams | None = None, limits: RiskLimits | None = None) -> AccountConfig:
    return AccountConfig(
        strategy=strategy,
        symbols=tuple(BARS),
        sizing=sizing or SizingParams(),
        limits=limits or RiskLimits(),
        terms=TradingTerms(account="test", instruments=INSTRUMENTS, costs=Costs()),
    )


def seen(strategy: Strategy, bars: dict[str, Bars]) -> AlignedSignals:
    calendars = {symbol: INSTRUMENTS[symbol].calendar for symbol in bars}
    return aligned_signals(symbol_signals(bars, calendars, strategy), tuple(BARS))


FIRST, LAST = date(2020, 2, 3), date(2020, 8, 28)


def run(config: AccountConfig) -> Replay:
    dates = [day for day in account_dates(BARS) if FIRST <= day <= LAST]
    view = seen(config.strategy, BARS)
    return replay(view, quotes_by_date(BARS, FIRST, LAST), dates, D(10_000), config)


SETTINGS = {
    "plain": SizingParams(),
    "cut": SizingParams(
        target_annual_vol=0.5,
        max_position_size=1.2,
        rebalance_band=0.02,
        allocation=Allocation.EQUAL_RISK,
        caps=ExposureCaps(symbol=0.6),
    ),
}


@pytest.mark.parametrize("weight", [1.0, None])
@pytest.mark.parametrize("sizing", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("strategy", [RULES, MOMENTUM, LONG], ids=str)
def test_one_sleeve_of_all_the_account_is_the_strategy_itself(
    strategy: Strategy, sizing: SizingParams, weight: float | None
) -> None:
    limits = RiskLimits(max_turnover=0.8)
    alone, sleeve = (run(account(each, sizing, limits)) for each in (strategy, of((strategy, weight))))
    assert sleeve.snapshots == alone.snapshots
    assert tuple(replace(decision, sleeves=()) for decision in sleeve.decisions) == alone.decisions
    assert [replace(order, order_id="") for order in sleeve.orders] == [
        replace(order, order_id="") for order in alone.orders
    ]
    assert sleeve.entries == alone.entries
    found = sleeve_results(sleeve)
    assert found is not None
    (own,) = found.sleeves
    assert own.profit == alone.snapshots[-1].equity - 10_000
    assert own.fees == sum((fill.fee for fill in alone.fills), D(0))


@pytest.mark.parametrize("sizing", SETTINGS.values(), ids=SETTINGS)
def test_sleeves_earn_what_the_account_earns_and_their_parts_are_its_target(sizing: SizingParams) -> None:
    strategy = of((RULES, 0.3), (MOMENTUM, 0.4), (LONG, 0.1))
    replayed = run(account(strategy, sizing))
    found = sleeve_results(replayed)
    assert found is not None
    assert sum((sleeve.profit for sleeve in found.sleeves), D(0)) == replayed.snapshots[-1].equity - 10_000
    assert sum((sleeve.fees for sleeve in found.sleeves), D(0)) == sum((fill.fee for fill in replayed.fills), D(0))
    for symbol in BARS:
        held = sum((sleeve.quantities.get(symbol, D(0)) for sleeve in found.sleeves), D(0))
        assert held == replayed.snapshots[-1].account.quantity(symbol)
    assert all(sum(found.filled[fill.order_id], D(0)) == fill.signed_quantity for fill in replayed.fills)
    unbanded = run(account(strategy, replace(sizing, rebalance_band=0.0)))
    # At weekends the position that is kept leaves the coin less room.
    traded = [each for each in unbanded.decisions if each.exposure is not None and each.as_of.weekday() < 5]
    assert len(traded) > 100
    targets = [sum(wish.exposure for wish in each.sleeves) for each in traded]
    assert targets == pytest.approx([each.exposure for each in traded], abs=1e-12)


def test_limits_look_at_the_sum_of_opposite_sleeves() -> None:
    # 0.7 − 0.3 of each of three symbols: 1.2 in all, and each alone would be cut to a third of 0.5 · 3.
    config = account(of((LONG, 0.7), (SHORT, 0.3)), SizingParams(max_position_size=0.6))
    (view,) = pretrade_views(seen(config.strategy, BARS), [LAST], config)
    assert view.exposures.tolist() == pytest.approx([0.2, 0.2, 0.2])
    assert [[wish.exposure for wish in wishes] for wishes in view.sleeves] == [pytest.approx([0.35, -0.15])] * 3


def test_a_drawdown_cuts_all_sleeves_if_any_of_them_is_controlled() -> None:
    sizing = SizingParams(max_position_size=10.0, drawdown_start=0.0, drawdown_full=0.01)
    for strategy, controlled in ((of((RULES, 0.5), (LONG, 0.5)), True), (of((LONG, 1.0)), False)):
        replayed = run(account(strategy, sizing))
        deep = {each.account.as_of for each in replayed.snapshots if each.drawdown > 0.01}
        longs = {
            wish.exposure
            for decision in replayed.decisions
            if decision.as_of in deep and decision.symbol == "COIN"
            for wish in decision.sleeves
            if wish.sleeve == "long"
        }
        assert longs == {0.125 if controlled else 1.0}


def test_weights_by_risk_are_those_of_the_books_of_the_past_dates_alone() -> None:
    strategy = of((RULES, None), (VOL_TARGET, None))
    config, view = account(strategy), seen(strategy, BARS)
    single = [seen(part, BARS) for part in strategy.parts]
    days = view.union[300 : 300 + RISK_DATES + 1]
    books = [
        np.array(
            [
                each.exposures
                for each in pretrade_views(
                    own, days.astype("datetime64[D]").tolist(), account(part, SizingParams(max_position_size=50.0))
                )
            ]
        )
        for own, part in zip(single, strategy.parts, strict=True)
    ]
    changes = view.changes[301 : 300 + RISK_DATES + 1]
    risks = [np.sqrt((((book[:-1] * changes).sum(1)) ** 2).mean()) for book in books]
    expected = np.array([1 / risks[0], 1 / risks[1]]) / (1 / risks[0] + 1 / risks[1])
    assert weights_on(days[-1:], view, config)[0] == pytest.approx(expected, rel=1e-12)


def test_weights_are_equal_until_there_are_dates_enough() -> None:
    strategy = of((RULES, None), (MOMENTUM, None), (LONG, None))
    view = seen(strategy, BARS)
    early = weights_on(view.union[[10, RISK_DATES - 1]], view, account(strategy))
    assert early.tolist() == [[1 / 3] * 3] * 2
    # The rules know nothing yet, and what never held anything has no risk: it keeps its third.
    young = weights_on(view.union[[RISK_DATES + 5]], view, account(strategy))
    assert young.sum() == pytest.approx(1.0)
    assert young[0, 2] == 1 / 3


@pytest.mark.parametrize("weights", [(0.5, 0.3), (None, None)], ids=["fixed", "risk"])
@pytest.mark.parametrize("allocation", list(Allocation))
def test_the_bare_window_and_no_future_give_the_same_bits(
    weights: tuple[float | None, float | None], allocation: Allocation
) -> None:
    strategy = of(*zip((RULES, MOMENTUM), weights, strict=True))
    config = account(strategy, SizingParams(allocation=allocation))
    days = [date(2020, 5, 9), date(2020, 5, 11), date(2021, 1, 29)]
    whole = pretrade_views(seen(strategy, BARS), days, config)
    for day, once in zip(days, whole, strict=True):
        past = {symbol: bars.until(np.datetime64(day, "us")) for symbol, bars in BARS.items()}
        window = look_back(partial(newest, past), strategy, None, config.estimator)
        assert any(len(window[symbol]) < len(past[symbol]) for symbol in past)
        calendars = {symbol: INSTRUMENTS[symbol].calendar for symbol in BARS}
        view = aligned_signals(symbol_signals(window, calendars, strategy, since=np.datetime64(day, "us")), tuple(BARS))
        (alone,) = pretrade_views(view, [day], config)
        # As text, in which an unknown number equals itself.
        assert repr((alone.rows, alone.sleeves)) == repr((once.rows, once.sleeves))
        assert alone.exposures.tolist() == once.exposures.tolist()
