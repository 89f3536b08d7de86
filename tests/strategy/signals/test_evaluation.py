"""A value of a strategy is the last one on exactly its look-back, whatever it is computed from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Calendar
from strategy.market.price_panel import PricePanel
from strategy.signals.evaluation import evaluate, rows_of
from strategy.signals.faults import CallFailed, Check, StrategyRefused
from strategy.signals.outlook import signals_with_faults, symbol_signals
from strategy.signals.strategies import Strategy
from testing.markets.panels import market, stock, walk

BARS = walk("A", 1, 900)


def trend(bars: Bars) -> FloatArray:
    mean = np.convolve(bars.adjusted_close, np.ones(20) / 20, "valid")
    out = np.full(len(bars), np.nan)
    out[19:] = np.sign(bars.adjusted_close[19:] - mean)
    return out


def z_score(bars: Bars) -> FloatArray:
    close = pd.Series(bars.adjusted_close)
    score = (close - close.rolling(20).mean()) / close.rolling(20).std()
    return np.clip(score.to_numpy() / 5.0, -1.0, 1.0)


def made(signal: Callable[..., FloatArray], history_bars: int = 20) -> Strategy:
    return Strategy(name="mine", signal=signal, history_bars=history_bars)


def alone(strategy: Strategy, bars: Bars) -> FloatArray:
    """The definition, row by row."""
    rows = range(strategy.history_bars - 1, len(bars))
    values = [strategy.values(bars.rows(row + 1 - strategy.history_bars, row + 1))[-1] for row in rows]
    return np.array([*[np.nan] * (strategy.history_bars - 1), *values])


@pytest.mark.parametrize("signal", [trend, z_score])
def test_every_row_is_the_last_value_on_its_own_window(signal: Callable[..., FloatArray]) -> None:
    strategy = made(signal)
    assert rows_of(strategy, BARS) == pytest.approx(alone(strategy, BARS), abs=0, nan_ok=True)


def test_an_imprecise_whole_history_gives_way_to_the_windows() -> None:
    """Sums that run on carry their rounding error along."""
    strategy = made(z_score)
    whole, windows = z_score(BARS)[19:], alone(strategy, BARS)[19:]
    assert 0.0 < np.abs(whole - windows).max() < 1e-9
    assert np.array_equal(rows_of(strategy, BARS)[19:], windows)


def test_a_day_alone_has_the_bits_of_the_whole() -> None:
    for signal in (trend, z_score):
        strategy = made(signal)
        every = rows_of(strategy, BARS)
        for row in (40, 500, 899):
            known = BARS.rows(row - 30, row + 1)
            assert rows_of(strategy, known, since=known.open_time[-1])[-1] == every[row]


def test_the_first_rows_are_unknown_even_if_the_strategy_claims_to_know() -> None:
    strategy = made(lambda bars: np.ones(len(bars)), 30)
    assert np.isnan(rows_of(strategy, BARS)[:29]).all()
    assert np.isnan(rows_of(strategy, BARS.rows(0, 29))).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    fast: int = 5


def test_parameters_are_passed_on() -> None:
    def signal(bars: Bars, parameters: Speeds) -> FloatArray:
        return np.full(len(bars), parameters.fast / 10)

    strategy = Strategy(name="mine", signal=signal, history_bars=1, parameters=Speeds(fast=7))
    assert rows_of(strategy, BARS)[-1] == 0.7


# --- faults


def peeks(bars: Bars) -> FloatArray:
    return np.sign(np.append(np.diff(bars.close), 0.0))


def ranks(bars: Bars) -> FloatArray:
    return np.tanh((bars.close - bars.close.mean()) / bars.close.std())


def writes(bars: Bars) -> FloatArray:
    bars.close[:] = 1.0
    return bars.close


def undefined(bars: Bars) -> FloatArray:
    return np.full(len(bars), np.nan)


@pytest.mark.parametrize(
    ("signal", "check", "words"),
    [
        (peeks, Check.WINDOW, "raise history_bars"),
        (ranks, Check.WINDOW, "raise history_bars"),
        (undefined, Check.NOT_A_NUMBER, "is nan in row 19 of .*, counted from 0; from row 19 on, as history_bars=20"),
        (lambda bars: bars.close, Check.OUT_OF_RANGE, "between -1 and 1"),
        (lambda bars: bars.close[1:] * 0, Check.LENGTH, "it must be"),
        (lambda bars: bars.nothing, Check.RAISES, "AttributeError"),
        (lambda bars: "long", Check.RAISES, "could not convert"),
    ],
)
def test_a_fault_names_check_file_and_line(signal: Callable[..., FloatArray], check: Check, words: str) -> None:
    with pytest.raises(CallFailed, match=words) as failed:
        rows_of(made(signal), BARS)
    assert failed.value.fault.check is check
    assert "line " in failed.value.fault.message


def test_a_value_that_comes_one_row_late_is_named_by_its_row() -> None:
    """A file that says out[20:] where history_bars=20 makes row 19 known, as rows are counted from 0."""

    def late(bars: Bars) -> FloatArray:
        out = np.full(len(bars), np.nan)
        out[20:] = 0.5
        return out

    with pytest.raises(CallFailed, match=r"in row 19 of .*; from row 19 on"):
        rows_of(made(late), BARS)


def test_bars_cannot_be_written_to() -> None:
    kept = BARS.close.copy()
    with pytest.raises(CallFailed, match="writes to its input; copy") as failed:
        rows_of(made(writes), BARS)
    assert failed.value.fault.check is Check.WRITES_INPUT
    assert np.array_equal(BARS.close, kept)


def unlocks(bars: Bars) -> FloatArray:
    bars.close.setflags(write=True)
    return np.zeros(len(bars))


def test_bars_cannot_be_made_writeable() -> None:
    with pytest.raises(CallFailed, match="WRITEABLE"):
        rows_of(made(unlocks), BARS)


def test_a_window_does_not_lead_to_later_bars() -> None:
    """A slice of an array keeps all of it."""

    def signal(bars: Bars) -> FloatArray:
        whole = bars.close if bars.close.base is None else bars.close.base
        return np.full(len(bars), 1.0 if len(whole) > len(bars) else 0.0)

    assert rows_of(made(signal), BARS.rows(0, 60))[19:].max() == 0.0


def test_a_fault_refuses_or_holds_the_symbol_alone() -> None:
    bars = market(walk("A", 1, 200), walk("B", 2, 200))

    def signal(bars: Bars) -> FloatArray:
        return np.ones(len(bars)) if bars.symbol == "A" else undefined(bars)

    calendars = dict.fromkeys(bars, Calendar.ALWAYS)
    with pytest.raises(StrategyRefused, match=r"strategy mine is refused \(not_a_number\): B 20"):
        symbol_signals(bars, calendars, made(signal))
    seen = signals_with_faults(bars, calendars, made(signal))
    assert seen["A"].fault is None
    assert seen["A"].signal[-1] == 1.0
    assert seen["B"].fault is not None
    assert seen["B"].fault.symbol == "B"
    assert np.isnan(seen["B"].signal).all()


# --- across symbols


def strongest(panel: PricePanel) -> FloatArray:
    """Long the symbol that rose most over ten rows, NaN where a close is missing."""
    change = np.full(panel.close.shape, np.nan)
    change[10:] = panel.close[10:] / panel.close[:-10] - 1
    best = np.nanmax(np.where(np.isfinite(change), change, -np.inf), axis=1, keepdims=True)
    return np.where(np.isfinite(change), (change == best).astype(float), np.nan)


def test_a_strategy_across_symbols_sees_them_side_by_side() -> None:
    bars = market(walk("A", 1, 200), walk("B", 2, 200), walk("C", 3, 200))
    strategy = Strategy(name="mine", signals=strongest, history_bars=11)
    found = evaluate(strategy, bars)
    assert found.faults == {}
    values = np.stack([found.signals[symbol] for symbol in sorted(bars)], axis=1)
    assert (values[10:].sum(axis=1) == 1.0).all()
    assert np.isnan(values[:10]).all()


def test_a_symbol_without_a_session_has_no_row_and_the_others_go_on() -> None:
    bars = market(walk("A", 1, 200), stock("S", 2, 100))
    strategy = Strategy(name="mine", signals=lambda panel: np.nan_to_num(panel.close * 0.0), history_bars=3)
    found = evaluate(strategy, bars)
    assert {symbol: len(values) for symbol, values in found.signals.items()} == {"A": 200, "S": 100}
    assert (found.signals["S"][3:] == 0.0).all()
