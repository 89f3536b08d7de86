from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import NO_COSTS, Costs
from strategy.account.orders import OrderState
from strategy.account.quotes import quotes_by_date
from strategy.account.state import Account, Position, Snapshot
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import REPLAY, Leg, Replay, opening
from strategy.backtest.pretrade import decide
from strategy.backtest.replay import replay, replay_legs
from strategy.builtin.registry import BUILT_IN, HOLD, RULES, TURBO, VOL_TARGET
from strategy.market.bars import Bars, make_bars
from strategy.market.instruments import Calendar, Instrument, Membership
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import LaterPass, Status
from strategy.portfolio.drawdown_halt import halt_date
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import ExposureCaps, SizingParams
from strategy.signals.outlook import history_bars, symbol_signals
from strategy.signals.strategies import Strategy
from strategy.work_progress import Said, WorkStep, listening

D = Decimal


def days(first: str, count: int, weekend: bool = True) -> np.ndarray:
    dates = np.arange(np.datetime64(first, "D"), np.datetime64(first, "D") + 2 * count)
    kept = dates if weekend else dates[np.is_busday(dates)]
    return kept[:count].astype("datetime64[us]")


def walk(symbol: str, dates: np.ndarray, seed: int) -> Bars:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0005, 0.015, len(dates))))
    return make_bars(symbol, dates, close=close)


def mandate(
    strategy: Strategy, *instruments: Instrument, costs: Costs = NO_COSTS, limits: RiskLimits | None = None
) -> AccountConfig:
    return AccountConfig(
        strategy=strategy,
        symbols=tuple(sorted(instrument.symbol for instrument in instruments)),
        sizing=SizingParams(),
        limits=limits or RiskLimits(),
        terms=TradingTerms(
            account="test", instruments={instrument.symbol: instrument for instrument in instruments}, costs=costs
        ),
    )


def run(bars: dict[str, Bars], rules: AccountConfig, first: date, last: date, capital: int = 10_000) -> Replay:
    calendars = {symbol: rules.terms.instruments[symbol].calendar for symbol in bars}
    looks = symbol_signals(bars, calendars, rules.strategy)
    dates = [day for day in account_dates(bars) if first <= day <= last]
    return replay(aligned_signals(looks, rules.symbols), quotes_by_date(bars, first, last), dates, D(capital), rules)


STOCK = Instrument(symbol="STK", calendar=Calendar.WEEKDAYS)
COIN = Instrument(symbol="COIN", calendar=Calendar.ALWAYS)


def test_hold_by_hand() -> None:
    bars = {
        "STK": make_bars("STK", ["2020-01-06", "2020-01-07", "2020-01-08"], close=[100, 120, 90], open=[100, 80, 120])
    }
    result = run(bars, mandate(HOLD, STOCK), date(2020, 1, 6), date(2020, 1, 8))
    # Decided at 100: 100 units, filled at the next open of 80, so 2000 stay in cash; marked at 120, then 90.
    assert [snapshot.equity for snapshot in result.snapshots] == [10_000, 14_000, 11_000]
    assert [(fill.quantity, fill.price) for fill in result.fills] == [(100, 80)]
    assert result.snapshots[-1].drawdown == pytest.approx(3 / 14)
    assert len(result.orders) == 1


def test_a_replay_tells_each_of_its_days() -> None:
    days = ["2020-01-06", "2020-01-07", "2020-01-08"]
    bars = {"STK": make_bars("STK", days, close=[100, 120, 90], open=[100, 80, 120])}
    steps: list[Said] = []
    with listening(steps.append):
        run(bars, mandate(HOLD, STOCK), date(2020, 1, 6), date(2020, 1, 8))
    assert steps == [WorkStep(work=REPLAY, done=done, total=3) for done in range(4)]


def test_hold_buys_no_more_of_a_symbol_than_its_cap_and_keeps_what_grew() -> None:
    bars = {"STK": make_bars("STK", ["2020-01-06", "2020-01-07", "2020-01-08"], close=[100, 120, 90])}
    free = mandate(HOLD, STOCK)
    capped = replace(free, sizing=replace(free.sizing, caps=ExposureCaps(symbol=0.4)))
    result = run(bars, capped, date(2020, 1, 6), date(2020, 1, 8))
    assert [fill.quantity for fill in result.fills] == [40]


