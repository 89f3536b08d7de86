"""With fees per share and market impact the compiled account is the exact one, and its gradient the right one."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import FinancingTerms, RateArrays, RateSeries
from strategy.account.risk_free import risk_free
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.builtin.registry import MOMENTUM, TURBO, VOL_TARGET
from strategy.evaluation.metrics import excess_returns
from strategy.kernel.autograd import account
from strategy.kernel.forward_pass import Charges
from strategy.kernel.grid import Point
from strategy.kernel.grid_accounts import PanelRules, sweep_panel, swept
from strategy.kernel.order_charges import FillBars, OrderCosts, charges
from strategy.kernel.simulate import AccountMarket, flat_rates, simulate
from strategy.market.bars import COLUMNS, Bars
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from strategy.market.instruments import Calendar, Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.rebalancing import Frequency
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from strategy.training.rollout import net_returns
from strategy.training.training_panel import training_panel
from testing.accounts.gradients import assert_finite_differences, assert_plain_loop
from testing.markets.panels import stock, walk

D = Decimal
CAPITAL = D(10_000)
FIRST = np.datetime64("2011-01-05", "us")
SERIES = RateSeries(
    name="falling",
    dates=tuple(date(2010 + month // 12, month % 12 + 1, 1) for month in range(36)),
    rates=tuple(D("0.06") - D("0.0030") * month for month in range(36)),
)
FINANCING = FinancingTerms(rates=SERIES, risk_free=SERIES)
#: What is stated of each symbol: everything, only an impact, and a large one, only a fee, nothing.
STATED = {
    "A": InstrumentTerms(fee_bps=D(2), per_share=D("0.01"), half_spread_bps=D(3), impact=D("1.5")),
    "B": InstrumentTerms(impact=D(10)),
    "C": InstrumentTerms(per_share=D("0.02")),
    "D": InstrumentTerms(),
}


def delivered(bars: Bars, seed: int) -> Bars:
    """The bars without some, with gaps over the open, a split, a dividend, and volumes that lack or are 0 at times.

    No order of an account of 10,000 takes a tenth of a volume.
    """
    rng = np.random.default_rng(seed)
    factor = np.ones(len(bars))
    factor[int(0.6 * len(bars)) :] *= 4.0
    factor[int(0.75 * len(bars)) :] *= 1.02
    total = bars.close
    opens = total * np.exp(rng.normal(0, 0.005, len(bars)))
    volume = 1e7 * np.exp(rng.normal(0, 1, len(bars))) / total
    volume[rng.random(len(bars)) < 0.1] = np.nan
    volume[rng.random(len(bars)) < 0.1] = 0.0
    whole = replace(
        bars,
        open=opens / factor,
        close=total / factor,
        high=np.maximum(opens, total) / factor,
        low=np.minimum(opens, total) / factor,
        volume=volume,
        factor=factor,
    )
    kept = (rng.random(len(bars)) > 0.05) | (np.arange(len(bars)) < 5)
    return replace(whole, **{name: whole[name][kept] for name in COLUMNS})


def universe(seed: int) -> dict[str, Bars]:
    """Two coins and two stocks."""
    plain = (walk("A", seed, 620), stock("B", seed + 1, 440), walk("C", seed + 2, 620), stock("D", seed + 3, 440))
    return {bars.symbol: delivered(bars, seed + 4) for bars in plain}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Bars, and an account on them."""

    bars: dict[str, Bars]
    config: AccountConfig

    @property
    def point(self) -> Point:
        config = self.config
        return Point(symbols=config.symbols, strategy=config.strategy, sizing=config.sizing, costs=config.terms.costs)

    def replayed(self) -> Replay:
        """The account in Decimal."""
        calendars = {symbol: each.calendar for symbol, each in self.config.terms.instruments.items()}
        view = aligned_signals(symbol_signals(self.bars, calendars, self.config.strategy), self.config.symbols)
        dates = [day for day in account_dates(self.bars) if np.datetime64(day) >= FIRST]
        quotes = fill_quotes(self.bars, dates[0], dates[-1], self.config.terms)
        return replay(view, quotes, dates, CAPITAL, self.config)


def world(seed: int, strategy: Strategy, sizing: SizingParams, costs: Costs | None = None) -> World:
    bars = universe(seed)
    instruments = {
        name: Instrument(symbol=name, calendar=Calendar.ALWAYS if name in "AC" else Calendar.WEEKDAYS, lot=D("1e-12"))
        for name in bars
    }
    config = AccountConfig(
        strategy=strategy,
        symbols=tuple(bars),
        sizing=sizing,
        limits=RiskLimits(max_turnover=1e9),
        terms=TradingTerms(
            account="charged",
            instruments=instruments,
            costs=costs or Costs(financing=FINANCING, instruments=InstrumentTable(symbols=STATED)),
        ),
        capital=CAPITAL,
    )
    return World(bars=bars, config=config)


