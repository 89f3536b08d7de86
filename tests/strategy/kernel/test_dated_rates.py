"""At dated rates the compiled account is the exact one, with a rebalance band too, and its gradient the right one."""

from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
import torch
from torch import Tensor

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, RateArrays, RateSeries, RatesMissing
from strategy.account.quotes import quotes_by_date
from strategy.account.risk_free import risk_free
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay
from strategy.backtest.replay import replay
from strategy.builtin.registry import MOMENTUM, TURBO, VOL_TARGET
from strategy.evaluation.metrics import excess_returns, metrics
from strategy.kernel.autograd import account
from strategy.kernel.grid import Point, values_read
from strategy.kernel.grid_accounts import sweep_panel, swept
from strategy.kernel.simulate import AccountMarket, flat_rates, rates_between, simulate
from strategy.market.instruments import Calendar, Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from strategy.training.rollout import net_returns
from strategy.training.training_panel import training_panel
from testing.accounts.gradients import assert_finite_differences, assert_plain_loop
from testing.accounts.worked_days import FRIDAY, LEVERAGED, MONDAY, SHORT, TERMS, TUESDAY, WorkedAccount
from testing.markets.panels import walk

D = Decimal
FIRST = date(2011, 1, 5)
BARS = {symbol: walk(symbol, seed, 600) for seed, symbol in enumerate(("A", "B"))}
#: From 6 % down to −0.9 %, as in Europe, where nothing is earned.
SERIES = RateSeries(
    name="falling",
    dates=tuple(date(2010 + month // 12, month % 12 + 1, 1) for month in range(24)),
    rates=tuple(D("0.06") - D("0.0030") * month for month in range(24)),
)
DATED = Costs(financing=FinancingTerms(rates=SERIES, risk_free=SERIES))
SIZINGS = (
    SizingParams(max_position_size=3.0, target_annual_vol=0.9),
    SizingParams(rebalance_band=0.05, max_position_size=1.5, rebalance_every="weekly"),  # type: ignore[arg-type]
    SizingParams(rebalance_band=0.02, target_annual_vol=0.1),
)


def config(strategy: Strategy, sizing: SizingParams) -> AccountConfig:
    instruments = {name: Instrument(symbol=name, calendar=Calendar.ALWAYS, lot=D("1e-12")) for name in BARS}
    return AccountConfig(
        strategy=strategy,
        symbols=tuple(BARS),
        sizing=sizing,
        limits=RiskLimits(max_turnover=1e9),
        terms=TradingTerms(account="dated", instruments=instruments, costs=DATED),
    )


def exact(of: AccountConfig) -> Replay:
    calendars = {symbol: instrument.calendar for symbol, instrument in of.terms.instruments.items()}
    view = aligned_signals(symbol_signals(BARS, calendars, of.strategy), of.symbols)
    dates = [day for day in account_dates(BARS) if day >= FIRST]
    return replay(view, quotes_by_date(BARS, dates[0], dates[-1]), dates, D(10_000), of)


@pytest.mark.parametrize("strategy", [TURBO, VOL_TARGET, MOMENTUM], ids=str)
@pytest.mark.parametrize("sizing", SIZINGS, ids=["leveraged", "weekly", "calm"])
def test_sweep_and_gate_are_the_exact_account(strategy: Strategy, sizing: SizingParams) -> None:
    of = config(strategy, sizing)
    replayed = exact(of)
    assert {entry.kind.value for entry in replayed.entries} >= {"interest"}
    equity = np.array([float(snapshot.equity / 10_000) for snapshot in replayed.snapshots])
    cash = risk_free(DATED.financing, [snapshot.account.as_of for snapshot in replayed.snapshots])
    excess = excess_returns(equity, cash)
    point = Point(symbols=of.symbols, strategy=strategy, sizing=sizing, costs=DATED)
    found = swept(sweep_panel(BARS, of.terms.instruments, strategy, np.datetime64(FIRST, "us")), (point,))
    assert found.net[:, 0] == pytest.approx(excess, abs=1e-10)
    told, expected = found.metrics[0], metrics(equity, np.zeros(len(equity)), 365, cash)
    assert (told.sharpe, told.rate_mean) == (pytest.approx(expected.sharpe, abs=1e-8), expected.rate_mean)
    assert told.sharpe_raw != told.sharpe
    assert values_read(point)["financing_rate"] is None
    if strategy is TURBO:
        panel = training_panel(BARS, of)
        first = int(np.searchsorted(panel.open_time, np.datetime64(FIRST, "us")))
        learned = net_returns(np.zeros((len(panel) - 1 - first, 2)), panel, range(first, len(panel) - 1))
        assert learned.net == pytest.approx(excess, abs=1e-10)


def test_the_accounts_charge_for_leverage_and_pay_interest() -> None:
    kinds = {entry.kind.value for entry in exact(config(MOMENTUM, SIZINGS[0])).entries}
    assert kinds == {"financing", "interest", "short_fee"}


@pytest.mark.parametrize("worked", [LEVERAGED, SHORT], ids=["leveraged", "short"])
def test_the_worked_days(worked: WorkedAccount) -> None:
    dates = np.array([FRIDAY, FRIDAY, MONDAY, TUESDAY], "M8[us]")
    marks = np.array([100.0, 100.0, *(float(day.close) for day in worked.days)]).reshape(-1, 1, 1)
    market = AccountMarket(
        open=marks,
        close=marks,
        tradable=np.array([True, False, False, False]).reshape(-1, 1, 1),
        days=np.array([1.0, 1.0, 3.0, 1.0]),
        cost=np.zeros((1, 1)),
        rates=rates_between(TERMS, dates),
        drawdown=np.zeros(1),
    )
    later = np.arange(4) > 0
    free = {each.name: np.where(later, getattr(market.rates, each.name), 0.0) for each in fields(RateArrays)}
    market = replace_given(market, rates=RateArrays(**free))
    target = np.full((4, 1, 1), float(worked.quantity) / 100)
    equity = simulate(target, market, SizingParams(max_position_size=9.0)).equity[:, 0]
    expected = [1.0, 1.0, *(float(day.equity) / 10_000 for day in worked.days)]
    assert equity.tolist() == pytest.approx(expected, abs=1e-15)
    returns = equity[1:] / equity[:-1] - 1 - market.riskless[1:, 0]
    assert returns[1:].tolist() == pytest.approx([day.excess for day in worked.days], abs=1e-15)


def replace_given(market: AccountMarket, **changes: object) -> AccountMarket:
    given = {each.name: getattr(market, each.name) for each in fields(market) if each.init}
    return AccountMarket(**{**given, **changes})  # type: ignore[arg-type]


def drawn(seed: int, T: int, N: int, *, shared: bool) -> tuple[Tensor, AccountMarket]:
    """Two symbols, short, idle and leveraged, at rates of either sign."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, (T, 2, N)), axis=0))
    shape = (T,) if shared else (T, N)
    rates = {each.name: rng.uniform(-0.1, 0.5, shape) for each in fields(RateArrays)}
    market = AccountMarket(
        open=close * np.exp(rng.normal(0, 0.01, close.shape)),
        close=close,
        tradable=rng.random(close.shape) < 0.9,
        days=rng.choice([1.0, 3.0], shape),
        cost=rng.uniform(0, 0.003, (2, N)),
        rates=RateArrays(**rates),
        drawdown=rng.uniform(0, 0.3, N),
    )
    return torch.from_numpy(rng.uniform(-1.0, 1.5, close.shape)), market


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("band", [0.0, 0.3])
def test_the_gradient_is_that_of_finite_differences_and_of_a_plain_loop(shared: bool, band: float) -> None:
    params = SizingParams(rebalance_band=band, max_position_size=50.0, lookback_period=6)
    target, market = drawn(1, 10, 2, shared=shared)
    assert_finite_differences(target, market, params)
    target, market = drawn(2, 60, 7, shared=shared)
    assert_plain_loop(target, market, params)


def test_rates_of_each_path_give_the_account_of_shared_ones() -> None:
    target, market = drawn(3, 40, 5, shared=True)
    wide = {each.name: np.repeat(getattr(market.rates, each.name)[:, None], 5, axis=1) for each in fields(RateArrays)}
    by_path = replace_given(market, rates=RateArrays(**wide), days=np.repeat(market.days[:, None], 5, axis=1))
    assert market.owed.shape == (40, 1)
    assert by_path.owed.shape == (40, 5)
    one, other = (simulate(target.numpy(), each, SizingParams()).equity for each in (market, by_path))
    assert np.abs(one - other).max() < 1e-14


def test_a_long_value_of_exactly_the_equity_leaves_idle_cash() -> None:
    flat = np.ones((3, 1, 1))
    rates = replace(flat_rates(0.1, 3), cash=np.full(3, 0.04))
    market = AccountMarket(
        open=flat, close=flat, tradable=flat > 0, days=np.full(3, 365.0), cost=np.zeros((1, 1)), rates=rates,
        drawdown=np.zeros(1),
    )  # fmt: skip
    target = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).reshape(-1, 1, 1).requires_grad_()
    equity = account(target, market, SizingParams(max_position_size=9.0))
    # A year of interest on all of it before the order fills, then none: it is all invested.
    assert equity[:, 0].tolist() == pytest.approx([1.0, 1.04, 1.04 + 0.04 * 0.04])
    exactly = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64).reshape(-1, 1, 1).requires_grad_()
    free = replace_given(market, rates=replace(rates, cash=np.array([0.0, 0.04, 0.04])))
    account(exactly, free, SizingParams(max_position_size=9.0))[-1, 0].backward()
    assert exactly.grad is not None
    assert exactly.grad[0].item() == pytest.approx(-0.04)


def test_a_date_without_a_rate_is_refused() -> None:
    late = replace(SERIES, dates=SERIES.dates[:3], rates=SERIES.rates[:3])
    point = Point(
        symbols=tuple(BARS),
        strategy=VOL_TARGET,
        sizing=SizingParams(),
        costs=Costs(financing=FinancingTerms(rates=late, risk_free=late)),
    )
    traded = config(VOL_TARGET, SizingParams()).terms.instruments
    panel = sweep_panel(BARS, traded, VOL_TARGET, np.datetime64(FIRST, "us"))
    with pytest.raises(RatesMissing, match="the rates of falling have none between 2010-03-01 and 2011-01-05"):
        swept(panel, (point,))
