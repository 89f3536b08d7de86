"""A sweep's accounts are the backtest's own, with lots and limits off."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.account.quotes import quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay, turnovers
from strategy.backtest.replay import replay
from strategy.builtin.registry import HOLD, MOMENTUM, RULES, TURBO, VOL_TARGET
from strategy.evaluation.metrics import metrics
from strategy.kernel.grid import CHUNK_POINTS, MOST_POINTS, Grid, Point, account_rule, chunks, points
from strategy.kernel.grid_accounts import PanelRules, sweep_panel, swept
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar, Instrument, Membership
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import AlignedSignals, aligned_signals
from strategy.portfolio.limited_days import limited_days_of
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from testing.markets.panels import stock, walk, with_ranges

D = Decimal
FIRST = date(2011, 1, 3)
#: Its signal is the exposure.
LONG = Strategy(name="long", signal=lambda bars: 0.75 * np.sign(bars.close), history_bars=1, sizing="direct")
SWEPT = (TURBO, RULES, VOL_TARGET, MOMENTUM, LONG)
#: Cheap and dear, calm and bold; the drawdown control of the last two bites early and looks back a quarter.
SIZINGS = (
    SizingParams(),
    SizingParams(neutral_zone=0.0, target_annual_vol=0.1, max_position_size=1.0),
    SizingParams(drawdown_start=0.02, drawdown_full=0.1, drawdown_floor=0.1, lookback_period=60),
    SizingParams(drawdown_start=0.02, drawdown_full=0.1, drawdown_floor=0.1, lookback_period=60, neutral_zone=0.2),
    SizingParams(volatility_estimator=VolatilityEstimator.HAR),
)
COSTS = (Costs(), Costs(fee_bps=D(10), slippage_bps=D(5), financing=flat(D("0.02"))))


def traded(*bars: Bars) -> dict[str, Instrument]:
    """The instruments of the bars, with lots so small that they do not show."""
    return {
        series.symbol: Instrument(symbol=series.symbol, calendar=Calendar.ALWAYS, lot=D("1e-12")) for series in bars
    }


def limited(bars: dict[str, Bars], instruments: dict[str, Instrument], point: Point) -> list[bool]:
    """Whether limits decided the exposures of the exact account, date by date."""
    view, config, dates = configured(bars, instruments, point)
    days: list[bool] = limited_days_of(view, dates, config).any.tolist()
    return days


def exact(bars: dict[str, Bars], instruments: dict[str, Instrument], point: Point) -> Replay:
    """The point's account in Decimal, its limits off."""
    view, mandate, dates = configured(bars, instruments, point)
    return replay(view, quotes_by_date(bars, dates[0], dates[-1]), dates, D(10_000), mandate)


def configured(
    bars: dict[str, Bars], instruments: dict[str, Instrument], point: Point
) -> tuple[AlignedSignals, AccountConfig, list[date]]:
    """The point's signals, account and dates."""
    mandate = AccountConfig(
        strategy=point.strategy,
        symbols=point.symbols,
        sizing=point.sizing,
        limits=RiskLimits(max_turnover=1e9),
        terms=TradingTerms(account="sweep", instruments=instruments, costs=point.costs),
    )
    calendars = {symbol: instrument.calendar for symbol, instrument in instruments.items()}
    view = aligned_signals(symbol_signals(bars, calendars, point.strategy), point.symbols)
    dates = [day for day in account_dates(bars) if day >= FIRST]
    return view, mandate, dates


def all_points(symbols: tuple[str, ...]) -> tuple[Point, ...]:
    return points(Grid(accounts=(symbols,), strategies=SWEPT, sizings=SIZINGS, costs=COSTS))


