"""Each audit passes what we have and catches the fault that is planted for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.fees_and_slippage import Costs
from strategy.account.orders import ReasonCode, Side
from strategy.account.quotes import QuotesByDate, quotes_by_date
from strategy.audit.account import Trading, accounts, fills, parity
from strategy.audit.claims import CLAIMED, days_right_needed, foresight, sides
from strategy.audit.folds import Lesson, folds, teacher
from strategy.audit.lookahead import (
    Claim,
    Market,
    decisions,
    estimates,
    feature_values,
    input_values,
    lookahead,
    same,
    with_another_future,
)
from strategy.backtest.day_loop import Replay
from strategy.backtest.replay import replay
from strategy.builtin.registry import BUILT_IN, RULES, TURBO, VOL_TARGET
from strategy.market.bars import Bars, FloatArray, bars_until
from strategy.market.instruments import Calendar
from strategy.market.session_dates import account_dates
from strategy.networks.ensemble import Ensemble
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.features import features
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import SymbolSignals, symbol_signals
from strategy.signals.strategies import Strategy
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import training_panel
from strategy.training.walk_forward import Fold, yearly
from strategy.training.windows import SplitRule
from testing.markets.panels import mandate, market, stock, walk, with_ranges
from testing.runs.networks import opinionated

#: A coin, a stock on weekdays with a split, and a symbol that is listed late.
STOCK = stock("STOCK", 2, 430)
BARS = market(
    walk("COIN", 1, 600),
    replace(STOCK, factor=np.where(np.arange(430) < 380, 1.0, 2.0), close=STOCK.close / 1.5),
    walk("YOUNG", 3, 300, first="2010-10-28"),
)
CALENDARS = {"COIN": Calendar.ALWAYS, "STOCK": Calendar.WEEKDAYS, "YOUNG": Calendar.ALWAYS}
DATES = account_dates(BARS)
DAYS = (DATES[300], DATES[417], DATES[481], DATES[560])
COSTS = Costs(fee_bps=Decimal(10), slippage_bps=Decimal(5))
CAPITAL = Decimal(10_000)


def run_of(strategy: Strategy, dates: tuple[date, ...] = DATES[450:560]) -> Callable[[Market, Decimal], Replay]:
    def run(bars: Market, times: Decimal = Decimal(1)) -> Replay:
        whose = replace(mandate(BARS, replace(COSTS, multiplier=times)), strategy=strategy)
        view = aligned_signals(symbol_signals(bars, CALENDARS, strategy), whose.symbols)
        lived = [day for day in account_dates(bars) if dates[0] <= day <= dates[-1]]
        return replay(view, quotes_by_date(bars, dates[0], dates[-1]), lived, CAPITAL, whose)

    return run


RUN = run_of(RULES)
TRADING = Trading(config=mandate(BARS, COSTS), quotes=quotes_by_date(BARS, DATES[450], DATES[559]))


@pytest.mark.parametrize("strategy", list(BUILT_IN.values()))
def test_no_strategy_looks_ahead(strategy: Strategy) -> None:
    whose = replace(mandate(BARS), strategy=strategy)
    snapshots = run_of(strategy, DATES[300:561])(BARS, Decimal(1)).snapshots
    for claim in (estimates(strategy, "it", CALENDARS), decisions(whose, "it", snapshots)):
        found = lookahead(claim, BARS, DAYS, seed=1)
        assert found.differences == ()
        assert (found.check, found.dates, found.passed) == (claim.check, 4, True)


def test_no_decision_by_daily_ranges_looks_ahead() -> None:
    bars = market(*(with_ranges(walk(symbol, seed, 1_500), seed) for seed, symbol in enumerate(("A", "B"))))
    plain = replace(mandate(bars), strategy=VOL_TARGET)
    ranged = replace(plain, sizing=replace(plain.sizing, volatility_estimator=VolatilityEstimator.HAR))
    dates = account_dates(bars)[1_300:]
    days = dates[::40]
    view = aligned_signals(symbol_signals(bars, dict.fromkeys(bars, Calendar.ALWAYS), VOL_TARGET), ranged.symbols)
    snapshots = replay(view, quotes_by_date(bars, dates[0], dates[-1]), dates, CAPITAL, ranged).snapshots
    claim = decisions(ranged, "it", snapshots)
    assert lookahead(claim, bars, days, seed=1).differences == ()
    assert claim.of(bars, days[0]) != decisions(plain, "it", snapshots).of(bars, days[0])
    # The fit reaches behind the window of the closes' estimate.
    short = replace(claim, window=decisions(plain, "it", snapshots).window)
    assert not lookahead(short, bars, days, seed=1).passed


def test_no_feature_and_no_input_looks_ahead() -> None:
    for claim, columns in ((feature_values(), 15), (input_values(), 30)):
        assert len(claim.of(BARS, DAYS[-1])) == 3 * columns
        assert lookahead(claim, BARS, DAYS, seed=1).passed


def test_no_network_looks_ahead() -> None:
    model = Ensemble(members=(opinionated(),))
    claim = estimates(TURBO, "model", CALENDARS, model)
    prior = estimates(TURBO, "prior", CALENDARS)
    assert claim.of(BARS, DAYS[2])["COIN signal"] != prior.of(BARS, DAYS[2])["COIN signal"]
    assert lookahead(claim, bars_until(BARS, DATES[-20]), DATES[-60:-20:20], seed=1).differences == ()


def planted(made: Callable[[FloatArray], FloatArray]) -> tuple[str, ...]:
    return lookahead(feature_values(made), BARS, DAYS, seed=1).differences


def test_a_feature_that_peeks_one_bar_is_caught() -> None:
    def peeking(close: FloatArray) -> FloatArray:
        rows = features(close)
        rows[:-1, 4] = rows[1:, 4]
        return rows

    found = planted(peeking)
    assert found[0].startswith(f"COIN momentum_126 on {DAYS[0]}: ")
    assert all("momentum_126" in difference for difference in found)
    assert any("from another future" in difference for difference in found)


def test_normalisation_by_the_full_sample_is_caught() -> None:
    def normalised(close: FloatArray) -> FloatArray:
        rows = features(close)
        known = rows[~np.isnan(rows[:, 0]), 0]
        rows[:, 0] -= known.mean() if len(known) else 0.0
        return rows

    for history in ("bars that end that day", "another future", "the bare window"):
        assert any(difference.startswith("COIN return") and history in difference for difference in planted(normalised))


def test_an_expanding_window_is_caught_by_the_bare_one() -> None:
    def expanding(close: FloatArray) -> FloatArray:
        rows = features(close)
        rows[:, 0] = np.log(close / close[0])
        return rows

    found = planted(expanding)
    assert found
    assert all(difference.endswith("from the bare window") for difference in found)


def test_another_symbols_bar_of_a_later_day_is_caught() -> None:
    """The stock has no weekend: what it says on a Saturday must be Friday's, and not Monday's."""

    def of(bars: Market, day: date) -> dict[str, object]:
        later = bars["STOCK"].open_time >= np.datetime64(day, "us")
        return {"STOCK close": float(bars["STOCK"].close[later][:1].sum())}

    saturday = next(day for day in DATES[400:] if day.weekday() == 5)
    claim = Claim(check="close", subject="fault", of=of, window=lambda past: past)
    assert len(lookahead(claim, BARS, [saturday], seed=1).differences) == 3


def test_a_value_that_a_history_does_not_give_is_a_difference() -> None:
    claim = Claim(check="c", subject="s", of=lambda bars, day: dict.fromkeys(bars, 1), window=lambda past: {})
    assert lookahead(claim, BARS, [DAYS[-1]], seed=1).differences[0] == (
        f"COIN on {DAYS[-1]}: 1 from all bars, None from the bare window"
    )


def test_another_future_leaves_the_past_and_changes_every_later_bar() -> None:
    day = DAYS[1]
    changed = with_another_future(BARS, day, np.random.default_rng(1))
    for symbol, series in BARS.items():
        past = len(series.until(np.datetime64(day, "us")))
        for name in ("open", "close", "factor"):
            assert np.array_equal(changed[symbol][name][:past], series[name][:past])
            assert (changed[symbol][name][past:] != series[name][past:]).all()
        assert np.array_equal(changed[symbol].open_time, series.open_time)


def test_equal_is_exact() -> None:
    assert same(float("nan"), float("nan"))
    assert not same(1.0, 1.0 + 2**-52)
    assert not same(None, float("nan"))


@pytest.mark.parametrize("strategy", list(BUILT_IN.values()))
def test_every_account_lives_the_same_days_whatever_follows_and_trades_at_its_price(strategy: Strategy) -> None:
    run = run_of(strategy)
    assert accounts("it", lambda bars: run(bars, Decimal(1)), BARS, (DATES[480], DATES[530]), 1).differences == ()
    found = fills("it", lambda times: run(BARS, times), TRADING)
    assert (found.differences, found.dates) == ((), 2 * 110)


def test_an_account_that_knows_the_next_day_is_caught() -> None:
    def run(bars: Market) -> Replay:
        seen = {symbol: ahead(signals) for symbol, signals in symbol_signals(bars, CALENDARS, RULES).items()}
        dates = [day for day in account_dates(bars) if DATES[450] <= day <= DATES[559]]
        quotes = quotes_by_date(bars, dates[0], dates[-1])
        return replay(aligned_signals(seen, TRADING.config.symbols), quotes, dates, CAPITAL, rules(TRADING.config))

    def ahead(one: SymbolSignals) -> SymbolSignals:
        return replace(one, signal=np.append(one.signal[1:], one.signal[-1:]))

    found = accounts("fault", run, BARS, (DATES[480],), 1)
    assert found.differences[0].startswith(f"{DATES[480]} decision COIN")


def rules(one: AccountConfig) -> AccountConfig:
    return replace(one, strategy=RULES)


def with_fills(change: Callable[[Replay], Replay]) -> tuple[str, ...]:
    return fills("fault", lambda times: change(RUN(BARS, times)), TRADING).differences


def test_a_fill_at_the_deciding_bars_close_is_caught() -> None:
    def at_close(times: Decimal) -> Replay:
        quotes: dict[date, dict[str, object]] = {}
        last: dict[str, Decimal] = {}
        for day, of_day in sorted(TRADING.quotes.quotes.items()):
            quotes[day] = {s: replace(quote, open=last.get(s, quote.open)) for s, quote in of_day.items()}
            last |= {symbol: quote.close for symbol, quote in of_day.items()}
        whose = rules(mandate(BARS, replace(COSTS, multiplier=times)))
        view = aligned_signals(symbol_signals(BARS, CALENDARS, RULES), whose.symbols)
        return replay(view, QuotesByDate(quotes=quotes), DATES[450:560], CAPITAL, whose)

    found = fills("fault", at_close, TRADING).differences
    # The coin opens where it closed; a stock's fill after its split shows it.
    assert any(" price is " in difference for difference in found)


def test_a_fill_on_the_day_of_its_decision_is_caught() -> None:
    def early(one: Replay) -> Replay:
        made = {order.order_id: order.as_of for order in one.orders}
        return replace(one, fills=tuple(replace(fill, as_of=made[fill.order_id]) for fill in one.fills))

    assert "but the next session is" in with_fills(early)[0]


def test_a_fill_that_skips_a_session_is_caught() -> None:
    def late(one: Replay) -> Replay:
        moved = (replace(fill, as_of=fill.as_of + timedelta(days=7)) for fill in one.fills)
        return replace(one, fills=tuple(moved))

    assert "but the next session is" in with_fills(late)[0]


def test_a_cost_that_a_round_trip_pays_once_is_caught() -> None:
    def on_the_way_in(one: Replay) -> Replay:
        free = (replace(fill, fee=Decimal(0)) if fill.side is Side.SELL else fill for fill in one.fills)
        return replace(one, fills=tuple(free))

    found = with_fills(on_the_way_in)
    assert "fee is 0, it must be" in found[0]
    assert any("at 2 × cost: fee is 0" in difference for difference in found)
    assert any(difference.startswith("cash on") for difference in found)


def test_a_cost_that_is_told_but_not_paid_is_caught() -> None:
    free = rules(mandate(BARS, replace(COSTS, fee_bps=Decimal(0))))

    def unpaid(times: Decimal) -> Replay:
        told = RUN(BARS, times)
        view = aligned_signals(symbol_signals(BARS, CALENDARS, RULES), free.symbols)
        lived = replay(view, TRADING.quotes, DATES[450:560], CAPITAL, free)
        return replace(told, snapshots=lived.snapshots)

    found = fills("fault", unpaid, TRADING).differences
    assert found
    assert all(difference.startswith("cash on") for difference in found)


def test_a_cost_that_is_not_doubled_is_caught() -> None:
    found = fills("fault", lambda _: RUN(BARS, Decimal(1)), TRADING).differences
    assert found
    assert all("at 2 × cost" in difference for difference in found)


def test_a_trade_that_nobody_ordered_is_caught() -> None:
    found = with_fills(lambda one: replace(one, orders=one.orders[1:]))
    assert found[0].endswith("no order asked for it, and the symbol is still listed")


def test_a_delisted_symbol_is_closed_at_its_last_close_and_pays_for_it() -> None:
    gone = market(walk("GONE", 5, 500), walk("COIN", 6, 600))
    whose = mandate(gone, COSTS)
    listed = whose.terms.instruments["GONE"]
    instruments = {**whose.terms.instruments, "GONE": replace(listed, listed_to=DATES[499])}
    whose = rules(replace(whose, terms=replace(whose.terms, instruments=instruments)))
    quotes = quotes_by_date(gone, DATES[450], DATES[520])
    view = aligned_signals(symbol_signals(gone, dict.fromkeys(gone, Calendar.ALWAYS), RULES), whose.symbols)

    def run(times: Decimal) -> Replay:
        costs = replace(COSTS, multiplier=times)
        terms = replace(whose.terms, costs=costs)
        return replay(view, quotes, DATES[450:521], CAPITAL, replace(whose, terms=terms))

    trading = Trading(config=whose, quotes=quotes)
    assert fills("it", run, trading).differences == ()
    closed = [fill for fill in run(Decimal(1)).fills if fill.as_of == DATES[500] and fill.symbol == "GONE"]
    assert len(closed) == 1

    def cheap(times: Decimal) -> Replay:
        lived = run(times)
        return replace(
            lived, fills=tuple(replace(fill, fee=Decimal(0)) if fill in closed else fill for fill in lived.fills)
        )

    assert "fee is 0, it must be" in fills("fault", cheap, trading).differences[0]


def test_parity_of_a_replay_with_itself_holds_and_every_kind_of_difference_is_named() -> None:
    lived = RUN(BARS, Decimal(1))
    assert [(check.check, check.dates, check.passed) for check in parity("it", lived, lived)] == [
        (check, 110, True) for check in ("decisions", "orders", "fills", "entries", "equity")
    ]
    other = replace(
        lived,
        snapshots=(*lived.snapshots[:-1], replace(lived.snapshots[-1], drawdown=0.5)),
        decisions=lived.decisions[1:],
        orders=(replace(lived.orders[0], quantity=Decimal(1)), *lived.orders[1:]),
        fills=lived.fills[:-1],
    )
    found = parity("it", lived, other)
    assert [len(check.differences) for check in found] == [1, 1, 1, 0, 1]
    assert found[0].differences[0].startswith(f"{DATES[450]} decision COIN: ")
    assert found[0].differences[0].endswith("None in the backtest")


LONG = market(walk("COIN", 1, 1100), stock("STOCK", 2, 786))
LONG_TIME = np.array(account_dates(LONG), dtype="datetime64[us]")
RULE = SplitRule(context_bars=32, validation_share=0.4, purge_bars=20)
TEACH = teacher(mandate(LONG), RULE, TrainingSettings(twins=1, validation_share=0.4, purge_bars=20))
PLAN = yearly(LONG_TIME, np.datetime64("2012-11-01"), LONG_TIME[-1])


def taught(change: Callable[[Lesson], Lesson]) -> tuple[str, ...]:
    return folds(lambda bars, day: change(TEACH(bars, day)), LONG, LONG_TIME, PLAN[-1:], RULE).differences


def test_no_fold_learns_what_it_will_trade_or_is_judged_by() -> None:
    found = folds(TEACH, LONG, LONG_TIME, PLAN[-1:], RULE)
    assert (found.differences, found.dates) == ((), 1)


def test_a_label_that_leaks_over_the_embargo_is_caught() -> None:
    """The dates right before the validation are learned from, as if there were no purge."""

    def leaking(lesson: Lesson) -> Lesson:
        newest = lesson.parts.stop.start - RULE.scored_bars
        return replace(lesson, parts=replace(lesson.parts, training=np.arange(400, newest)))

    found = taught(leaking)
    assert len(found) == 1
    assert "its labels reach 2012-01-26, the purge begins 2012-01-07" in found[0]


def test_a_fold_that_decides_before_the_embargo_is_over_is_caught() -> None:
    hasty = Fold(fitted_to=PLAN[-1].fitted_to, dates=range(PLAN[-1].dates.start - 3, PLAN[-1].dates.stop))
    found = folds(TEACH, LONG, LONG_TIME, [hasty], RULE).differences
    assert found == (
        f"fold fitted to {str(hasty.fitted_to)[:10]}: 2 dates lie between it and the first decision on "
        f"{str(LONG_TIME[hasty.dates.start])[:10]}, not 5",
    )


def test_a_panel_that_knows_later_bars_is_caught() -> None:
    whole = mandate(LONG)

    def unbounded(bars: Mapping[str, Bars], fitted_to: np.datetime64) -> Lesson:
        return replace(TEACH(bars, fitted_to), panel=training_panel(bars, whole))

    found = folds(unbounded, LONG, LONG_TIME, PLAN[-1:], RULE).differences
    assert any(difference.endswith("its panel changes with later bars") for difference in found)


def test_a_twin_of_the_dates_that_judge_is_caught() -> None:
    found = taught(lambda lesson: replace(lesson, twins=(lesson.panel,)))
    assert len(found) == 1
    assert "its twin changes with bars after" in found[0]


def test_dates_that_both_stop_and_judge_are_caught() -> None:
    def overlapping(lesson: Lesson) -> Lesson:
        return replace(lesson, parts=replace(lesson.parts, gate=range(lesson.parts.stop.start, len(lesson.panel))))

    found = taught(overlapping)
    assert "which overlap" in found[0]
    assert found[1].endswith("is never paid")


def test_foresight_takes_the_side_of_what_the_decision_will_earn() -> None:
    seen, opening = sides(BARS["STOCK"]), BARS["STOCK"].open * BARS["STOCK"].factor
    earned = np.append(opening[2:] / opening[1:-1] - 1.0, [0.0, 0.0])
    assert (seen * earned >= 0).all()
    assert (seen[:-2] != 0).all()


def test_foresight_earns_what_the_exact_account_earns_with_the_same_signal() -> None:
    coin = {"COIN": BARS["COIN"]}
    free = replace(mandate(coin, COSTS), sizing=SizingParams(neutral_zone=0.0), limits=RiskLimits(max_turnover=100.0))
    (one,) = symbol_signals(coin, CALENDARS, TURBO).values()
    view, dates = (
        aligned_signals({"COIN": replace(one, signal=sides(coin["COIN"]))}, free.symbols),
        account_dates(coin)[400:],
    )
    exact = replay(view, quotes_by_date(coin, dates[0], dates[-1]), dates, CAPITAL, free)
    path = foresight(coin, free, np.datetime64(dates[0], "us")).equity[:, 0]
    assert path == pytest.approx([float(snapshot.equity / CAPITAL) for snapshot in exact.snapshots], rel=1e-9)
    assert path[-1] > 5


def test_the_days_right_are_those_that_a_simulation_needs() -> None:
    draw = np.random.default_rng(3)
    returns = 0.01 * draw.standard_t(4, 400_000)
    share = days_right_needed(CLAIMED.sharpe, returns, 252)
    assert share is not None
    earned = np.where(draw.random(len(returns)) < share, 1.0, -1.0) * np.abs(returns)
    assert earned.mean() / earned.std() * np.sqrt(252) == pytest.approx(CLAIMED.sharpe, rel=0.02)


def test_no_share_of_days_gives_a_sharpe_beyond_that_of_perfect_calls() -> None:
    returns = 0.01 * np.random.default_rng(3).standard_normal(10_000)
    perfect = float(np.abs(returns).mean() / np.abs(returns).std() * np.sqrt(252))
    assert days_right_needed(perfect * 0.999, returns, 252) == pytest.approx(1.0, abs=1e-3)
    assert days_right_needed(perfect * 1.01, returns, 252) is None
    assert days_right_needed(1.0, np.zeros(10), 252) is None


def test_an_order_that_was_cut_to_a_tenth_of_the_volume_is_no_fault() -> None:
    thin = {symbol: replace(series, volume=np.full(len(series), 20.0)) for symbol, series in BARS.items()}
    quotes = quotes_by_date(thin, DATES[450], DATES[559])
    replayed = RUN(thin, Decimal(1))
    assert any(order.code is ReasonCode.VOLUME for order in replayed.orders)
    assert all(fill.quantity <= 2 for fill in replayed.fills)
    trading = Trading(config=mandate(BARS, COSTS), quotes=quotes)
    assert fills("it", lambda times: RUN(thin, times), trading).passed
    # What is taken beyond it is one.
    more = tuple(replace(fill, quantity=fill.quantity + 1) for fill in replayed.fills)
    found = fills("fault", lambda times: replace(RUN(thin, times), fills=more), trading).differences
    assert "quantity is" in found[0]
