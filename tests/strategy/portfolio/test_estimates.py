"""What a day starts from is the same, to the last bit, whether it is asked for alone or among many."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.quotes import quotes_by_date
from strategy.backtest.pretrade import decide, pretrade_views
from strategy.backtest.replay import replay
from strategy.builtin.registry import BUILT_IN, HOLD, TURBO, VOL_TARGET
from strategy.market.instruments import Calendar
from strategy.market.session_dates import account_dates
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.allocation import PORTFOLIO_BARS, portfolio_volatilities
from strategy.portfolio.estimates import estimates, portfolio_sizing
from strategy.portfolio.sizing import SizingParams
from strategy.signals.har import HAR_BARS, VolatilityEstimator
from strategy.signals.outlook import history_bars, symbol_signals
from strategy.signals.rolling import VOLATILITY_SPAN, exponential_weights
from strategy.signals.strategies import Strategy
from testing.markets.panels import mandate, market, stock, walk, with_ranges

#: So many symbols that a sum over them is taken in pairs, on two calendars.
BARS = market(*(walk(f"C{number:02}", number, 420) for number in range(9)), stock("S", 20, 300))


@pytest.mark.parametrize("strategy", list(BUILT_IN.values()))
def test_one_day_alone_and_all_days_at_once_give_the_same_bits(strategy: Strategy) -> None:
    rules = replace(mandate(BARS, Costs()), strategy=strategy)
    calendars = {symbol: instrument.calendar for symbol, instrument in rules.terms.instruments.items()}
    view = aligned_signals(symbol_signals(BARS, calendars, strategy), rules.symbols)
    dates = [day for day in account_dates(BARS) if day >= date(2010, 4, 1)]
    for day, among in zip(dates, pretrade_views(view, dates, rules), strict=True):
        (alone,) = pretrade_views(view, [day], rules)
        assert repr((alone.rows, alone.statuses)) == repr((among.rows, among.statuses))
        assert np.array_equal(alone.exposures, among.exposures)
    replayed = replay(view, quotes_by_date(BARS, dates[0], dates[-1]), dates, Decimal(10_000), rules)
    again = [decision for snapshot in replayed.snapshots for decision in decide(view, snapshot, rules)]
    assert tuple(again) == replayed.decisions


def test_daily_ranges_change_the_volatilities_of_a_portfolio_and_not_its_correlations() -> None:
    bars = market(*(with_ranges(walk(symbol, seed, 500), seed) for seed, symbol in enumerate(("A", "B"))))
    plain = replace(mandate(bars, Costs()), strategy=VOL_TARGET)
    ranged = replace(plain, sizing=replace(plain.sizing, volatility_estimator=VolatilityEstimator.HAR))
    view = aligned_signals(symbol_signals(bars, dict.fromkeys(bars, Calendar.ALWAYS), VOL_TARGET), ranged.symbols)
    dates, sized = account_dates(bars)[-3:], np.ones((3, 2), dtype=np.bool_)
    closes, known = (estimates(view, dates, rules.estimator) for rules in (plain, ranged))
    assert np.allclose(known.volatility, closes.volatility * known.volatility_ratio, rtol=1e-15)
    assert (known.volatility != closes.volatility).all()
    rule = portfolio_sizing(known, sized, view, ranged)
    assert rule.budgets == pytest.approx((1 / known.volatility) / (1 / known.volatility).sum(axis=1, keepdims=True))
    alone = [portfolio_sizing(closes, sized & (np.arange(2) == i), view, plain).volatility for i in (0, 1)]
    half = replace(closes, volatility=np.ones((3, 2)))
    both = portfolio_sizing(half, sized, view, plain).volatility
    covariance = (4 * both**2 - alone[0] ** 2 - alone[1] ** 2) / 2
    risk = rule.budgets * known.volatility_ratio
    wanted = (risk[:, 0] * alone[0]) ** 2 + (risk[:, 1] * alone[1]) ** 2 + 2 * risk[:, 0] * risk[:, 1] * covariance
    assert rule.volatility**2 == pytest.approx(wanted, rel=1e-9)


def test_a_strategy_sized_without_volatility_has_that_of_closes_alone() -> None:
    sizing = SizingParams(volatility_estimator=VolatilityEstimator.HAR)
    assert [str(sizing.estimator_for(strategy)) for strategy in (VOL_TARGET, TURBO, HOLD)] == ["har", "har", "ewma"]
    assert history_bars(VOL_TARGET, None, VolatilityEstimator.HAR) == HAR_BARS
    assert history_bars(HOLD, None, VolatilityEstimator.HAR) == history_bars(HOLD)


def test_with_direct_sizing_the_signal_is_the_exposure_up_to_the_cap_on_all_of_them() -> None:
    share = {"A": 0.25, "B": -0.5}
    direct = Strategy(
        name="shares", signal=lambda bars: np.full(len(bars), share[bars.symbol]), history_bars=1, sizing="direct"
    )
    bars = market(walk("A", 3, 30), walk("B", 4, 30))
    rules = replace(mandate(bars, Costs()), strategy=direct)
    dates = account_dates(bars)
    calendars = {symbol: instrument.calendar for symbol, instrument in rules.terms.instruments.items()}
    view = aligned_signals(symbol_signals(bars, calendars, direct), rules.symbols)
    # There is no volatility yet, and none is needed.
    assert [view.exposures.tolist() for view in pretrade_views(view, dates, rules)] == [[0.25, -0.5]] * 30
    capped = replace(rules, sizing=replace(rules.sizing, max_position_size=0.3))
    (last,) = pretrade_views(view, dates[-1:], capped)
    assert last.exposures == pytest.approx([0.1, -0.2])
    fallen = replace(
        replay(view, quotes_by_date(bars, dates[0], dates[-1]), dates, Decimal(100), rules).snapshots[-1], drawdown=0.2
    )
    assert [decision.exposure for decision in decide(view, fallen, rules)] == pytest.approx([0.25, -0.5])


@pytest.mark.parametrize("chunk", [1, 3_000, 1_000_000])
def test_the_volatility_of_a_portfolio_is_that_of_its_window(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strategy.portfolio.allocation._CACHED_NUMBERS", chunk)
    rng = np.random.default_rng(5)
    changes = rng.normal(0, 0.01, (400, 9))
    stops = np.array([100, PORTFOLIO_BARS - 1, PORTFOLIO_BARS, 200, 400])
    budgets = rng.uniform(0, 0.3, (5, 9))
    found = portfolio_volatilities(changes, stops, budgets, 252)
    assert np.isnan(found[:2]).all()
    weights = exponential_weights(VOLATILITY_SPAN, PORTFOLIO_BARS)
    for place in (2, 3, 4):
        returns = (changes[stops[place] - PORTFOLIO_BARS : stops[place]] * budgets[place]).sum(axis=1)
        assert found[place] == np.sqrt((returns * returns * weights).sum() * 252)


def test_a_standing_knows_its_peak_until_it_leaves_the_look_back() -> None:
    bars = market(walk("A", 3, 500))
    rules = mandate(bars, Costs())
    rules = replace(rules, sizing=replace(rules.sizing, lookback_period=20))
    view = aligned_signals(symbol_signals(bars, {"A": rules.terms.instruments["A"].calendar}, TURBO), rules.symbols)
    dates = account_dates(bars)[260:]
    quotes = quotes_by_date(bars, dates[0], dates[-1])
    replayed = replay(view, quotes, dates, Decimal(10_000), rules)
    equities = [snapshot.equity for snapshot in replayed.snapshots]
    fallen = 0
    for row, snapshot in enumerate(replayed.snapshots):
        peak = max(equities[max(0, row - 19) : row + 1])
        assert snapshot.drawdown == float(1 - snapshot.equity / peak)
        fallen += row > 0 and peak < max(equities[max(0, row - 20) : row])
    # The peak was forgotten on some days, so that the next highest had to be found.
    assert fallen > 5
