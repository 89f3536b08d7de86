"""A strategy that looks ahead, keeps state or breaks a rule is refused with its check; an honest one passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import butter, fftconvolve, lfilter, savgol_coeffs

from strategy.audit.user_strategy import Audit, Coverage, audit_strategy
from strategy.builtin.registry import BUILT_IN
from strategy.market.bars import COLUMNS, Bars, FloatArray
from strategy.market.price_panel import PricePanel
from strategy.signals.faults import Check
from strategy.signals.strategies import Strategy
from testing.markets.panels import market, stock, walk

Signal = Callable[..., Any]


def traded(bars: Bars, seed: int) -> Bars:
    """The bars with ranges, volumes (some unknown) and a few changes of the factor."""
    draw = np.random.default_rng(seed)
    volume = draw.lognormal(10.0, 0.5, len(bars))
    volume[draw.random(len(bars)) < 0.02] = np.nan
    factor = np.cumprod(np.where(draw.random(len(bars)) < 0.01, 1.01, 1.0))
    wide = 1.0 + 0.01 * draw.random(len(bars))
    return replace(bars, high=bars.high * wide, low=bars.low / wide, volume=volume, factor=factor)


MARKET = market(traded(stock("A", 1, 160), 1), traded(walk("B", 2, 180), 2), traded(stock("C", 3, 130), 3))
#: For what needs a long history.
LONG_MARKET = market(traded(stock("A", 1, 420), 1), traded(walk("B", 2, 400), 2))


def audited(strategy: Strategy, bars: Mapping[str, Bars] = MARKET) -> Audit:
    return audit_strategy(strategy, bars, "0f5a")


def per_symbol(signal: Signal, history_bars: int = 30) -> Strategy:
    return Strategy(name="mine", signal=signal, history_bars=history_bars)


def across(signals: Signal, history_bars: int = 30) -> Strategy:
    return Strategy(name="mine", signals=signals, history_bars=history_bars)


def closes(bars: Bars) -> "pd.Series[float]":
    return pd.Series(bars.adjusted_close, index=pd.DatetimeIndex(bars.open_time))


def known(values: FloatArray, history_bars: int = 30) -> FloatArray:
    """The values, NaN while the history is short."""
    return np.where(np.arange(len(values)) < history_bars - 1, np.nan, np.nan_to_num(values))


# --- cheats


def peeks_one_bar(bars: Bars) -> FloatArray:
    return np.append(np.sign(np.diff(bars.close)), 0.0)


def shifts_back(bars: Bars) -> FloatArray:
    return np.tanh(closes(bars).pct_change().shift(-1).fillna(0.0).to_numpy() * 30)


def shifts_back_three(bars: Bars) -> FloatArray:
    return np.tanh(closes(bars).pct_change(3).shift(-3).fillna(0.0).to_numpy() * 30)


def centres_its_window(bars: Bars) -> FloatArray:
    close = closes(bars)
    return np.tanh(30 * (close / close.rolling(11, center=True, min_periods=1).mean() - 1)).to_numpy()


def uses_the_whole_mean(bars: Bars) -> FloatArray:
    close = bars.adjusted_close
    return np.tanh((close - close.mean()) / close.std())


def uses_the_whole_percentile(bars: Bars) -> FloatArray:
    return np.where(bars.adjusted_close > np.percentile(bars.adjusted_close, 60.0), 1.0, -1.0)


def fits_on_the_future(bars: Bars) -> FloatArray:
    change = np.diff(np.log(bars.adjusted_close), prepend=np.log(bars.adjusted_close[0]))
    slope, level = np.polyfit(change[:-1], change[1:], 1)
    return np.tanh(100 * (slope * change + level))


def labels_weeks_left(bars: Bars) -> FloatArray:
    close = closes(bars)
    weekly = close.resample("W-FRI", label="left").last().reindex(close.index, method="ffill")
    return np.tanh(30 * (weekly / close - 1).fillna(0.0).to_numpy())


def broadcasts_its_month(bars: Bars) -> FloatArray:
    close = closes(bars)
    last = close.groupby(close.index.to_period("M")).transform("last")
    return np.tanh(30 * (last / close - 1).to_numpy())


def filters_both_ways(bars: Bars) -> FloatArray:
    forward = closes(bars).ewm(span=5, adjust=False).mean()
    smooth = forward[::-1].ewm(span=5, adjust=False).mean()[::-1]
    return np.tanh(30 * (smooth / closes(bars) - 1).to_numpy())


def fills_backwards(bars: Bars) -> FloatArray:
    volume = pd.Series(bars.volume).bfill().ffill().to_numpy()
    return np.where(volume > 22_000.0, 1.0, 0.0)


def calls_in_turn() -> Signal:
    calls = count()
    return lambda bars: np.full(len(bars), next(calls) % 2 * 1.0)


def first_seen() -> Signal:
    levels: list[float] = []

    def signal(bars: Bars) -> FloatArray:
        levels.append(float(bars.close[-1]))
        return np.sign(bars.close - np.mean(levels))

    return signal


def is_random(bars: Bars) -> FloatArray:
    return np.random.default_rng().uniform(-1.0, 1.0, len(bars))


def draws_again(bars: Bars) -> FloatArray:
    return np.random.default_rng(1).uniform(-1.0, 1.0, len(bars))


def changes_its_bars(bars: Bars) -> FloatArray:
    bars.close[:5] = 1.0
    return np.zeros(len(bars))


def forgets_some(bars: Bars) -> FloatArray:
    change = np.diff(bars.close, prepend=bars.close[0]) / bars.close
    return np.where(change > 0.03, np.nan, 0.5)


def is_short(bars: Bars) -> FloatArray:
    return np.sign(np.diff(bars.close))


def is_large(bars: Bars) -> FloatArray:
    return np.diff(bars.close, prepend=bars.close[0]) / bars.close * 50


def counts_symbols() -> Signal:
    symbols: set[str] = set()

    def signal(bars: Bars) -> FloatArray:
        symbols.add(bars.symbol)
        return np.full(len(bars), 1.0 / len(symbols))

    return signal


def market_mean() -> Signal:
    """The mean of all symbols' changes of the day, as far as they were seen."""
    changes: dict[Any, dict[str, float]] = {}

    def signal(bars: Bars) -> FloatArray:
        own = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
        for row in range(1, len(bars)):
            changes.setdefault(bars.open_time[row], {})[bars.symbol] = own[row]
        mean = [np.mean(list(changes.get(day, {"": 0.0}).values())) for day in bars.open_time]
        return np.tanh(100 * np.array(mean))

    return signal


