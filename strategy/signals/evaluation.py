"""Evaluation of a strategy: the value of a row is the last one on exactly the `history_bars` rows that end at it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from inspect import unwrap
from traceback import extract_tb
from types import CodeType
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from strategy.exit_codes import UsageError
from strategy.market.bars import COLUMNS, Bars, FloatArray
from strategy.market.price_panel import PricePanel, price_panel
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.strategies import Evaluated, Strategy

#: Windows of a symbol on which one call on the whole history must give the same bits before it may stand for all.
PROBED_WINDOWS = 500
#: A call on the whole history that differs by no more than this is only imprecise: then every window is called alone.
IMPRECISION = 1e-9
#: Up to so many rows are evaluated window by window without a call on the whole history.
FEW_ROWS = 64
#: Characters of an exception's message that are shown.
MOST_SAID = 300

#: Called before each call of the strategy, with the symbol; a process of its own reports progress there.
Tick = Callable[[str], None]
Known = TypeVar("Known", bound=Bars | PricePanel)


def silent(symbol: str) -> None:
    """Report nothing."""


def evaluate(
    strategy: Strategy, bars: Mapping[str, Bars], since: np.datetime64 | None = None, tick: Tick = silent
) -> Evaluated:
    """Return the strategy's signals at every row of every symbol, by its runner if it has one.

    With `since`, rows before each symbol's newest row dated at most `since` may be NaN. Raises UsageError for bars
    without a column that it declares.
    """
    seen = {symbol: _declared(strategy, series) for symbol, series in bars.items()}
    if strategy.runner is not None:
        return strategy.runner.evaluate(seen, since, exact=strategy.exact)
    return evaluate_here(strategy, seen, since, tick)


def _declared(strategy: Strategy, bars: Bars) -> Bars:
    """Return the bars with no other columns than the strategy declares. Raises UsageError if they lack one."""
    if strategy.columns.keys() == bars.columns.keys():
        return bars
    missing = [name for name in strategy.columns if name not in bars.columns]
    if missing:
        raise UsageError(
            f"strategy {strategy.name} reads the columns {', '.join(strategy.columns)}, and these bars of "
            f"{bars.symbol} have no {', '.join(missing)}; only a file: source can have columns beside its bars"
        )
    return replace(bars, columns={name: bars.columns[name] for name in strategy.columns})


def evaluate_here(
    strategy: Strategy, bars: Mapping[str, Bars], since: np.datetime64 | None = None, tick: Tick = silent
) -> Evaluated:
    """Return the strategy's signals as `evaluate` does, in this process."""
    if strategy.signals is not None:
        return _across(strategy, bars, since, tick)
    signals: dict[str, FloatArray] = {}
    faults: dict[str, Fault] = {}
    for symbol, series in bars.items():
        tick(symbol)
        try:
            signals[symbol] = strategy.values(series) if strategy.trusted else rows_of(strategy, series, since)
        except CallFailed as failed:
            faults[symbol] = failed.at(symbol, failed.fault.day)
            signals[symbol] = np.full(len(series), np.nan)
    return Evaluated(signals=signals, faults=faults)


def _across(strategy: Strategy, bars: Mapping[str, Bars], since: np.datetime64 | None, tick: Tick) -> Evaluated:
    """Return the signals of a strategy across symbols: each symbol's at its own rows; one fault is that of all."""
    panel = price_panel(bars)
    tick(", ".join(panel.symbols))
    try:
        values = strategy.values(panel) if strategy.trusted else rows_of(strategy, panel, since)
    except CallFailed as failed:
        faults = {symbol: failed.at(symbol, failed.fault.day) for symbol in bars}
        return Evaluated(signals={symbol: np.full(len(bars[symbol]), np.nan) for symbol in bars}, faults=faults)
    signals = {
        symbol: values[np.searchsorted(panel.open_time, bars[symbol].open_time), column]
        for column, symbol in enumerate(panel.symbols)
    }
    return Evaluated(signals=signals, faults={})


