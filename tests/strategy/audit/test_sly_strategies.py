"""Cheats that hide from an audit are found too; what cannot be found is listed, and passes."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from strategy.audit.user_strategy import Audit, audit_strategy
from strategy.market.bars import Bars, FloatArray
from strategy.market.price_panel import PricePanel
from strategy.signals.evaluation import rows_of
from strategy.signals.faults import Check
from strategy.signals.strategies import Strategy
from testing.markets.panels import market, stock, walk

Signal = Callable[..., Any]
LENGTH = 180


def traded(bars: Bars, seed: int) -> Bars:
    draw = np.random.default_rng(seed)
    volume = draw.lognormal(10.0, 0.5, len(bars))
    factor = np.cumprod(np.where(draw.random(len(bars)) < 0.05, 1.01, 1.0))
    return replace(bars, volume=volume, factor=factor, open=bars.open * draw.uniform(0.99, 1.01, len(bars)))


MARKET = market(traded(stock("A", 1, LENGTH), 1), traded(walk("B", 2, LENGTH), 2))


def audited(signal: Signal, history_bars: int = 20) -> Audit:
    return audit_strategy(Strategy(name="mine", signal=signal, history_bars=history_bars), MARKET, "0f5a")


def past(bars: Bars) -> FloatArray:
    """The sign of each row's own change: honest."""
    return np.sign(np.diff(bars.close, prepend=bars.close[0]))


def future(bars: Bars, ahead: int = 1) -> FloatArray:
    """The sign of the change over the next rows."""
    later = np.append(bars.close[ahead:], np.full(ahead, bars.close[-1]))[: len(bars)]
    return np.sign(later - bars.close)


def on_fridays(bars: Bars) -> FloatArray:
    return np.where(pd.DatetimeIndex(bars.open_time).day_of_week == 4, future(bars), past(bars))


def on_a_date(bars: Bars) -> FloatArray:
    return np.where(bars.open_time == np.datetime64("2010-06-16"), future(bars), past(bars))


def on_a_date_a_week_ahead(bars: Bars) -> FloatArray:
    return np.where(bars.open_time == np.datetime64("2010-06-16"), future(bars, 6), past(bars))


def at_month_ends(bars: Bars) -> FloatArray:
    """Twenty rows ahead, and only where a month ends."""
    month = pd.DatetimeIndex(bars.open_time).month.to_numpy()
    ends = np.append(month[1:] != month[:-1], False)
    return np.where(ends, future(bars, 20), past(bars))


def at_the_start(bars: Bars) -> FloatArray:
    """Only in the first year's spring."""
    return np.where(bars.open_time < np.datetime64("2010-02-15"), future(bars), past(bars))


def when_long(bars: Bars) -> FloatArray:
    return future(bars) if len(bars) > 100 else past(bars)


def when_whole(bars: Bars) -> FloatArray:
    return future(bars) if len(bars) == LENGTH else past(bars)


def by_length(bars: Bars) -> FloatArray:
    return past(bars) * (0.5 + 0.5 * (len(bars) % 2))


def at_the_last_row(bars: Bars) -> FloatArray:
    values = past(bars)
    values[-1] = 0.0
    return values


def by_place_from_the_end(bars: Bars) -> FloatArray:
    return np.arange(len(bars))[::-1] % 2 * 1.0


def volume_of_tomorrow(bars: Bars) -> FloatArray:
    return np.where(np.append(bars.volume[1:], 0.0) > bars.volume, 1.0, 0.0)


def dividend_of_tomorrow(bars: Bars) -> FloatArray:
    return np.append(np.diff(bars.factor) > 0, False) * 1.0


def opening_of_tomorrow(bars: Bars) -> FloatArray:
    return np.sign(np.append(bars.open[1:], bars.close[-1]) - bars.close)


def gap_before_the_next_session(bars: Bars) -> FloatArray:
    return np.append(np.diff(bars.open_time) > np.timedelta64(1, "D"), False) * 1.0


def now_and_then(bars: Bars) -> FloatArray:
    """Looks ahead after rare falls only."""
    change = np.diff(bars.close, prepend=bars.close[0]) / bars.close
    return np.where(change < -0.022, future(bars), past(bars))