def expands(bars: Bars) -> FloatArray:
    close = closes(bars)
    return np.sign(close - close.expanding().mean()).to_numpy()


def counts_rows(bars: Bars) -> FloatArray:
    return np.arange(len(bars)) % 2 * 1.0


def needs_more(bars: Bars) -> FloatArray:
    close = closes(bars)
    return np.sign(close - close.rolling(50, min_periods=1).mean()).to_numpy()


def fails_on_c(bars: Bars) -> FloatArray:
    return np.ones(len(bars)) / {"A": 1, "B": 1}[bars.symbol]


CHEATS = [
    (peeks_one_bar, Check.LOOKS_AHEAD, r"the bar 1 row later, as shift\(-1\)"),
    (shifts_back, Check.LOOKS_AHEAD, r"the bar 1 row later, as shift\(-1\)"),
    (shifts_back_three, Check.LOOKS_AHEAD, r"the bar 3 rows later, as shift\(-3\)"),
    (centres_its_window, Check.LOOKS_AHEAD, "up to 5 rows ahead: a centred window"),
    (uses_the_whole_mean, Check.LOOKS_AHEAD, "a mean, deviation, rank or percentile of the whole sample"),
    (uses_the_whole_percentile, Check.LOOKS_AHEAD, "percentile of the whole sample"),
    (fits_on_the_future, Check.LOOKS_AHEAD, "or a fit on all rows"),
    (labels_weeks_left, Check.LOOKS_AHEAD, "until their week is over.*label='left'"),
    (broadcasts_its_month, Check.LOOKS_AHEAD, "until their month is over"),
    (filters_both_ways, Check.LOOKS_AHEAD, "a filter that runs in both directions"),
    (fills_backwards, Check.LOOKS_AHEAD, "a backward fill"),
    (calls_in_turn, Check.UNSTABLE, "in a row on the same bars"),
    (first_seen, Check.UNSTABLE, "keeps something between calls"),
    (is_random, Check.UNSTABLE, "random numbers without a seed"),
    (draws_again, Check.WINDOW, "all rows since the first"),
    (changes_its_bars, Check.WRITES_INPUT, "copy an array"),
    (forgets_some, Check.NOT_A_NUMBER, "it must be a number"),
    (is_short, Check.LENGTH, "the shape"),
    (is_large, Check.OUT_OF_RANGE, "between -1 and 1"),
    (counts_symbols, Check.OTHER_SYMBOLS, r"signals\(panel\)"),
    (market_mean, Check.OTHER_SYMBOLS, r"after calls for other symbols"),
    (expands, Check.WINDOW, "an expanding statistic"),
    (counts_rows, Check.WINDOW, "a row's number"),
    (needs_more, Check.WINDOW, "raise history_bars to 60"),
    (fails_on_c, Check.RAISES, "raises KeyError: 'C'"),
]
FACTORIES = {calls_in_turn, first_seen, counts_symbols, market_mean}


