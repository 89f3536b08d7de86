"""Calls of a signal under audit, and the differences between what two calls return for the same rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from strategy.market.altered_bars import Known
from strategy.market.bars import Bars, FloatArray
from strategy.signals.evaluation import IMPRECISION, Tick, call, failed_call, returned
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.strategies import Strategy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalCalls:
    """Calls of a strategy on parts of one symbol's bars, or of one panel.

    Each raises CallFailed, with symbol and date, if the strategy's code fails.
    """

    strategy: Strategy
    known: Known
    tick: Tick

    @property
    def label(self) -> str:
        """Return the symbol, or the symbols of the panel."""
        return self.known.symbol if isinstance(self.known, Bars) else ", ".join(self.known.symbols)

    @property
    def first(self) -> int:
        """Return the first row that has a value by definition."""
        return self.strategy.history_bars - 1

    def of(self, known: Known) -> FloatArray:
        """Return the values on real bars of the symbol, (T,) or (T, S), which must be numbers between -1 and 1."""
        return self._of(known, call)

    def of_altered(self, known: Known) -> FloatArray | None:
        """Return the values on altered bars, (T,) or (T, S); None if the signal raises, which shows nothing.

        A rule may leave its range, or refuse the prices, where they never were.
        """
        try:
            return self._of(known, returned)
        except CallFailed as failed:
            if failed.fault.check in (Check.RAISES, Check.LENGTH):
                return None
            raise

    def _of(self, known: Known, function: Callable[[Strategy, Known], FloatArray]) -> FloatArray:
        self.tick(self.label)
        try:
            return function(self.strategy, known)
        except CallFailed as failed:
            symbol = known.symbol if isinstance(known, Bars) else ""
            failed.fault = failed.at(symbol, failed.fault.day or day_of(known, len(known) - 1))
            raise

    def whole(self) -> FloatArray:
        """Return the values of one call on the whole history."""
        return self.of(self.known)

    def prefix(self, row: int) -> FloatArray:
        """Return the values on the rows up to this one."""
        return self.of(self.known.rows(0, row + 1))

    def window(self, row: int, bars: int | None = None) -> FloatArray:
        """Return the last value, () or (S,), on so many rows that end at this one, by default `history_bars`."""
        return np.asarray(self.of(self.known.rows(row + 1 - (bars or self.strategy.history_bars), row + 1))[-1])

    def symbol(self, column: int) -> str:
        """Return the symbol of a column."""
        return self.known.symbol if isinstance(self.known, Bars) else self.known.symbols[column]

    def fault(self, check: Check, what: str, row: int, column: int) -> Fault:
        """Return the fault "the signal WHAT" at a row."""
        return failed_call(check, self.strategy, what, self.known, row).at(self.symbol(column), day_of(self.known, row))


def day_of(known: Known, row: int) -> date:
    """Return the session date of a row."""
    day: date = known.open_time[row].astype("datetime64[D]").item()
    return day


def gaps(values: FloatArray, others: FloatArray) -> FloatArray:
    """Return the absolute differences; 0 where both are NaN, infinite where only one is.

    >>> gaps(np.array([1.0, np.nan, 1.0]), np.array([0.5, np.nan, np.nan])).tolist()
    [0.5, 0.0, inf]
    """
    gap = np.where(np.isnan(values) & np.isnan(others), 0.0, np.abs(values - others))
    return np.where(np.isnan(gap), np.inf, gap)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difference:
    """Rows up to `cut` whose values differ between two calls; the value in the column and the other at the newest."""

    cut: int
    rows: NDArray[np.int64]
    column: int
    value: float
    other: float

    @property
    def row(self) -> int:
        """Return the newest row that differs."""
        return int(self.rows[-1])


def difference(whole: FloatArray, values: FloatArray | None, first: int, cut: int) -> Difference | None:
    """Return what differs of rows `first` to `cut` by more than IMPRECISION between two calls; None if nothing does.

    Nothing does where a call returned no `values`.
    """
    if values is None:
        return None
    gap = gaps(whole[first : cut + 1], values[first : cut + 1]).reshape(cut + 1 - first, -1)
    changed = np.flatnonzero(gap.max(axis=1) > IMPRECISION)
    if not len(changed):
        return None
    row, column = first + int(changed[-1]), int(np.argmax(gap[changed[-1]]))
    value, other = (float(each[row].reshape(-1)[column]) for each in (whole, values))
    return Difference(cut=cut, rows=changed + first, column=column, value=value, other=other)


def same_bits(values: FloatArray, others: FloatArray) -> bool:
    """Return whether all values are equal; NaN is equal to NaN."""
    return np.array_equal(values, others, equal_nan=True)


def unequal(calls: SignalCalls, first: int, values: FloatArray, others: FloatArray) -> Difference | None:
    """Return the first row whose values, of two calls and from row `first` on, differ by a bit; None if none does."""
    if same_bits(values, others):
        return None
    marked = (gaps(values, others) > 0.0).reshape(len(values), -1)
    row = int(np.argmax(marked.any(axis=1)))
    column = int(np.argmax(marked[row]))
    value, other = (float(each[row].reshape(-1)[column]) for each in (values, others))
    return Difference(cut=len(calls.known) - 1, rows=np.array([first + row]), column=column, value=value, other=other)
