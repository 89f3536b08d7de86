"""With a rebalance band and frequency the kernel is still the exact account, and its gradient the right one."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
import torch
from torch import Tensor

from strategy.account.fees_and_slippage import Costs
from strategy.account.quotes import quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay, turnovers
from strategy.backtest.replay import replay
from strategy.builtin.registry import HOLD, MOMENTUM, TURBO, VOL_TARGET
from strategy.kernel.autograd import account
from strategy.kernel.grid import Grid, Point, account_rule, chunks, points
from strategy.kernel.grid_accounts import sweep_market, sweep_panel, swept, targets
from strategy.kernel.simulate import AccountMarket, flat_rates, simulate
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar, Instrument, Membership
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.rebalancing import Frequency, Rebalance
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from strategy.training.rollout import net_returns
from strategy.training.training_panel import training_panel
from testing.accounts.gradients import assert_finite_differences, assert_plain_loop
from testing.markets.panels import walk

D = Decimal
FIRST = date(2011, 1, 5)
BARS = {symbol: walk(symbol, seed, 600) for seed, symbol in enumerate(("A", "B", "C"))}
#: Both signs, and often 0; its signal is the exposure.
STEPS = Strategy(
    name="steps",
    signal=lambda bars: np.round(1.5 * np.sin(np.log(bars.close) * 25.0)) * 0.4,
    history_bars=1,
    sizing="direct",
)
SIZINGS = {
    "a band": SizingParams(rebalance_band=0.05),
    "a band at the cap": SizingParams(rebalance_band=0.1, max_position_size=0.8, target_annual_vol=0.6),
    "a band in drawdowns": SizingParams(
        rebalance_band=0.02, drawdown_start=0.02, drawdown_full=0.1, drawdown_floor=0.1, lookback_period=60
    ),
    "weekly": SizingParams(rebalance_every=Frequency.WEEKLY),
    "monthly within a band": SizingParams(rebalance_every=Frequency.MONTHLY, rebalance_band=0.03),
}


def instruments(left: date | None = None) -> dict[str, Instrument]:
    """Lots so small that they do not show; C leaves the universe on a day."""
    found = {name: Instrument(symbol=name, calendar=Calendar.ALWAYS, lot=D("1e-12")) for name in BARS}
    stays = (Membership(first=date(2010, 1, 1), last=left),)
    return found if left is None else {**found, "C": replace(found["C"], memberships=stays)}


def exact(point: Point, traded: dict[str, Instrument], bars: dict[str, Bars] = BARS) -> Replay:
    """The point's account in Decimal, its limits off."""
    config = AccountConfig(
        strategy=point.strategy,
        symbols=point.symbols,
        sizing=point.sizing,
        limits=RiskLimits(max_turnover=1e9),
        terms=TradingTerms(account="sweep", instruments=traded, costs=point.costs),
    )
    calendars = {symbol: instrument.calendar for symbol, instrument in traded.items()}
    view = aligned_signals(symbol_signals(bars, calendars, point.strategy), point.symbols)
    dates = [day for day in account_dates(bars) if day >= FIRST]
    return replay(view, quotes_by_date(bars, dates[0], dates[-1]), dates, D(10_000), config)


@pytest.mark.parametrize("strategy", [TURBO, VOL_TARGET, MOMENTUM, STEPS], ids=str)
@pytest.mark.parametrize("name", SIZINGS)
def test_a_point_is_the_exact_account(strategy: Strategy, name: str) -> None:
    traded = instruments(left=date(2011, 5, 2))
    symbols = tuple(BARS)
    grid = Grid(accounts=(symbols,), strategies=(strategy,), sizings=(SIZINGS[name],), costs=(Costs(),))
    point = points(grid)[0]
    found = swept(sweep_panel(BARS, traded, strategy, np.datetime64(FIRST, "us")), (point,))
    replayed = exact(point, traded)
    equity = np.array([float(snapshot.equity / 10_000) for snapshot in replayed.snapshots])
    assert np.abs(np.cumprod(1.0 + found.net[:, 0]) - equity[1:]).max() < 1e-9
    assert replayed.snapshots[-1].account.quantity("C") == 0
    free = exact(
        replace(point, sizing=replace(point.sizing, rebalance_band=0.0, rebalance_every=Frequency.DAILY)), traded
    )
    assert len(replayed.fills) < 0.9 * len(free.fills)
    if point.sizing.rebalance_band and point.sizing.rebalance_every is Frequency.DAILY:
        effects = {decision.rebalance for decision in replayed.decisions}
        assert {Rebalance.KEPT, Rebalance.EDGE} <= effects