@pytest.mark.parametrize(("cheat", "check", "words"), CHEATS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_cheat_is_refused_with_its_check(cheat: Signal, check: Check, words: str) -> None:
    signal = cheat() if cheat in FACTORIES else cheat
    audit = audited(per_symbol(signal))
    assert not audit.passed
    assert audit.faults[0].check is check, audit.faults
    assert all(fault.symbol in MARKET and fault.day is not None for fault in audit.faults)
    assert len({(fault.check, fault.symbol) for fault in audit.faults}) == len(audit.faults)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(audit.faults[0].message)


# --- honest strategies


def rolls(bars: Bars) -> FloatArray:
    close = closes(bars)
    score = (close - close.rolling(30).mean()) / close.rolling(30).std()
    return np.clip(score.to_numpy() / 3.0, -1.0, 1.0)


def weighs_exponentially(bars: Bars) -> FloatArray:
    """The weight before 300 rows is below 1e-24."""
    close = closes(bars)
    gap = close.ewm(span=10, adjust=False).mean() / close.ewm(span=20, adjust=False).mean() - 1
    return known(np.tanh(30 * gap.to_numpy()), 300)


def convolves(bars: Bars) -> FloatArray:
    close = bars.adjusted_close
    out = np.full(len(close), np.nan)
    out[29:] = np.sign(close[29:] - np.convolve(close, np.ones(30) / 30, "valid"))
    return out


def filters(bars: Bars) -> FloatArray:
    numerator, denominator = butter(2, 0.2)
    return known(np.tanh(20 * (lfilter(numerator, denominator, bars.adjusted_close) / bars.adjusted_close - 1)), 250)


def smooths(bars: Bars) -> FloatArray:
    """A least-squares filter whose last point stands at the end of its window."""
    weights = savgol_coeffs(21, 2, pos=20)
    return known(np.tanh(50 * (lfilter(weights, 1.0, bars.adjusted_close) / bars.adjusted_close - 1)))


def convolves_by_fourier(bars: Bars) -> FloatArray:
    mean = fftconvolve(bars.adjusted_close, np.ones(20) / 20)[: len(bars)]
    return known(np.tanh(20 * (mean / bars.adjusted_close - 1)))


def loops(bars: Bars) -> FloatArray:
    out = np.full(len(bars), np.nan)
    for row in range(29, len(bars)):
        out[row] = 1.0 if bars.close[row] >= max(bars.high[row - 29 : row]) else 0.0
    return out


def follows_its_weeks(bars: Bars) -> FloatArray:
    """A week's close is known from its Friday on."""
    close = closes(bars)
    mean = close.resample("W-FRI", label="right", closed="right").last().rolling(4).mean()
    return known(np.sign(close - mean.reindex(close.index, method="ffill")).to_numpy(), 60)


def relative_strength(bars: Bars) -> FloatArray:
    change = np.diff(bars.adjusted_close, prepend=bars.adjusted_close[0])
    rises = windowed(np.maximum(change, 0.0), 14).mean(axis=-1)
    falls = windowed(np.maximum(-change, 0.0), 14).mean(axis=-1)
    return np.clip((rises - falls) / np.maximum(rises + falls, 1e-12), -1.0, 1.0)


def windowed(values: FloatArray, bars: int) -> FloatArray:
    padded = np.concatenate([np.full(bars - 1, values[0]), values])
    return np.lib.stride_tricks.sliding_window_view(padded, bars)


def true_range(bars: Bars) -> FloatArray:
    before = np.concatenate([bars.close[:1], bars.close[:-1]])
    reach = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    mean = windowed(reach, 14).mean(axis=-1)
    return np.clip((bars.close - before) / mean, -1.0, 1.0)


def crosses_averages(bars: Bars) -> FloatArray:
    """Moving averages of convergence and divergence, started anew with each window."""
    close = closes(bars)
    line = close.ewm(span=12).mean() - close.ewm(span=26).mean()
    return known(np.tanh((line - line.ewm(span=9).mean()) / close * 100).to_numpy(), 350)


def bollinger(bars: Bars) -> FloatArray:
    window = windowed(bars.adjusted_close, 20)
    mean, deviation = window.mean(axis=-1), window.std(axis=-1)
    close = bars.adjusted_close
    return np.where(close > mean + 2 * deviation, -1.0, np.where(close < mean - 2 * deviation, 1.0, 0.0))


def donchian(bars: Bars) -> FloatArray:
    high, low = closes(bars).rolling(20).max(), closes(bars).rolling(20).min()
    return np.where(closes(bars) >= high, 1.0, np.where(closes(bars) <= low, -1.0, 0.0))


def kaufman(bars: Bars) -> FloatArray:
    """The efficiency of the last 20 rows, with the sign of their change."""
    window = windowed(bars.adjusted_close, 21)
    way = np.abs(np.diff(window, axis=-1)).sum(axis=-1)
    return (window[:, -1] - window[:, 0]) / np.maximum(way, 1e-12)


def stochastic(bars: Bars) -> FloatArray:
    high, low = windowed(bars.high, 14).max(axis=-1), windowed(bars.low, 14).min(axis=-1)
    return np.clip(2 * (bars.close - low) / np.maximum(high - low, 1e-12) - 1, -1.0, 1.0)


def weighs_volume(bars: Bars) -> FloatArray:
    volume = np.nan_to_num(bars.volume)
    window, weights = windowed(bars.adjusted_close, 20), windowed(volume, 20)
    mean = (window * weights).sum(axis=-1) / np.maximum(weights.sum(axis=-1), 1e-12)
    return np.where(weights.sum(axis=-1) > 0, np.sign(bars.adjusted_close - mean), 0.0)


def switches(bars: Bars) -> FloatArray:
    change = np.diff(np.log(bars.adjusted_close), prepend=np.log(bars.adjusted_close[0]))
    calm = windowed(change, 10).std(axis=-1) < windowed(change, 29).std(axis=-1)
    trend = np.sign(windowed(change, 20).sum(axis=-1))
    return np.where(calm, trend, -0.5 * trend)


def is_constant(bars: Bars) -> FloatArray:
    return np.full(len(bars), 0.25)


def waits(bars: Bars) -> FloatArray:
    """0 but after a fall that hardly ever comes."""
    return np.where(windowed(bars.adjusted_close, 5)[:, 0] > 1.2 * bars.adjusted_close, 1.0, 0.0)


def skips_mondays(bars: Bars) -> FloatArray:
    return np.where(pd.DatetimeIndex(bars.open_time).day_of_week == 0, 0.0, 1.0)


def works_on_copies(bars: Bars) -> FloatArray:
    close = bars.close.copy()
    close *= bars.factor
    return np.sign(close - np.concatenate([close[:1], close[:-1]]))


def keeps_what_it_computed() -> Signal:
    """A cache whose key is all that the value depends on."""
    cache: dict[bytes, FloatArray] = {}

    def signal(bars: Bars) -> FloatArray:
        key = bars.adjusted_close.tobytes()
        if key not in cache:
            cache[key] = convolves(bars)
        return cache[key]

    return signal


HONEST = [
    *(
        (signal, 30)
        for signal in (rolls, convolves, smooths, convolves_by_fourier, loops, relative_strength, true_range)
    ),
    *((signal, 30) for signal in (bollinger, donchian, kaufman, stochastic, weighs_volume, switches, is_constant)),
    *((signal, 30) for signal in (waits, skips_mondays, works_on_copies)),
    *((weighs_exponentially, 300), (filters, 250), (follows_its_weeks, 60), (crosses_averages, 350)),
]
#: Their whole history differs from their windows in the last digits.
IMPRECISE = {rolls, weighs_exponentially, convolves_by_fourier, crosses_averages}


@pytest.mark.parametrize(("signal", "history_bars"), HONEST, ids=lambda value: getattr(value, "__name__", ""))
def test_an_honest_strategy_passes(signal: Signal, history_bars: int) -> None:
    audit = audited(per_symbol(signal, history_bars), MARKET if history_bars < 100 else LONG_MARKET)
    assert audit.faults == ()
    assert audit.whole is (signal not in IMPRECISE)


def test_a_cache_of_what_was_computed_is_no_state() -> None:
    assert audited(per_symbol(keeps_what_it_computed())).passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    fast_bars: int = 5
    slow_bars: int = 20


def test_a_strategy_with_parameters_passes() -> None:
    def signal(bars: Bars, parameters: Speeds) -> FloatArray:
        fast, slow = (windowed(bars.close, each).mean(axis=-1) for each in (parameters.fast_bars, parameters.slow_bars))
        return np.sign(fast - slow)

    made = Strategy(name="mine", signal=signal, history_bars=20, parameters=Speeds(slow_bars=15), sizing="direct")
    assert audited(made).faults == ()


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_built_in_strategies_pass(name: str) -> None:
    audit = audited(BUILT_IN[name], LONG_MARKET)
    assert audit.faults == ()
    assert audit.whole
    assert audit.coverage.short == ()


def steps(symbol: str, seed: int, count: int) -> Bars:
    """Prices that stay where they are for weeks."""
    return replace(stock(symbol, seed, count), close=10.0 + 0.1 * (np.arange(count) // 40 % 3))


def test_a_sign_of_rounding_errors_is_refused_with_the_remedy() -> None:
    def gap(bars: Bars) -> FloatArray:
        """The distance of the newest rows from their mean, by a running sum."""
        total = np.concatenate([[0.0], np.cumsum(bars.close)])
        return np.append(np.zeros(29), bars.close[29:] - (total[30:] - total[:-30]) / 30)

    faults = audited(per_symbol(lambda bars: np.sign(gap(bars))), market(steps("A", 1, 200))).faults
    assert [fault.check for fault in faults] == [Check.WINDOW]
    assert "jumps there on rounding errors" in faults[0].message
    audit = audited(per_symbol(lambda bars: np.sign(np.round(gap(bars), 9))), market(steps("A", 1, 200)))
    assert audit.faults == ()


def test_dates_with_holes_are_no_fault() -> None:
    """A year is missing of A, and every third session of B."""
    whole = market(walk("A", 1, 600), walk("B", 2, 240))
    a, b = whole["A"], whole["B"]
    holed = market(
        a.without(a.open_time[150], a.open_time[515]),
        Bars(symbol="B", **{name: b[name][np.arange(240) % 3 > 0] for name in COLUMNS}),
    )
    for signal in (convolves, rolls, follows_its_weeks):
        assert audited(per_symbol(signal, 60), holed).faults == ()
    assert audited(across(ranks_symbols), holed).faults == ()


def test_a_symbol_without_enough_rows_has_nothing_to_audit() -> None:
    audit = audited(per_symbol(shifts_back, 150))
    assert audit.coverage.short == ("C",)
    assert (audit.coverage.symbols, audit.coverage.rows) == (2, 11 + 31)
    short = market(stock("A", 1, 29))
    audit = audited(per_symbol(shifts_back), short)
    assert audit.passed
    assert audit.coverage == Coverage(symbols=0, rows=0, cuts=0, windows=0, altered=0, short=("A",))
    assert audited(across(prefers_the_first), short).coverage.short == ("A",)


@pytest.mark.parametrize("rows", [30, 31, 33, 40])
def test_few_rows_are_looked_at_all(rows: int) -> None:
    bars = market(stock("A", 1, rows))
    assert audited(per_symbol(convolves), bars).faults == ()
    audit = audited(per_symbol(shifts_back), bars)
    assert audit.passed is (rows == 30)
    assert audit.coverage.cuts == audit.coverage.windows == rows - 29


def test_the_coverage_is_that_of_the_contract() -> None:
    """The last 8 rows and 56 drawn ones; about 500 windows; every row but the first ones is altered once."""
    bars, rows = market(stock("A", 1, 1500)), 1500 - 29
    calls: list[str] = []
    audit = audit_strategy(per_symbol(is_constant), bars, "0f5a", tick=calls.append)
    assert (audit.coverage.cuts, audit.coverage.rows, audit.coverage.altered) == (64, rows, 38)
    assert audit.coverage.windows == 500
    assert calls[0] == "A"
    assert len(calls) > 64 * 2 + audit.coverage.windows


def test_the_seed_decides_which_rows_are_looked_at() -> None:
    def looked_at(seed_text: str) -> list[int]:
        lengths: list[int] = []

        def signal(bars: Bars) -> FloatArray:
            lengths.append(len(bars))
            return np.zeros(len(bars))

        audit_strategy(per_symbol(signal), market(stock("A", 1, 300)), seed_text)
        return lengths

    assert looked_at("a") == looked_at("a")
    assert looked_at("a") != looked_at("b")
    assert set(range(293, 301)) <= set(looked_at("a"))


def test_faults_are_sorted_by_what_they_cost() -> None:
    def signal(bars: Bars) -> FloatArray:
        return {"A": is_short, "B": expands, "C": shifts_back}[bars.symbol](bars)

    checks = [(fault.check, fault.symbol) for fault in audited(per_symbol(signal)).faults]
    assert checks == [(Check.LOOKS_AHEAD, "C"), (Check.WINDOW, "B"), (Check.LENGTH, "A")]


def test_a_rule_may_leave_its_range_on_prices_that_never_were() -> None:
    top = {symbol: 1.05 * bars.close.max() for symbol, bars in MARKET.items()}
    assert audited(per_symbol(lambda bars: bars.close / top[bars.symbol])).faults == ()


def test_a_rule_may_refuse_prices_that_never_were() -> None:
    def signal(bars: Bars) -> FloatArray:
        if np.abs(np.diff(np.log(bars.close))).max() > 0.2:
            raise ValueError("bad prices")
        return convolves(bars)

    assert audited(per_symbol(signal)).faults == ()
    assert audited(per_symbol(lambda bars: signal(bars) + shifts_back(bars) / 2)).faults[0].check is Check.OUT_OF_RANGE
    ahead = audited(per_symbol(lambda bars: (signal(bars) + shifts_back(bars)) / 2)).faults
    assert ahead[0].check is Check.LOOKS_AHEAD


# --- panels


def change_of(panel: PricePanel, bars: int) -> FloatArray:
    """Each symbol's change over its last rows, over holidays with its last price."""
    close = pd.DataFrame(panel.adjusted_close).ffill(limit=5)
    return close.pct_change(bars, fill_method=None).to_numpy()


def ranks_symbols(panel: PricePanel) -> FloatArray:
    ranks = pd.DataFrame(change_of(panel, 20)).rank(axis=1, pct=True).to_numpy()
    return np.nan_to_num(2 * ranks - 1)


def departs_from_the_mean(panel: PricePanel) -> FloatArray:
    change = np.nan_to_num(change_of(panel, 10))
    return np.tanh(10 * (change - change.mean(axis=1, keepdims=True)))


def holds_the_best(panel: PricePanel) -> FloatArray:
    change = np.nan_to_num(change_of(panel, 20), nan=-1.0)
    return np.where(change == change.max(axis=1, keepdims=True), 1.0, 0.0)


@pytest.mark.parametrize("signals", [ranks_symbols, departs_from_the_mean, holds_the_best])
def test_an_honest_strategy_across_symbols_passes(signals: Signal) -> None:
    assert audited(across(signals)).faults == ()


def prefers_the_first(panel: PricePanel) -> FloatArray:
    return np.ones(panel.close.shape) / np.arange(1, panel.close.shape[1] + 1)


def ranks_of_tomorrow(panel: PricePanel) -> FloatArray:
    ranks = pd.DataFrame(change_of(panel, 20)).rank(axis=1, pct=True).shift(-1).to_numpy()
    return np.nan_to_num(2 * ranks - 1)


def ranks_of_the_sample(panel: PricePanel) -> FloatArray:
    change = np.nan_to_num(change_of(panel, 20))
    return np.tanh((change - change.mean(axis=0)) / (change.std(axis=0) + 1e-9))


@pytest.mark.parametrize(
    ("signals", "check", "words"),
    [
        (prefers_the_first, Check.OTHER_SYMBOLS, "symbols in another order"),
        (ranks_of_tomorrow, Check.LOOKS_AHEAD, r"shift\(-1\)"),
        (ranks_of_the_sample, Check.LOOKS_AHEAD, "the whole sample"),
        (lambda panel: np.zeros(len(panel)), Check.LENGTH, "the shape"),
        (lambda panel: panel.nothing, Check.RAISES, "AttributeError"),
    ],
)
def test_a_cheat_across_symbols_is_refused(signals: Signal, check: Check, words: str) -> None:
    faults = audited(across(signals)).faults
    assert [fault.check for fault in faults] == [check]
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(faults[0].message)