@pytest.mark.parametrize("symbols", [("A",), ("A", "B")])
def test_a_point_is_the_exact_account_with_lots_and_limits_off(symbols: tuple[str, ...]) -> None:
    bars = {symbol: with_ranges(walk(symbol, seed, 600), seed) for seed, symbol in enumerate(symbols)}
    instruments = traded(*bars.values())
    compared = bound = 0
    for chunk in chunks(all_points(symbols), 600):
        rules = PanelRules(estimator=chunk[0].sizing.volatility_estimator)
        panel = sweep_panel(bars, instruments, chunk[0].strategy, np.datetime64(FIRST, "us"), rules)
        found = swept(panel, chunk)
        for number, point in enumerate(found.points):
            replayed = exact(bars, instruments, point)
            equity = np.array([float(snapshot.equity / 10_000) for snapshot in replayed.snapshots])
            assert np.abs(np.cumprod(1.0 + found.net[:, number]) - equity[1:]).max() < 1e-9, point
            expected = metrics(equity, turnovers(replayed), 365)
            assert found.metrics[number].sharpe == pytest.approx(expected.sharpe, abs=1e-9)
            assert found.metrics[number].max_drawdown == pytest.approx(expected.max_drawdown, abs=1e-9)
            # The exact account counts the slippage as part of what was traded.
            assert found.metrics[number].turnover_per_year == pytest.approx(expected.turnover_per_year, rel=1e-3)
            days = limited(bars, instruments, point)
            assert found.capped[number] == pytest.approx(np.mean(days), abs=1e-12)
            bound += sum(days)
            compared += 1
    # Two strategies read all five sizings, two read the volatility target, the cap and the estimator, one the cap.
    assert compared == 2 * (2 * 5 + 2 * 3 + 2)
    assert bound > 0


def test_the_estimator_of_the_volatility_makes_another_account_and_another_panel() -> None:
    bars = {"A": with_ranges(walk("A", 1, 600), 1)}
    instruments, first = traded(*bars.values()), np.datetime64(FIRST, "us")
    made = [
        Point(symbols=("A",), strategy=VOL_TARGET, sizing=SizingParams(volatility_estimator=each), costs=Costs())
        for each in VolatilityEstimator
    ]
    assert [len(chunk) for chunk in chunks(made, 600)] == [1, 1]
    panels = [
        sweep_panel(bars, instruments, VOL_TARGET, first, PanelRules(estimator=each)) for each in VolatilityEstimator
    ]
    plain, ranged = (swept(panel, (point,)).net for panel, point in zip(panels, made, strict=True))
    assert np.abs(plain - ranged).max() > 1e-4
    with pytest.raises(ValueError, match="do not share account, strategy and rules with their panel"):
        swept(panels[0], made[1:])


def test_what_has_left_the_universe_is_sold() -> None:
    bars = {symbol: walk(symbol, seed, 500) for seed, symbol in enumerate(("A", "B"))}
    leaves = (Membership(first=date(2010, 1, 1), last=date(2011, 5, 2)),)
    instruments = traded(*bars.values())
    instruments["B"] = replace(instruments["B"], memberships=leaves)
    point = Point(symbols=("A", "B"), strategy=VOL_TARGET, sizing=SizingParams(), costs=Costs())
    found = swept(sweep_panel(bars, instruments, point.strategy, np.datetime64(FIRST, "us")), (point,))
    replayed = exact(bars, instruments, point)
    assert replayed.snapshots[-1].account.quantity("B") == 0
    equity = [float(snapshot.equity / 10_000) for snapshot in replayed.snapshots]
    assert np.cumprod(1.0 + found.net[:, 0]) == pytest.approx(equity[1:], abs=1e-9)


def test_what_may_not_be_shorted_is_not() -> None:
    bars = {"A": stock("A", 3, 300)}
    instruments = traded(*bars.values())
    point = Point(symbols=("A",), strategy=RULES, sizing=SizingParams(), costs=Costs())
    first = np.datetime64("2010-08-02", "us")
    short = swept(sweep_panel(bars, instruments, point.strategy, first), (point,))
    kept = {"A": replace(instruments["A"], shortable=False)}
    flat = swept(sweep_panel(bars, kept, point.strategy, first), (point,))
    falls = sweep_panel(bars, kept, point.strategy, first).signal[:-1, 0] < 0
    assert falls.any()
    # What is decided at a close is traded at the next open and earns from the close after it on.
    idle = np.flatnonzero(falls[:-1] & falls[1:]) + 1
    assert not flat.net[idle].any()
    assert short.net[idle].any()