def test_the_cases_ignore_the_band_where_they_must() -> None:
    traded = instruments(left=date(2011, 5, 2))
    point = Point(symbols=tuple(BARS), strategy=MOMENTUM, sizing=SIZINGS["a band"], costs=Costs())
    effects = {decision.rebalance for decision in exact(point, traded).decisions}
    assert {Rebalance.CAPPED, Rebalance.REVERSED, Rebalance.CLOSED} <= effects


@pytest.mark.parametrize("name", SIZINGS)
def test_the_gate_judges_with_the_band(name: str) -> None:
    config = AccountConfig(
        strategy=TURBO,
        symbols=tuple(BARS),
        sizing=replace(SIZINGS[name], max_position_size=0.8),
        limits=RiskLimits(max_turnover=1e9),
        terms=TradingTerms(account="train", instruments=instruments(), costs=Costs()),
    )
    panel = training_panel(BARS, config)
    first = int(np.searchsorted(panel.open_time, np.datetime64(FIRST, "us")))
    span = range(first, len(panel) - 1)
    learned = net_returns(np.zeros((len(span), 3)), panel, span)
    point = Point(symbols=config.symbols, strategy=TURBO, sizing=config.sizing, costs=Costs())
    replayed = exact(point, instruments())
    equity = np.array([float(snapshot.equity / 10_000) for snapshot in replayed.snapshots])
    assert np.abs(np.cumprod(1.0 + learned.net) - equity[1:]).max() < 1e-9
    assert (panel.unbanded.rebalance_band, panel.unbanded.rebalance_every) == (0.0, Frequency.DAILY)