def test_the_decision_of_a_day_fills_at_the_next_open_and_never_on_its_own_bar() -> None:
    bars = {"STK": walk("STK", days("2019-01-01", 300, weekend=False), 1)}
    result = run(bars, mandate(RULES, STOCK), date(2019, 9, 2), date(2019, 12, 31))
    placed = {order.order_id: order.as_of for order in result.orders}
    assert result.fills
    for fill in result.fills:
        assert fill.as_of > placed[fill.order_id]
        row = int(np.searchsorted(bars["STK"].open_time, np.datetime64(fill.as_of, "us")))
        assert float(fill.price) == pytest.approx(bars["STK"].open[row])


def test_cash_is_conserved_over_every_fill_and_entry() -> None:
    bars = {
        "STK": walk("STK", days("2019-01-01", 400, weekend=False), 2),
        "COIN": walk("COIN", days("2019-01-01", 560), 3),
    }
    result = run(bars, mandate(TURBO, STOCK, COIN, costs=Costs()), date(2019, 10, 1), date(2020, 6, 30))
    spent = sum((fill.signed_quantity * fill.price + fill.fee for fill in result.fills), D(0))
    entered = sum((entry.cash for entry in result.entries), D(0))
    assert abs(D(10_000) - spent + entered - result.snapshots[-1].account.cash) < D("1e-6")
    for symbol in bars:
        traded = sum((fill.signed_quantity for fill in result.fills if fill.symbol == symbol), D(0))
        assert traded == result.snapshots[-1].account.quantity(symbol)


@pytest.mark.parametrize("strategy", list(BUILT_IN.values()))
def test_changing_or_deleting_later_bars_changes_no_decision(strategy: Strategy) -> None:
    bars = {
        "STK": walk("STK", days("2019-01-01", 400, weekend=False), 4),
        "COIN": walk("COIN", days("2019-03-01", 500), 5),
    }
    cut = date(2020, 4, 1)
    edge = np.datetime64(cut, "us")
    spoiled = {
        symbol: replace(series, close=np.where(series.open_time > edge, series.close * 7, series.close))
        for symbol, series in bars.items()
    }
    shortened = {symbol: series.until(edge) for symbol, series in bars.items()}
    rules = mandate(strategy, STOCK, COIN, costs=Costs())
    first = date(2020, 1, 2)
    expected = run(bars, rules, first, cut).decisions
    for altered in (spoiled, shortened):
        last = date(2020, 5, 1)
        seen = [decision for decision in run(altered, rules, first, last).decisions if decision.as_of <= cut]
        assert seen == list(expected)


@pytest.mark.parametrize("strategy", list(BUILT_IN.values()))
def test_the_bare_window_gives_the_row_that_the_whole_history_gives(strategy: Strategy) -> None:
    bars = walk("COIN", days("2019-01-01", 600), 6)
    calendars = {"COIN": Calendar.ALWAYS}
    whole = symbol_signals({"COIN": bars}, calendars, strategy)["COIN"]
    for row in (300, 451, 599):
        bare = bars.rows(row + 1 - history_bars(strategy), row + 1)
        newest = symbol_signals({"COIN": bare}, calendars, strategy)["COIN"]
        for name in ("signal", "regime", "confidence", "volatility", "change"):
            assert getattr(newest, name)[-1] == getattr(whole, name)[row], name


def test_a_symbol_warms_up_before_it_trades_and_others_do_not_wait() -> None:
    bars = {
        "STK": walk("STK", days("2019-01-01", 300, weekend=False), 7),
        "COIN": walk("COIN", days("2019-11-01", 100), 8),
    }
    result = run(bars, mandate(RULES, STOCK, COIN), date(2019, 12, 2), date(2019, 12, 31))
    statuses = {(decision.symbol, decision.status) for decision in result.decisions}
    assert ("COIN", Status.WARMING_UP) in statuses
    assert ("COIN", Status.TRADED) not in statuses
    assert {status for symbol, status in statuses if symbol == "STK"} == {Status.TRADED, Status.NO_SESSION}


def test_a_stale_symbol_keeps_its_position_and_gets_no_order() -> None:
    stock = walk("STK", days("2019-01-01", 300, weekend=False), 9)
    bars = {"STK": stock.until(np.datetime64("2019-12-02", "us")), "COIN": walk("COIN", days("2019-01-01", 420), 10)}
    result = run(bars, mandate(VOL_TARGET, STOCK, COIN), date(2019, 11, 1), date(2019, 12, 31))
    late = [
        decision for decision in result.decisions if decision.symbol == "STK" and decision.as_of == date(2019, 12, 31)
    ]
    assert late[0].status is Status.STALE
    assert result.snapshots[-1].account.quantity("STK") > 0
    assert max(order.as_of for order in result.orders if order.symbol == "STK") == date(2019, 12, 2)