def remembers_the_longest() -> Signal:
    longest: dict[str, Bars] = {}

    def signal(bars: Bars) -> FloatArray:
        if bars.symbol not in longest or len(bars) > len(longest[bars.symbol]):
            longest[bars.symbol] = bars
        known = longest[bars.symbol]
        place = np.searchsorted(known.open_time, bars.open_time[0])
        return np.resize(future(known)[place : place + len(bars)], len(bars))

    return signal


def remembers_closes() -> Signal:
    """Looks a day's later close up among all closes that it ever saw."""
    closes: dict[tuple[str, Any], float] = {}

    def signal(bars: Bars) -> FloatArray:
        closes.update({(bars.symbol, day): close for day, close in zip(bars.open_time, bars.close, strict=True)})
        later = [
            closes.get((bars.symbol, day + np.timedelta64(1, "D")), close)
            for day, close in zip(bars.open_time, bars.close, strict=True)
        ]
        return np.sign(np.array(later) - bars.close)

    return signal


def caches_by_identity() -> Signal:
    cache: dict[int, FloatArray] = {}

    def signal(bars: Bars) -> FloatArray:
        return cache.setdefault(id(bars), past(bars))

    return signal


def caches_by_length() -> Signal:
    cache: dict[int, FloatArray] = {}

    def signal(bars: Bars) -> FloatArray:
        return cache.setdefault(len(bars), past(bars))

    return signal


def caches_by_symbol_and_end() -> Signal:
    """What it computed first for a day stays, whatever the bars."""
    cache: dict[Any, FloatArray] = {}

    def signal(bars: Bars) -> FloatArray:
        return cache.setdefault((bars.symbol, len(bars), bars.open_time[-1]), future(bars))

    return signal


def keeps_in_its_default(bars: Bars, seen: list[float] = []) -> FloatArray:  # noqa: B006
    seen.append(float(bars.close.mean()))
    return np.full(len(bars), float(np.tanh(np.mean(seen) / 100)))


def draws_from_one_generator() -> Signal:
    generator = np.random.default_rng(5)
    return lambda bars: past(bars) * generator.uniform(0.5, 1.0)


def reads_the_clock(bars: Bars) -> FloatArray:
    return np.full(len(bars), time.perf_counter_ns() % 1000 / 1000)


def follows_the_other() -> Signal:
    """The last symbol that was called leads."""
    leader: dict[str, float] = {}

    def signal(bars: Bars) -> FloatArray:
        others = [value for symbol, value in leader.items() if symbol != bars.symbol]
        leader[bars.symbol] = float(bars.close[0])
        return np.full(len(bars), float(np.tanh(sum(others) / 100)))

    return signal


def fails_sometimes(bars: Bars) -> FloatArray:
    if bars.close[-1] == bars.close.max():
        raise OverflowError("too high")
    return past(bars)


SLY = [
    *((cheat, Check.LOOKS_AHEAD) for cheat in (on_fridays, on_a_date, on_a_date_a_week_ahead, at_month_ends)),
    *((cheat, Check.LOOKS_AHEAD) for cheat in (at_the_start, when_long, when_whole, by_length, at_the_last_row)),
    *((cheat, Check.LOOKS_AHEAD) for cheat in (by_place_from_the_end, volume_of_tomorrow, dividend_of_tomorrow)),
    *((cheat, Check.LOOKS_AHEAD) for cheat in (opening_of_tomorrow, gap_before_the_next_session, now_and_then)),
    *((cheat, Check.UNSTABLE) for cheat in (remembers_the_longest, remembers_closes, keeps_in_its_default)),
    *((cheat, Check.UNSTABLE) for cheat in (draws_from_one_generator, reads_the_clock)),
    (caches_by_symbol_and_end, Check.LOOKS_AHEAD),
    (follows_the_other, Check.OTHER_SYMBOLS),
    (fails_sometimes, Check.RAISES),
]
FACTORIES = {remembers_the_longest, remembers_closes, caches_by_length, caches_by_symbol_and_end}
FACTORIES |= {draws_from_one_generator, follows_the_other}


@pytest.mark.parametrize(("cheat", "check"), SLY, ids=lambda value: getattr(value, "__name__", ""))
def test_a_sly_cheat_is_found(cheat: Signal, check: Check) -> None:
    faults = audited(cheat() if cheat in FACTORIES else cheat).faults
    assert faults
    assert faults[0].check is check, faults