SIZINGS = st.builds(
    SizingParams,
    rebalance_band=st.sampled_from([0.0, 0.02, 0.08]),
    rebalance_every=st.sampled_from(list(Frequency)),
    target_annual_vol=st.sampled_from([0.1, 0.6]),
    # Far above what is held, as the compiled account reserves nothing for positions in closed markets.
    max_position_size=st.just(9.0),
)


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), strategy=st.sampled_from([TURBO, VOL_TARGET, MOMENTUM]), sizing=SIZINGS)
def test_sweep_and_gate_are_the_exact_account(seed: int, strategy: Strategy, sizing: SizingParams) -> None:
    made = world(seed, strategy, sizing)
    replayed = made.replayed()
    assert not any(order.code for order in replayed.orders)
    equity = np.array([float(snapshot.equity / CAPITAL) for snapshot in replayed.snapshots])
    cash = risk_free(FINANCING, [snapshot.account.as_of for snapshot in replayed.snapshots])
    excess = excess_returns(equity, cash)
    panel = sweep_panel(made.bars, made.config.terms.instruments, strategy, FIRST, PanelRules(capital=CAPITAL))
    found = swept(panel, (made.point,))
    assert np.abs(found.net[:, 0] - excess).max() < 1e-9
    free = swept(panel, (replace(made.point, costs=Costs(financing=FINANCING)),))
    assert abs(free.net.sum() - excess.sum()) > 1e-4
    if strategy is TURBO:
        trained = training_panel(made.bars, made.config)
        span = range(int(np.searchsorted(trained.open_time, FIRST)), len(trained) - 1)
        learned = net_returns(np.zeros((len(span), 4)), trained, span)
        assert np.abs(learned.net - excess).max() < 1e-9


def test_the_universes_lack_volumes_and_bars_and_have_splits() -> None:
    made = world(3, MOMENTUM, SizingParams(max_position_size=9.0, target_annual_vol=0.6))
    panel = sweep_panel(made.bars, made.config.terms.instruments, MOMENTUM, FIRST, PanelRules(capital=CAPITAL))
    assert (panel.fills.strain[~np.isnan(panel.close)] == 0).mean() > 0.1
    assert np.isnan(panel.close).mean() > 0.1
    assert panel.fills.factor.max() > 4.0


def test_a_day_by_hand() -> None:
    """A buy of 100 shares at 300 of a volume of 10,000 at a daily volatility of 2 %: 60 of impact and 3 of fees."""
    prices = np.array([300.0, 300.0]).reshape(-1, 1, 1)
    strain = np.full((2, 1), 0.02 * np.sqrt(30_000.0 / 10_000.0))
    bars = FillBars(factor=np.ones((2, 1)), strain=strain, capital=D(30_000))
    costs = OrderCosts(per_share=np.array([[0.03]]), impact=np.ones((1, 1)), slippage=np.zeros((1, 1)))
    market = by_hand(prices, charges(bars.lanes, costs))
    equity = simulate(np.ones((2, 1, 1)), market, SizingParams()).equity[:, 0]
    assert ((1.0 - equity) * 30_000).tolist() == pytest.approx([0.0, 63.0], abs=1e-9)
    # Twice the costs: 120 and 6. An impact of 400 would take four times the open: it takes what slippage leaves of it.
    doubled = simulate(np.ones((2, 1, 1)), by_hand(prices, charges(bars.lanes, costs.times(2.0))), SizingParams())
    assert 30_000 * (1.0 - doubled.equity[-1, 0]) == pytest.approx(126.0)
    lost = OrderCosts(per_share=np.zeros((1, 1)), impact=np.full((1, 1), 2000.0), slippage=np.full((1, 1), 0.25))
    ruined = simulate(np.ones((2, 1, 1)), by_hand(prices, charges(bars.lanes, lost)), SizingParams())
    assert ruined.equity[-1, 0] == pytest.approx(1.0 - 0.75)


def by_hand(prices: np.ndarray, given: Charges | None) -> AccountMarket:
    return AccountMarket(
        open=prices,
        close=prices,
        tradable=prices > 0,
        days=np.ones(len(prices)),
        cost=np.zeros((1, 1)),
        rates=flat_rates(0.0, len(prices)),
        drawdown=np.zeros(1),
        charges=given,
    )