def test_a_symbol_held_back_without_a_bar_is_quarantined_and_not_young() -> None:
    rules = mandate(RULES, STOCK, COIN)
    view = aligned_signals({}, rules.symbols)
    snapshot = opening(date(2020, 1, 2), D(100)).snapshot
    decisions = decide(view, snapshot, rules, {"COIN": "its bars are faulty"})
    assert [(decision.symbol, decision.status, decision.reason) for decision in decisions] == [
        ("COIN", Status.QUARANTINED, "its bars are faulty"),
        ("STK", Status.WARMING_UP, "no bar yet"),
    ]


def test_what_is_kept_counts_towards_the_largest_exposure() -> None:
    rules = mandate(VOL_TARGET, STOCK, COIN)
    dates = days("2019-01-01", 400)
    calm = make_bars("COIN", dates, close=100 + np.tile([0.0, 0.1], 200))
    view = aligned_signals(symbol_signals({"COIN": calm}, {"COIN": Calendar.ALWAYS}, VOL_TARGET), rules.symbols)
    as_of = date(2020, 1, 10)
    held = {
        "STK": Position(quantity=D(120), mark=D(100)),
        "ELSE": Position(quantity=D(-50), mark=D(100)),
    }
    account = Account(as_of=as_of, cash=D(3_000), positions=held)
    assert account.equity == 10_000
    decisions = decide(view, Snapshot(account=account, equity=D(10_000), drawdown=0.0), rules)
    # 1.2 of the stock without bars and 0.5 of a symbol outside are kept: 0.3 of the 2 are left.
    assert [decision.exposure for decision in decisions] == [pytest.approx(0.3), None]


@pytest.mark.parametrize(("max_turnover", "left"), [(4.0, 0.3), (1.9, 0.2), (1.5, 0.0)])
def test_a_later_pass_decides_in_the_room_that_earlier_orders_leave(max_turnover: float, left: float) -> None:
    rules = mandate(VOL_TARGET, STOCK, COIN, limits=RiskLimits(max_turnover=max_turnover))
    calm = make_bars("COIN", days("2019-01-01", 400), close=100 + np.tile([0.0, 0.1], 200))
    view = aligned_signals(symbol_signals({"COIN": calm}, {"COIN": Calendar.ALWAYS}, VOL_TARGET), rules.symbols)
    snapshot = Snapshot(account=Account(as_of=date(2020, 1, 10), cash=D(10_000)), equity=D(10_000), drawdown=0.0)
    later = LaterPass(symbols=("COIN",), ordered={"STK": 1.7})
    (decision,) = decide(view, snapshot, rules, later=later)
    assert (decision.symbol, decision.exposure) == ("COIN", pytest.approx(left))


def test_buy_and_hold_shares_its_cash_and_borrows_nothing() -> None:
    first, later = days("2020-01-01", 40), days("2020-01-20", 21)
    bars = {
        "COIN": make_bars("COIN", first, close=np.linspace(100.0, 300.0, 40)),
        "STK": make_bars("STK", later, close=np.full(21, 50.0)),
    }
    result = run(bars, mandate(HOLD, STOCK, COIN), date(2020, 1, 1), date(2020, 2, 9))
    assert [order.symbol for order in result.orders] == ["COIN", "STK"]
    assert min(snapshot.account.cash for snapshot in result.snapshots) >= 0
    assert result.snapshots[-1].account.quantity("STK") == pytest.approx(D(100), rel=D("0.01"))


def test_the_turnover_bound_is_part_of_the_decision() -> None:
    bars = {"COIN": walk("COIN", days("2019-01-01", 400), 11)}
    limits = RiskLimits(max_turnover=0.1)
    result = run(bars, mandate(VOL_TARGET, COIN, limits=limits), date(2019, 10, 1), date(2019, 10, 20))
    exposures = [decision.exposure for decision in result.decisions]
    assert exposures[0] == pytest.approx(0.1)
    for order, snapshot in zip(result.orders, result.snapshots, strict=False):
        mark = bars["COIN"].close[int(np.searchsorted(bars["COIN"].open_time, np.datetime64(order.as_of, "us")))]
        assert float(order.quantity) * mark <= 0.1 * float(snapshot.equity) * (1 + 1e-9)


