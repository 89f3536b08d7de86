"""Signals of every strategy, with regime, volatility and returns, estimated from each symbol's bars."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.market.instruments import Calendar
from strategy.signals.evaluation import evaluate
from strategy.signals.faults import Fault, StrategyRefused
from strategy.signals.forecaster import Forecaster
from strategy.signals.har import Ranges, VolatilityEstimator
from strategy.signals.network_inputs import bars_behind
from strategy.signals.regime import regime_bars, regimes
from strategy.signals.rolling import annual_volatility, change
from strategy.signals.sleeves import first_row, nominal_weights, rows_before, weighed
from strategy.signals.strategies import Strategy, sizing_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SymbolSignals:
    """One symbol's estimates by row; each array is (T,), NaN before its warm-up ends.

    `signal` in [-1, 1], `regime` indexes REGIMES, `volatility` is that of the closes, annualised by the symbol's
    calendar, `change` is the return of the adjusted close; `ranges` give HAR's volatility. Row t uses rows up to t
    only. A symbol with a `fault` of its strategy has no signal. `sleeves` are the signals of each sleeve of an account
    that runs several strategies; then `signal` is their weighted sum, each of the same weight if they have none.
    """

    symbol: str
    open_time: TimeArray
    signal: FloatArray
    regime: NDArray[np.int64]
    confidence: FloatArray
    volatility: FloatArray
    change: FloatArray
    ranges: Ranges | None = None
    fault: Fault | None = None
    sleeves: tuple[FloatArray, ...] = ()


def history_bars(
    strategy: Strategy,
    model: Forecaster | None = None,
    estimator: VolatilityEstimator = VolatilityEstimator.EWMA,
) -> int:
    """Return how many closes a decision depends on: the warm-up, and the bare window that a daily run loads."""
    return _estimated_from(strategy, model, estimator) + rows_before(strategy)


def _estimated_from(strategy: Strategy, model: Forecaster | None, estimator: VolatilityEstimator) -> int:
    """Return on how many closes the estimates of one row depend."""
    own = max(strategy.history_bars, model.history_bars if model else 0)
    sized_by = estimator if sizing_of(strategy).needs_volatility else VolatilityEstimator.EWMA
    return max(own, sized_by.history_bars, regime_bars())


def warm_up_bars(strategy: Strategy) -> int:
    """Return how many closes a symbol must have before the strategy may trade it."""
    if not sizing_of(strategy).needs_volatility:
        return strategy.history_bars
    return _estimated_from(strategy, None, VolatilityEstimator.EWMA)


def look_back(
    newest: Callable[[int], Mapping[str, Bars]],
    strategy: Strategy,
    model: Forecaster | None,
    estimator: VolatilityEstimator,
) -> Mapping[str, Bars]:
    """Return the bars that a decision depends on: each symbol's own look-back, and other symbols' bars on its dates.

    `newest(n)` returns the newest `n` bars of every symbol up to the day of the decision. A model and a strategy across
    symbols may also read the other symbols on the dates of their own context: if those trade more often, more of their
    bars are needed.
    """
    own = newest(history_bars(strategy, model, estimator))
    if (model is None and not strategy.across) or len(own) < 2:
        return own
    times = {symbol: series.open_time for symbol, series in own.items()}
    rows = strategy.history_bars + rows_before(strategy)
    needed = model.look_back_bars(times) if model else bars_behind(times, rows)
    return newest(max(history_bars(strategy, model, estimator), needed))


def symbol_signals(
    bars: Mapping[str, Bars],
    calendars: Mapping[str, Calendar],
    strategy: Strategy,
    model: Forecaster | None = None,
    since: np.datetime64 | None = None,
) -> dict[str, SymbolSignals]:
    """Return the signals of every symbol at every row of its raw bars; estimates use adjusted prices.

    With `since`, rows before each symbol's newest row dated at most `since` may be NaN. Raises StrategyRefused for a
    fault of the strategy.
    """
    seen = signals_with_faults(bars, calendars, strategy, model, since)
    for signals in seen.values():
        if signals.fault is not None:
            raise StrategyRefused(strategy.name, signals.fault)
    return seen


def signals_with_faults(
    bars: Mapping[str, Bars],
    calendars: Mapping[str, Calendar],
    strategy: Strategy,
    model: Forecaster | None = None,
    since: np.datetime64 | None = None,
) -> dict[str, SymbolSignals]:
    """Return what `symbol_signals` does, but a faulty symbol with its fault and without a signal."""
    if strategy.sleeves:
        return _of_sleeves(bars, calendars, strategy, since)
    forecasts = model.forecast(bars, since) if model and strategy.learner else {}
    found = evaluate(strategy, {symbol: series for symbol, series in bars.items() if symbol not in forecasts}, since)
    signals = {**found.signals, **forecasts}
    return {
        symbol: _outlook(series, calendars[symbol], signals[symbol], found.faults.get(symbol))
        for symbol, series in bars.items()
    }


def _of_sleeves(
    bars: Mapping[str, Bars], calendars: Mapping[str, Calendar], strategy: Strategy, since: np.datetime64 | None
) -> dict[str, SymbolSignals]:
    """Return the signals of an account's sleeves; a fault of one sleeve is that of the symbol."""
    found = [evaluate(part, bars, first_row(strategy, bars, since)) for part in strategy.parts]
    weights = nominal_weights(strategy)
    seen = {}
    for symbol, series in bars.items():
        own = tuple(each.signals[symbol] for each in found)
        fault = next((each.faults[symbol] for each in found if symbol in each.faults), None)
        outlook = _outlook(series, calendars[symbol], weighed(weights, own), fault)
        seen[symbol] = replace(outlook, sleeves=own)
    return seen


def _outlook(bars: Bars, calendar: Calendar, signal: FloatArray, fault: Fault | None) -> SymbolSignals:
    close = bars.adjusted_close
    path = regimes(close)
    return SymbolSignals(
        symbol=bars.symbol,
        open_time=bars.open_time,
        signal=signal,
        regime=path.code,
        confidence=path.confidence,
        volatility=annual_volatility(close, calendar.days_per_year),
        change=change(close, 1),
        ranges=Ranges(bars),
        fault=fault,
    )


def no_outlook(symbol: str) -> SymbolSignals:
    """Return the signals of a symbol that has no bar yet: no rows."""
    empty = np.empty(0)
    return SymbolSignals(
        symbol=symbol,
        open_time=np.empty(0, dtype="datetime64[us]"),
        signal=empty,
        regime=np.empty(0, dtype=np.int64),
        confidence=empty,
        volatility=empty,
        change=empty,
    )