def rows_of(strategy: Strategy, known: Bars | PricePanel, since: np.datetime64 | None = None) -> FloatArray:
    """Return the values of every row from the newest one dated at most `since` on, NaN before and while warming up.

    One call on the whole history stands for the windows of an `exact` strategy, or if it equals PROBED_WINDOWS of them
    to the bit; if it equals them to IMPRECISION, every window is called alone. Raises CallFailed if it differs by more,
    or a call fails.
    """
    first = strategy.history_bars - 1
    if since is not None:
        first = max(first, int(np.searchsorted(known.open_time, since, side="right")) - 1)
    rows = np.arange(first, len(known))
    if len(rows) <= FEW_ROWS:
        return _at(known, rows, windows(strategy, known, rows))
    whole = call(strategy, known)
    if strategy.exact:
        return _at(known, rows, whole[rows])
    probed = rows[np.unique(np.linspace(0, len(rows) - 1, PROBED_WINDOWS).astype(int))]
    alone = windows(strategy, known, probed)
    worst = _difference(strategy, known, probed, whole[probed], alone)
    if worst == 0.0:
        return _at(known, rows, whole[rows])
    return _at(known, rows, windows(strategy, known, rows))


def _difference(
    strategy: Strategy, known: Bars | PricePanel, rows: NDArray[np.int64], whole: FloatArray, alone: FloatArray
) -> float:
    """Return the largest difference between whole history and windows; raise CallFailed above IMPRECISION."""
    gap = np.abs(whole - alone)
    gap[np.isnan(whole) & np.isnan(alone)] = 0.0
    gap[np.isnan(gap)] = np.inf
    by_row = gap.reshape(len(rows), -1).max(axis=1) if len(rows) else np.zeros(1)
    worst = int(np.argmax(by_row))
    if by_row[worst] > IMPRECISION:
        column = int(np.argmax(gap.reshape(len(rows), -1)[worst]))
        values = [float(each.reshape(len(rows), -1)[worst, column]) for each in (whole, alone)]
        raise failed_call(
            Check.WINDOW,
            strategy,
            f"returns {values[0]!r} on the whole history and {values[1]!r} on the {strategy.history_bars} rows that "
            "end there; raise history_bars, or use no more rows than it says; `turbodmt audit lookahead` tells whether "
            "it uses later rows",
            known,
            int(rows[worst]),
        )
    return float(by_row[worst])


def _at(known: Bars | PricePanel, rows: NDArray[np.int64], values: FloatArray) -> FloatArray:
    result = np.full(known.close.shape, np.nan)
    result[rows] = values
    return result


def windows(strategy: Strategy, known: Bars | PricePanel, rows: NDArray[np.int64]) -> FloatArray:
    """Return the value of each of the rows, (N,) or (N, S): the last one on the `history_bars` rows that end there.

    Every row must have so many rows up to it. Raises CallFailed.
    """
    found = [call(strategy, known.rows(row + 1 - strategy.history_bars, row + 1))[-1] for row in rows.tolist()]
    return np.array(found).reshape(len(rows), *known.close.shape[1:])


def call(strategy: Strategy, known: Bars | PricePanel) -> FloatArray:
    """Return what the strategy returns for these rows, (T,) or (T, S), checked. Raises CallFailed."""
    values = returned(strategy, known)
    undefined = ~np.isfinite(values) & _warm(known, strategy.history_bars)
    if undefined.any():
        row = _first(undefined)
        raise failed_call(
            Check.NOT_A_NUMBER,
            strategy,
            f"is {_first_value(values, undefined)!r} in row {row} of {len(known)}, counted from 0; from row "
            f"{strategy.history_bars - 1} on, as history_bars={strategy.history_bars} says, it must be a number",
            known,
            row,
        )
    beyond = np.abs(np.nan_to_num(values)) > 1.0
    if beyond.any():
        row = _first(beyond)
        value = _first_value(values, beyond)
        raise failed_call(Check.OUT_OF_RANGE, strategy, f"is {value!r}; a signal lies between -1 and 1", known, row)
    return values