def test_values_that_a_strategy_does_not_read_make_no_point() -> None:
    found = all_points(("A",))
    assert len(found) == len(set(found)) == 36
    assert {point.sizing.neutral_zone for point in found if point.strategy is MOMENTUM} == {0.03}


def test_chunks_share_an_account_and_lose_no_point() -> None:
    aims = tuple(SizingParams(target_annual_vol=0.001 * number) for number in range(1, CHUNK_POINTS + 10))
    grid = Grid(accounts=(("A",), ("A", "B")), strategies=SWEPT, sizings=(*SIZINGS, *aims), costs=COSTS)
    wanted = points(grid)
    cut = chunks(wanted, 700)
    assert sorted(map(repr, wanted)) == sorted(repr(point) for chunk in cut for point in chunk)
    assert max(map(len, cut)) == CHUNK_POINTS
    for chunk in cut:
        assert (
            len({(point.symbols, point.strategy, account_rule(point), point.costs.financing) for point in chunk}) == 1
        )


def test_the_chunks_do_not_change_a_bit() -> None:
    bars = {"A": walk("A", 1, 600)}
    aims = tuple(SizingParams(target_annual_vol=0.05 * number) for number in range(1, 20))
    wanted = points(Grid(accounts=(("A",),), strategies=(RULES,), sizings=aims, costs=(Costs(),)))
    panel = sweep_panel(bars, traded(*bars.values()), RULES, np.datetime64(FIRST, "us"))
    whole = swept(panel, wanted)
    parts = [swept(panel, wanted[first : first + 5]) for first in range(0, len(wanted), 5)]
    assert np.array_equal(whole.net, np.concatenate([part.net for part in parts], axis=1))
    assert whole.metrics == tuple(figures for part in parts for figures in part.metrics)


def test_an_account_without_equity_earns_nothing_more() -> None:
    bars = {"A": walk("A", 1, 600)}
    crash = np.where(np.arange(600) < 450, 1.0, 20.0)
    bars = {
        "A": replace(bars["A"], open=bars["A"].open * crash, close=bars["A"].close * crash, high=bars["A"].high * 40)
    }
    point = Point(symbols=("A",), strategy=MOMENTUM, sizing=SizingParams(), costs=Costs())
    falling = {
        "A": replace(bars["A"], close=bars["A"].close * np.exp(-0.01 * np.arange(600)), low=bars["A"].low * 1e-4)
    }
    found = swept(sweep_panel(falling, traded(*falling.values()), point.strategy, np.datetime64(FIRST, "us")), (point,))
    assert found.metrics[0].total_return is not None
    assert found.metrics[0].total_return < -1.0
    ruined = int(np.argmin(found.net[:, 0]))
    assert not found.net[ruined + 1 :].any()


def test_grids_that_cannot_be_run_are_refused() -> None:
    axes = {"accounts": (("A",),), "strategies": (RULES,), "sizings": (SizingParams(),), "costs": (Costs(),)}
    with pytest.raises(ValueError, match="the grid has 0 points; it must have between 1 and 100,000"):
        Grid(**{**axes, "strategies": ()})
    with pytest.raises(ValueError, match="the grid has 100,001 points; it must have"):
        Grid(**{**axes, "costs": (Costs(),) * (MOST_POINTS + 1)})
    with pytest.raises(ValueError, match="hold has nothing to vary: it buys once"):
        Grid(**{**axes, "strategies": (HOLD,)})
    twice = Grid(**{**axes, "accounts": (("A",), ("A",))})
    assert len(points(twice)) == 1


def test_points_that_share_nothing_are_no_chunk() -> None:
    bars = {"A": walk("A", 1, 600)}
    panel = sweep_panel(bars, traded(*bars.values()), RULES, np.datetime64(FIRST, "us"))
    with pytest.raises(ValueError, match="36 points do not share account, strategy and rules"):
        swept(panel, all_points(("A",)))
    late = sweep_panel(bars, traded(*bars.values()), RULES, bars["A"].open_time[-1])
    with pytest.raises(ValueError, match="1 date gives no return"):
        swept(late, all_points(("A",))[10:11])