@pytest.mark.parametrize("cheat", [caches_by_identity, caches_by_length])
def test_a_cache_that_cannot_tell_bars_apart_is_found(cheat: Callable[[], Signal]) -> None:
    """Which rule breaks first depends on the calls before, and on where Python puts the bars."""
    assert not audited(cheat()).passed


def through_the_base(bars: Bars) -> FloatArray:
    """Reaches for the array of which its bars are a part."""
    base = bars.close if bars.close.base is None else bars.close.base
    return future(replace(bars, close=base[: len(bars) + 1][-len(bars) :]))


def test_nothing_lies_behind_the_bars() -> None:
    assert audited(through_the_base).faults[0].check is Check.LOOKS_AHEAD


def test_a_panel_that_reads_the_other_symbols_tomorrow_is_found() -> None:
    def signals(panel: PricePanel) -> FloatArray:
        close = pd.DataFrame(panel.close).ffill().to_numpy()
        later = np.vstack([close[1:], close[-1:]]) - close
        return np.sign(np.nan_to_num(later.sum(axis=1, keepdims=True) - later))

    faults = audit_strategy(Strategy(name="mine", signals=signals, history_bars=20), MARKET, "0f5a").faults
    assert [fault.check for fault in faults] == [Check.LOOKS_AHEAD]


# --- what shows when the code is loaded anew


def fits_once() -> Signal:
    model: list[FloatArray] = []

    def signal(bars: Bars) -> FloatArray:
        change = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
        if not model:
            model.append(np.polyfit(change[:-1], change[1:], 1))
        return np.tanh(100 * np.polyval(model[0], change))

    return signal


def keeps_the_first_symbol() -> Signal:
    seen: list[str] = []

    def signal(bars: Bars) -> FloatArray:
        seen.append(bars.symbol)
        return np.full(len(bars), 1.0 if seen[0] == bars.symbol else 0.5)

    return signal


def closes_by_date() -> Signal:
    """The first symbol's closes stand for all."""
    closes: dict[Any, float] = {}

    def signal(bars: Bars) -> FloatArray:
        close = [closes.setdefault(day, value) for day, value in zip(bars.open_time, bars.close, strict=True)]
        return np.sign(np.diff(close, prepend=close[0]))

    return signal


@pytest.mark.parametrize(
    ("made", "check"),
    [
        (fits_once, Check.UNSTABLE),
        (keeps_the_first_symbol, Check.OTHER_SYMBOLS),
        (closes_by_date, Check.OTHER_SYMBOLS),
    ],
)
def test_what_a_first_call_sets_for_good_shows_in_code_loaded_anew(made: Callable[[], Signal], check: Check) -> None:
    def anew() -> Strategy:
        return Strategy(name="mine", signal=made(), history_bars=20)

    assert audit_strategy(anew(), MARKET, "0f5a").passed
    faults = audit_strategy(anew(), MARKET, "0f5a", anew=anew).faults
    assert {fault.check for fault in faults} == {check}
    assert audit_strategy(anew(), {"B": MARKET["B"]}, "0f5a", anew=anew).passed is (check is Check.OTHER_SYMBOLS)


def test_honest_code_loaded_anew_passes() -> None:
    strategy = Strategy(name="mine", signal=past, history_bars=20)
    assert audit_strategy(strategy, MARKET, "0f5a", anew=lambda: strategy).faults == ()


# --- what cannot be found


def knows_its_history(bars: Bars) -> FloatArray:
    return np.where(bars.open_time > np.datetime64("2010-06-01"), 1.0, -1.0)


def test_what_its_author_knew_cannot_be_found() -> None:
    assert audited(knows_its_history).passed


def peeks_below_the_tolerance(bars: Bars) -> FloatArray:
    return 0.5 * past(bars) + 1e-11 * future(bars)


def test_a_peek_below_the_tolerance_passes_but_is_not_traded() -> None:
    """The whole history must not stand for the windows, which see no later bar."""
    audit = audited(peeks_below_the_tolerance)
    assert audit.passed
    assert not audit.whole
    strategy = Strategy(name="mine", signal=peeks_below_the_tolerance, history_bars=20)
    assert np.array_equal(rows_of(strategy, MARKET["A"])[19:], 0.5 * past(MARKET["A"])[19:])