def test_an_impact_needs_a_capital_and_a_fee_does_not() -> None:
    made = world(3, VOL_TARGET, SizingParams())
    panel = sweep_panel(made.bars, made.config.terms.instruments, VOL_TARGET, FIRST)
    with pytest.raises(ValueError, match="market impact is stated, and the account's capital is not"):
        swept(panel, (made.point,))
    fees = InstrumentTable(symbols={"C": STATED["C"]})
    swept(panel, (replace(made.point, costs=Costs(financing=FINANCING, instruments=fees)),))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"per_unit": np.ones((2, 1, 2))}, r"charges.per_unit has shape \(2, 1, 2\); beside these closes it must be"),
        ({"impact": np.full((2, 1, 1), np.nan)}, r"charges.impact is nan at \(0, 0, 0\); it must be finite"),
        ({"per_unit": np.full((2, 1, 1), -1.0)}, r"charges.per_unit is -1.0 at \(0, 0, 0\); it must be finite"),
        ({"most": np.full((1, 1), 1.5)}, r"charges.most is 1.5 at \(0, 0\); it must be between 0 and 1"),
    ],
)
def test_charges_that_are_out_of_range_are_refused(changes: dict[str, np.ndarray], message: str) -> None:
    right = Charges(per_unit=np.zeros((2, 1, 1)), impact=np.zeros((2, 1, 1)), most=np.ones((1, 1)))
    with pytest.raises(ValueError, match=message):
        by_hand(np.ones((2, 1, 1)), right._replace(**changes))


def drawn(seed: int, T: int, N: int) -> tuple[Tensor, AccountMarket]:
    """Two symbols with gaps, at dated rates; some orders lose all of the open."""
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.03, (T, 2, N)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.01, close.shape))
    gone = rng.random(close.shape) < 0.2
    close[gone] = opens[gone] = np.nan
    rates = {name: rng.uniform(-0.1, 0.5, T) for name in ("borrow", "cash", "short", "risk_free")}
    market = AccountMarket(
        open=opens,
        close=close,
        tradable=rng.random(close.shape) < 0.9,
        days=rng.choice([1.0, 3.0], T),
        cost=rng.uniform(0, 0.003, (2, N)),
        rates=RateArrays(**rates),
        drawdown=rng.uniform(0, 0.3, N),
        charges=Charges(
            per_unit=rng.uniform(0, 0.1, close.shape),
            impact=rng.uniform(0, 0.3, close.shape),
            most=rng.uniform(0.02, 0.1, (2, N)),
        ),
    )
    return torch.from_numpy(rng.uniform(-1.0, 1.5, close.shape)), market


@pytest.mark.parametrize("band", [0.0, 0.3])
def test_the_gradient_is_that_of_finite_differences_and_of_a_plain_loop(band: float) -> None:
    params = SizingParams(rebalance_band=band, max_position_size=50.0, lookback_period=6)
    target, market = drawn(1, 10, 2)
    assert_finite_differences(target, market, params)
    target, market = drawn(2, 60, 7)
    assert_plain_loop(target, market, params)
    equity = account(target, market, params)
    assert (equity - account(target, replace(market, charges=None), params)).abs().max() > 0.01


def slope(units: float, *, impact: float, most: float) -> float:
    """The derivative of the equity after a buy of some units at 1."""
    lost = Charges(per_unit=np.zeros((2, 1, 1)), impact=np.full((2, 1, 1), impact), most=np.full((1, 1), most))
    wanted = torch.tensor([units, 0.0], dtype=torch.float64).reshape(-1, 1, 1).requires_grad_()
    account(wanted, by_hand(np.ones((2, 1, 1)), lost), SizingParams())[-1, 0].backward()
    assert wanted.grad is not None
    return wanted.grad[0].item()


def test_the_slope_of_impact_is_0_at_no_trade_and_at_the_whole_open_that_of_a_larger_trade() -> None:
    assert slope(0.0, impact=1.0, most=1.0) == 0.0
    # Of u units u · √u is lost, the slope is 1.5 · √u; from a quarter of a unit on half of the open is lost.
    assert slope(0.16, impact=1.0, most=0.5) == pytest.approx(-0.6)
    assert slope(0.25, impact=1.0, most=0.5) == -0.5
    assert slope(0.36, impact=1.0, most=0.5) == -0.5


def test_a_path_without_charges_beside_one_with_them_is_that_of_a_market_without() -> None:
    target, market = drawn(5, 40, 3)
    assert market.charges is not None
    none = Charges(per_unit=0 * market.charges.per_unit, impact=0 * market.charges.impact, most=market.charges.most)
    free, zero = replace(market, charges=None), replace(market, charges=none)
    params = SizingParams(lookback_period=10)
    assert (simulate(target.numpy(), zero, params).equity == simulate(target.numpy(), free, params).equity).all()
