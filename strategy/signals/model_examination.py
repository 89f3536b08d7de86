"""Examination of a model before it may be judged: signals computed again, in another order and on other bars."""

from collections.abc import Callable, Mapping
from datetime import date
from hashlib import sha256

import numpy as np

from strategy.market.altered_bars import another_future
from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.signals.evaluation import IMPRECISION
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.fitted_model import CalledElsewhere, FittedModel, called

#: Dates whose signals are computed again, NEWEST of them the newest ones, the rest drawn.
DATES, NEWEST = 64, 8
#: Dates after which later bars are missing, or are others.
CUTS = 16
#: Rows beyond the history of a signal on which all of this happens.
STRETCH_BARS = 504


def examined(
    fitted: FittedModel, bars: Mapping[str, Bars], seed_text: str, anew: Callable[[], FittedModel]
) -> Fault | None:
    """Return the first fault of a model's signals on the newest bars of the symbols; None if there is none.

    A signal may depend on nothing but its own bars: computed in a drawn order by a model that `anew` reads from its
    arrays, it must be the same to the bit. And where the model gives a number for an earlier row, later bars may not
    change it, although only its newest row is traded: what it was fitted on was computed in the same way.
    `seed_text` decides which dates are looked at.
    """
    if isinstance(fitted.model, CalledElsewhere):
        return fitted.model.examined(bars, seed_text)
    draw = np.random.default_rng(int.from_bytes(sha256(seed_text.encode()).digest()))
    stretch = _newest(bars, fitted.history_bars + STRETCH_BARS)
    dates = _dates(stretch, fitted.history_bars)
    return _kept_state(fitted, stretch, _drawn(dates, DATES, draw), draw, anew) or _look_ahead(
        fitted, stretch, _drawn(dates[:-1], CUTS, draw), draw
    )


def _newest(bars: Mapping[str, Bars], count: int) -> dict[str, Bars]:
    """Return the bars since the date from which `count` dates are left."""
    dates = _all_dates(bars)
    first = dates[max(0, len(dates) - count)] if len(dates) else None
    since = {symbol: int(np.searchsorted(series.open_time, first)) if first else 0 for symbol, series in bars.items()}
    known = {symbol: series.rows(since[symbol], len(series)) for symbol, series in sorted(bars.items())}
    return {symbol: series for symbol, series in known.items() if len(series)}


def _all_dates(bars: Mapping[str, Bars]) -> TimeArray:
    times = [series.open_time for series in bars.values()]
    return np.unique(np.concatenate(times)) if times else np.empty(0, dtype="M8[us]")


def _dates(bars: Mapping[str, Bars], history_bars: int) -> TimeArray:
    """Return the dates on which a symbol has a row and history enough for a signal."""
    return _all_dates({symbol: series.rows(history_bars - 1, len(series)) for symbol, series in bars.items()})


def _drawn(dates: TimeArray, count: int, draw: np.random.Generator) -> TimeArray:
    earlier, newest = dates[:-NEWEST], dates[-NEWEST:]
    return np.sort(np.concatenate([draw.permutation(earlier)[: count - NEWEST], newest]))


def _kept_state(
    fitted: FittedModel,
    bars: Mapping[str, Bars],
    dates: TimeArray,
    draw: np.random.Generator,
    anew: Callable[[], FittedModel],
) -> Fault | None:
    """Return the fault of the first signal that breaks a rule or is another one when it is computed again."""
    wanted = {
        day: [symbol for symbol, series in bars.items() if _has_signal(series, day, fitted.history_bars)]
        for day in dates
    }
    told, read = fitted.newest(bars, wanted), anew()
    for day in draw.permutation(dates):
        past = {symbol: series.until(day) for symbol, series in bars.items()}
        again = read.newest(past, {day: wanted[day]})[day]
        for symbol, value in told[day].items():
            other = again[symbol]
            if isinstance(value, Fault):
                return value
            if isinstance(other, Fault):
                return other
            if value != other:
                return Fault(
                    check=Check.UNSTABLE,
                    message=f"its signal is {value!r}, and {other!r} when it is computed again in another order: it "
                    "keeps something outside its arrays, reads a clock, or draws random numbers without a seed",
                    symbol=symbol,
                    day=_date(day),
                )
    return None


def _has_signal(series: Bars, day: np.datetime64, history_bars: int) -> bool:
    row = int(np.searchsorted(series.open_time, day))
    return history_bars - 1 <= row < len(series) and bool(series.open_time[row] == day)


def _look_ahead(
    fitted: FittedModel, bars: Mapping[str, Bars], cuts: TimeArray, draw: np.random.Generator
) -> Fault | None:
    """Return the fault of the first row whose signal changes with later bars; None if none does.

    A call that raises, or that returns no row of these lengths, shows nothing: what is traded are windows.
    """
    whole = _signals(fitted, bars)
    for day in cuts:
        retold = {
            "end there": {symbol: series.until(day) for symbol, series in bars.items()},
            "differ after it": {symbol: _other(series, day, draw) for symbol, series in bars.items()},
        }
        for words, known in retold.items():
            signals = _signals(fitted, {symbol: series for symbol, series in known.items() if len(series)})
            for symbol in sorted(whole.keys() & signals.keys()):
                stop = int(np.searchsorted(bars[symbol].open_time, day, side="right"))
                rows = slice(fitted.history_bars - 1, stop)
                gap = np.abs(whole[symbol][rows] - signals[symbol][rows])
                # A row without a number claims nothing.
                far = np.flatnonzero(np.nan_to_num(gap, nan=0.0, posinf=np.inf) > IMPRECISION)
                if len(far):
                    row = fitted.history_bars - 1 + int(far[-1])
                    return _peeks((bars[symbol], row), (whole[symbol][row], signals[symbol][row]), day, words)
    return None


def _other(series: Bars, day: np.datetime64, draw: np.random.Generator) -> Bars:
    altered = another_future(series, int(np.searchsorted(series.open_time, day, side="right")) - 1, draw)
    assert isinstance(altered, Bars), "bars stay bars"
    return altered


def _signals(fitted: FittedModel, bars: Mapping[str, Bars]) -> dict[str, FloatArray]:
    try:
        found = called(fitted.model, bars)
    except CallFailed:
        return {}
    shapes = {symbol: (len(series),) for symbol, series in bars.items()}
    return {symbol: values for symbol, values in found.items() if values.shape == shapes.get(symbol)}


def _peeks(at: tuple[Bars, int], values: tuple[float, float], cut: np.datetime64, words: str) -> Fault:
    bars, row = at
    day = _date(bars.open_time[row])
    return Fault(
        check=Check.LOOKS_AHEAD,
        message=f"its signal of that day is {float(values[0])!r} on all bars and {float(values[1])!r} on bars that "
        f"{words}, {_date(cut)}; a row may use rows up to its own only, so look for shift(-n), a centred window, or a "
        "mean of the whole sample",
        symbol=bars.symbol,
        day=day,
    )


def _date(day: np.datetime64) -> date:
    found: date = day.astype("M8[D]").item()
    return found