def test_what_may_not_be_shorted_is_not() -> None:
    falling = make_bars(
        "COIN", days("2019-01-01", 300), close=np.linspace(200.0, 100.0, 300) + np.tile([0.0, 1.0], 150)
    )
    long_only = replace(COIN, shortable=False)
    result = run({"COIN": falling}, mandate(RULES, long_only), date(2019, 9, 1), date(2019, 9, 30))
    assert all(decision.exposure == 0.0 for decision in result.decisions)
    assert result.orders == ()
    shorted = run({"COIN": falling}, mandate(RULES, COIN), date(2019, 9, 1), date(2019, 9, 30))
    assert any(decision.exposure < 0 for decision in shorted.decisions if decision.exposure is not None)


def test_the_last_days_orders_stay_open() -> None:
    bars = {"COIN": walk("COIN", days("2019-01-01", 300), 12)}
    result = run(bars, mandate(VOL_TARGET, COIN), date(2019, 9, 1), date(2019, 9, 10))
    assert result.orders[-1].state is OrderState.INTENDED
    assert {order.state for order in result.orders[:-1]} == {OrderState.FILLED}


def test_a_dust_change_is_recorded_as_skipped() -> None:
    bars = {"COIN": make_bars("COIN", ["2020-01-01", "2020-01-02"], close=[30_000, 30_000])}
    lots = replace(COIN, lot=D(1))
    result = run(bars, mandate(HOLD, lots), date(2020, 1, 1), date(2020, 1, 1))
    assert [order.state for order in result.orders] == [OrderState.SKIPPED]
    assert result.orders[0].reason == "change of 0.333333333333 is below one lot of 1"


def test_a_backtest_names_the_day_a_live_account_would_have_halted() -> None:
    bars = {"STK": make_bars("STK", ["2020-01-06", "2020-01-07", "2020-01-08"], close=[100, 100, 60])}
    result = run(bars, mandate(HOLD, STOCK), date(2020, 1, 6), date(2020, 1, 8))
    assert halt_date(result.dates, result.unit_values, RiskLimits()) == date(2020, 1, 8)
    assert halt_date(result.dates, result.unit_values, RiskLimits(max_drawdown_halt=0.5)) is None


def test_a_rebased_adjustment_changes_no_decision() -> None:
    bars = walk("COIN", days("2019-01-01", 400), 13)
    rebased = replace(bars, factor=bars.factor * 0.5)
    rules = mandate(TURBO, COIN)
    first, last = date(2019, 11, 1), date(2019, 12, 1)
    assert run({"COIN": bars}, rules, first, last) == run({"COIN": rebased}, rules, first, last)


@pytest.mark.parametrize("strategy", list(BUILT_IN.values()))
def test_what_leaves_the_universe_is_sold_at_its_next_open_and_not_bought_before_it_joins(strategy: Strategy) -> None:
    dates = days("2018-01-01", 700, weekend=False)
    bars = {"STK": walk("STK", dates, 1)}
    joined, left = date(2019, 9, 2), date(2020, 3, 2)
    member = replace(STOCK, memberships=(Membership(first=joined, last=left),))
    done = run(bars, mandate(strategy, member), date(2019, 6, 3), date(2020, 5, 1))
    held = {snapshot.account.as_of: snapshot.account.quantity("STK") for snapshot in done.snapshots}
    # Decided at the close of the day after the last one inside, and of the first day inside: traded a session later.
    assert not any(quantity for day, quantity in held.items() if day <= joined or day > date(2020, 3, 4))
    assert held[left] != 0
    assert held[date(2020, 3, 3)] != 0
    assert {decision.status for decision in done.decisions if decision.symbol == "STK" and decision.as_of > left} == {
        Status.OUTSIDE
    }


def test_an_account_that_changes_its_rules_keeps_its_positions_and_orders() -> None:
    stock = Instrument(symbol="A", calendar=Calendar.ALWAYS)
    bars = {"A": walk("A", days("2019-01-01", 400), seed=3)}
    looks = symbol_signals(bars, {"A": stock.calendar}, RULES)
    view, dates = aligned_signals(looks, ("A",)), account_dates(bars)[200:]
    rules = mandate(RULES, stock)
    quotes = quotes_by_date(bars, dates[0], dates[-1])
    whole = replay(view, quotes, dates, D(10_000), rules)
    parts = [Leg(view=view, dates=part, config=rules) for part in (dates[:90], dates[90:])]
    assert replay_legs(parts, quotes, D(10_000)) == whole
    # Other costs from a day on change nothing before it.
    dear = replace(rules, terms=replace(rules.terms, costs=Costs(fee_bps=D(90))))
    changed = replay_legs([parts[0], replace(parts[1], config=dear)], quotes, D(10_000))
    assert changed.snapshots[:90] == whole.snapshots[:90]
    assert changed.snapshots[-1].equity < whole.snapshots[-1].equity