def test_points_with_and_without_a_band_lie_in_chunks_of_their_own() -> None:
    sizings = tuple(
        SizingParams(rebalance_band=band, max_position_size=most) for band in (0.0, 0.02) for most in (1.0, 2.0)
    )
    grid = Grid(accounts=(("A",),), strategies=(TURBO,), sizings=sizings, costs=(Costs(),))
    assert [len(chunk) for chunk in chunks(points(grid), 600)] == [2, 1, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A drawn market and the band of its accounts."""

    T: int = 12
    S: int = 2
    N: int = 2
    band: float = 0.3
    cap: float = 50.0
    missing: float = 0.2
    lookback: int = 252
    scale: float = field(default=1.0)

    @property
    def params(self) -> SizingParams:
        return SizingParams(rebalance_band=self.band, max_position_size=self.cap, lookback_period=self.lookback)


def drawn(seed: int, draw: Draw) -> tuple[Tensor, AccountMarket]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, (draw.T, draw.S, draw.N)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.01, close.shape))
    gone = rng.random(close.shape) < draw.missing
    close[gone] = opens[gone] = np.nan
    market = AccountMarket(
        open=opens,
        close=close,
        tradable=rng.random(close.shape) < 0.9,
        days=rng.choice([1.0, 3.0], (draw.T, draw.N)),
        cost=rng.uniform(0, 0.003, (draw.S, draw.N)),
        rates=flat_rates(0.2, draw.T),
        drawdown=rng.uniform(0, 0.3, draw.N),
    )
    return torch.from_numpy(draw.scale * rng.uniform(-0.5, 1.5, close.shape)), market


DRAWS = {
    "one symbol": Draw(S=1),
    "three symbols": Draw(S=3, T=10),
    "at the cap": Draw(S=3, cap=2.0, band=0.5, missing=0.0),
    "longer than the look-back": Draw(T=25, lookback=6),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", range(2))
def test_the_gradient_is_that_of_finite_differences(name: str, seed: int) -> None:
    draw = DRAWS[name]
    target, market = drawn(seed, draw)
    assert_finite_differences(target, market, draw.params)


@pytest.mark.parametrize("draw", [*DRAWS.values(), Draw(T=120, S=3, N=600, cap=2.5, band=0.2, lookback=30)])
def test_value_and_gradient_are_those_of_a_plain_loop(draw: Draw) -> None:
    target, market = drawn(3, draw)
    gradient = assert_plain_loop(target, market, draw.params)
    # Some targets are followed, some positions are kept.
    assert (gradient[1:-1] == 0).float().mean() > 0.2
    assert (gradient[1:-1] != 0).float().mean() > 0.2


def test_a_position_exactly_at_an_edge_is_kept() -> None:
    # Flat prices, no costs: a position of 0.5, then a target whose band begins there.
    flat = np.ones((4, 1, 1))
    market = AccountMarket(
        open=np.array([1.0, 1.0, 1.0, 2.0]).reshape(-1, 1, 1),
        close=np.array([1.0, 1.0, 1.0, 2.0]).reshape(-1, 1, 1),
        tradable=flat > 0,
        days=np.ones((4, 1)),
        cost=np.zeros((1, 1)),
        rates=flat_rates(0.0, 4),
        drawdown=np.zeros(1),
    )
    params = SizingParams(rebalance_band=0.25)
    target = torch.tensor([0.75, 0.75, 0.75, 0.0], dtype=torch.float64).reshape(-1, 1, 1).requires_grad_()
    equity = account(target, market, params)
    assert equity[:, 0].tolist() == [1.0, 1.0, 1.0, 1.5]
    equity[-1, 0].backward()
    assert target.grad is not None
    # The first target moves the edge that is traded to; at the edge itself the position is kept.
    assert target.grad.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]


def test_the_path_holds_what_the_exact_account_holds() -> None:
    point = Point(symbols=tuple(BARS), strategy=VOL_TARGET, sizing=SIZINGS["a band"], costs=Costs())
    replayed = exact(point, instruments())
    panel = sweep_panel(BARS, instruments(), VOL_TARGET, np.datetime64(FIRST, "us"))
    market = sweep_market(panel, (point,))
    path = simulate(targets(panel, (point,)), market, account_rule(point))
    decided = [np.nan if decision.exposure is None else decision.exposure for decision in replayed.decisions]
    assert np.isnan(decided).sum() > 100
    exposures = (path.held * market.mark)[:, :, 0] / path.equity
    held = np.array([[day.exposure(symbol) for symbol in BARS] for day in replayed.snapshots])
    assert exposures == pytest.approx(held, abs=1e-9)
    assert path.turnover[:, 0] == pytest.approx(turnovers(replayed), rel=1e-3)


def test_a_target_that_is_not_a_number_propagates() -> None:
    target, market = drawn(6, Draw(S=1, N=1, missing=0.0))
    market = replace_tradable(market)
    target[4] = torch.nan
    path = simulate(target.numpy(), market, SizingParams(rebalance_band=0.1))
    assert np.isfinite(path.equity[:5]).all()
    assert np.isnan(path.equity[5:]).all()


def replace_tradable(market: AccountMarket) -> AccountMarket:
    return replace(market, tradable=np.ones_like(market.tradable))


def test_hold_has_no_band() -> None:
    config = SizingParams(rebalance_band=0.2, rebalance_every=Frequency.MONTHLY)
    traded = instruments()
    free = Point(symbols=("A",), strategy=HOLD, sizing=SizingParams(), costs=Costs())
    one = {"A": BARS["A"]}
    assert exact(free, traded, one) == exact(replace(free, sizing=config), traded, one)
