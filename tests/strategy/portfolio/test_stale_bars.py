"""A symbol that has gone shares the risk until it is stale, and all that size an account agree on the day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.quotes import quotes_by_date
from strategy.backtest.pretrade import pretrade_views
from strategy.backtest.replay import replay
from strategy.builtin.registry import MOMENTUM, TURBO
from strategy.explain.sizes import sized
from strategy.kernel.grid import Point
from strategy.kernel.grid_accounts import PanelRules, sweep_panel, swept, targets
from strategy.market.bars import Bars
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.availability import stale
from strategy.portfolio.decision import Status
from strategy.portfolio.estimates import Estimates
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from strategy.training.rollout import net_returns
from strategy.training.training_panel import training_panel
from testing.markets.panels import mandate, market, walk

D = Decimal
FIRST = date(2011, 3, 1)
#: A cap that nothing reaches: the compiled account leaves no room for what positions in closed markets hold.
SIZING = SizingParams(max_position_size=50.0)


def silent_for_two_weeks_and_then_gone() -> dict[str, Bars]:
    gone = walk("GONE", 2, 546).without(np.datetime64("2011-04-30", "us"), np.datetime64("2011-05-14", "us"))
    return market(walk("COIN", 1, 700), gone)


BARS = silent_for_two_weeks_and_then_gone()


def rules(stale_days: int, strategy: Strategy = TURBO) -> AccountConfig:
    limits = RiskLimits(stale_days=stale_days, max_turnover=1e9)
    return replace(mandate(BARS, Costs()), strategy=strategy, sizing=SIZING, limits=limits)


def exact_returns(wanted: AccountConfig) -> np.ndarray:
    calendars = {symbol: instrument.calendar for symbol, instrument in wanted.terms.instruments.items()}
    view = aligned_signals(symbol_signals(BARS, calendars, wanted.strategy), wanted.symbols)
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    replayed = replay(view, quotes_by_date(BARS, dates[0], dates[-1]), dates, D(10_000), wanted)
    equity = np.array([float(snapshot.equity) for snapshot in replayed.snapshots])
    returns: np.ndarray = equity[1:] / equity[:-1] - 1.0
    return returns


def test_a_bar_is_stale_once_it_is_older_than_the_limit_and_a_missing_one_is_not() -> None:
    age = np.array([[-1, 0], [7, 8]])
    unknown = np.full(age.shape, np.nan)
    known = Estimates(
        dates=np.array(["2020-01-01", "2020-01-02"], dtype="M8[us]"),
        age_days=age,
        signal=unknown,
        regime=np.ones_like(age),
        confidence=unknown,
        volatility=unknown,
        volatility_ratio=np.ones(age.shape),
    )
    assert stale(known, RiskLimits(stale_days=7)).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize("strategy", [TURBO, MOMENTUM])
@pytest.mark.parametrize("stale_days", [1, 3, 7, 10, 40])
def test_the_compiled_account_drops_a_symbol_on_the_day_that_the_exact_one_does(
    stale_days: int, strategy: Strategy
) -> None:
    wanted = rules(stale_days, strategy)
    point = Point(symbols=wanted.symbols, strategy=strategy, sizing=SIZING, costs=Costs())
    first = np.datetime64(FIRST, "us")
    panel = sweep_panel(BARS, wanted.terms.instruments, strategy, first, PanelRules(limits=wanted.limits))
    assert swept(panel, (point,)).net[:, 0] == pytest.approx(exact_returns(wanted), abs=1e-9)


@pytest.mark.parametrize("stale_days", [1, 3, 7, 10, 40])
def test_the_account_that_is_learned_on_drops_a_symbol_on_the_day_that_the_exact_one_does(stale_days: int) -> None:
    wanted = rules(stale_days)
    panel = training_panel(BARS, wanted)
    first = int(np.searchsorted(panel.open_time, np.datetime64(FIRST, "us")))
    span = range(first, len(panel) - 1)
    learned = net_returns(np.zeros((len(span), 2)), panel, span)
    assert learned.net == pytest.approx(exact_returns(wanted), abs=1e-9)


@pytest.mark.parametrize("stale_days", [1, 3, 7, 10, 40])
def test_live_sweep_training_and_explanation_size_every_date_to_the_same_bits(stale_days: int) -> None:
    wanted = rules(stale_days)
    calendars = {symbol: instrument.calendar for symbol, instrument in wanted.terms.instruments.items()}
    view = aligned_signals(symbol_signals(BARS, calendars, wanted.strategy), wanted.symbols)
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    days = pretrade_views(view, dates, wanted)
    live = np.array([day.exposures for day in days])
    point = Point(symbols=wanted.symbols, strategy=wanted.strategy, sizing=SIZING, costs=Costs())
    panel = sweep_panel(
        BARS, wanted.terms.instruments, wanted.strategy, np.datetime64(FIRST, "us"), PanelRules(limits=wanted.limits)
    )
    assert np.array_equal(targets(panel, (point,))[:, :, 0], live)
    told = [sized(view, day, wanted) for day in days]
    assert [[size.uncapped for size in day if size] for day in told] == live.tolist()
    budgets = np.array([[size.budget for size in day if size] for day in told])
    learned = training_panel(BARS, wanted)
    begin = len(learned) - len(dates)
    assert np.array_equal(learned.weight[begin:] > 0.0, budgets > 0.0)
    assert np.array_equal(
        learned.tradable[begin:], [[status[0] is Status.TRADED for status in day.statuses] for day in days]
    )
    # The symbol is silent for fourteen days, and then for good: it has a share up to the day that it is stale.
    age = np.array([[row[0] for row in day.rows] for day in days])
    assert np.array_equal(budgets[:, 1] > 0.0, age[:, 1] <= stale_days)
    assert (age[:, 1] > stale_days).any()


def test_what_is_delisted_loses_its_share_at_once_in_every_account() -> None:
    wanted = rules(7)
    gone = replace(wanted.terms.instruments["GONE"], listed_to=BARS["GONE"].open_time[-1].astype("M8[D]").item())
    instruments = {**wanted.terms.instruments, "GONE": gone}
    wanted = replace(wanted, terms=replace(wanted.terms, instruments=instruments))
    calendars = {symbol: instrument.calendar for symbol, instrument in instruments.items()}
    view = aligned_signals(symbol_signals(BARS, calendars, wanted.strategy), wanted.symbols)
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    live = np.array([day.exposures for day in pretrade_views(view, dates, wanted)])
    point = Point(symbols=wanted.symbols, strategy=wanted.strategy, sizing=SIZING, costs=Costs())
    panel = sweep_panel(
        BARS, instruments, wanted.strategy, np.datetime64(FIRST, "us"), PanelRules(limits=wanted.limits)
    )
    assert np.array_equal(targets(panel, (point,))[:, :, 0], live)
    learned = training_panel(BARS, wanted)
    after = np.array(dates) > gone.listed_to
    assert after.sum() > 7
    assert not live[after, 1].any()
    assert not learned.weight[-len(dates) :][after, 1].any()


def test_the_departure_of_a_network_counts_until_its_symbol_is_stale() -> None:
    aged: Mapping[int, int] = {
        stale_days: int(training_panel(BARS, rules(stale_days)).dates.current[:, 1].sum()) for stale_days in (3, 7, 10)
    }
    # Days without a bar after which the symbol comes back, and the days after its last one.
    assert aged[7] - aged[3] == 2 * 4
    assert aged[10] - aged[7] == 2 * 3