def returned(strategy: Strategy, known: Bars | PricePanel) -> FloatArray:
    """Return what the strategy returns for these rows, (T,) or (T, S), of any value.

    It is given read-only copies: a slice would let it write to our bars, and reach through `base` for later ones.
    Raises CallFailed if it raises, or for a wrong shape.
    """
    try:
        values = np.array(strategy.values(sealed(known)), dtype=np.float64)
    except CallFailed:
        raise
    except Exception as error:
        raise CallFailed(*_raised(strategy, error)) from error
    if values.shape != known.close.shape:
        raise failed_call(
            Check.LENGTH, strategy, f"returns the shape {values.shape}; it must be {known.close.shape}", known
        )
    return values


def sealed(known: Known) -> Known:
    """Return a copy of the bars or panel that nobody can write to."""
    columns: dict[str, Any] = {name: _read_only(getattr(known, name)) for name in COLUMNS}
    return replace(known, **columns, columns={name: _read_only(values) for name, values in known.columns.items()})


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    copied = values.copy()
    copied.setflags(write=False)
    # The owner of an array may make it writeable again, a view of it may not.
    return copied.view()


def _warm(bars: Bars | PricePanel, history_bars: int) -> NDArray[np.bool_]:
    """Return which values must be numbers: those whose `history_bars` rows all have a close and all own columns."""
    there = np.isfinite(bars.close)
    for values in bars.columns.values():
        there &= np.isfinite(values)
    known = np.cumsum(there, axis=0)
    result = np.zeros(known.shape, dtype=np.bool_)
    if len(known) >= history_bars:
        before = np.concatenate([np.zeros((1, *known.shape[1:]), dtype=known.dtype), known[:-history_bars]])
        result[history_bars - 1 :] = known[history_bars - 1 :] - before == history_bars
    return result


def _first(marked: NDArray[np.bool_]) -> int:
    return int(np.argmax(marked.reshape(len(marked), -1).any(axis=1)))


def _first_value(values: FloatArray, marked: NDArray[np.bool_]) -> float:
    return float(values[marked][0])


def _raised(strategy: Strategy, error: Exception) -> tuple[Check, str]:
    """Return the check and the words for an exception of the strategy's code, with the line of its own file."""
    code = _code(strategy)
    files = {strategy.origin, code.co_filename if code is not None else ""}
    frames = [frame for frame in extract_tb(error.__traceback__) if frame.filename in files]
    line = f"line {frames[-1].lineno if frames else _line(strategy)}: "
    if isinstance(error, ValueError) and "read-only" in str(error):
        return Check.WRITES_INPUT, f"{_name(strategy)}, {line}writes to its input; copy an array before changing it"
    # One sentence, whatever a library has to say.
    said = " ".join(str(error).split())[:MOST_SAID]
    return Check.RAISES, f"{_name(strategy)}, {line}raises {type(error).__name__}: {said}"


def failed_call(
    check: Check, strategy: Strategy, what: str, known: Bars | PricePanel, row: int | None = None
) -> CallFailed:
    """Return the failure "FILE, line N: the signal WHAT", dated as the row of the bars."""
    failed = CallFailed(check, f"{_name(strategy)}, line {_line(strategy)}: the signal {what}")
    if row is not None:
        day: date = known.open_time[row].astype("datetime64[D]").item()
        failed.fault = failed.at("", day)
    return failed


def _name(strategy: Strategy) -> str:
    return strategy.origin or strategy.name


def _code(strategy: Strategy) -> CodeType | None:
    """Return the code of the strategy's function itself: not of one wrapped around it, and that of a callable value."""
    function: object = strategy.signal or strategy.signals
    while isinstance(function, partial) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, partial) else unwrap(cast(Callable[..., object], function))
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _line(strategy: Strategy) -> int:
    code = _code(strategy)
    return code.co_firstlineno if code is not None else 1
