"""Walk-forward: every date is traded by a model fitted on earlier bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from itertools import pairwise

import numpy as np

from strategy.evaluation.sharpe import sharpe
from strategy.market.bars import COLUMNS, Bars, FloatArray, TimeArray
from strategy.market.panel import side_by_side
from strategy.signals.outlook import SymbolSignals

#: Account dates between the last bar that a model was fitted on and its first decision.
EMBARGO_BARS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """Walk-forward fold: a model fitted on bars dated `fitted_to` or earlier decides on `dates`.

    `dates` are row numbers of account dates.
    """

    fitted_to: np.datetime64
    dates: range


def folds(
    open_time: TimeArray, first: np.datetime64, fold_bars: int, embargo_bars: int = EMBARGO_BARS
) -> tuple[Fold, ...]:
    """Return the folds of account dates (U,) from `first` on, each of `fold_bars` dates, the last one shorter.

    Between the last bar that a model was fitted on and its first decision lie `embargo_bars` dates. Raises ValueError
    if no date is left to fit on or to decide on, or a count is out of range.

    >>> dates = np.arange("2020-01-01", "2020-01-13", dtype="M8[D]").astype("M8[us]")
    >>> two = folds(dates, np.datetime64("2020-01-08"), 3, embargo_bars=2)
    >>> [(str(fold.fitted_to)[:10], fold.dates) for fold in two]
    [('2020-01-05', range(7, 10)), ('2020-01-08', range(10, 11))]
    """
    if fold_bars < 1 or embargo_bars < 0:
        raise ValueError(f"fold_bars is {fold_bars} and embargo_bars {embargo_bars}; at least 1 and 0 are needed")
    first_date, last = int(np.searchsorted(open_time, first)), len(open_time) - 1
    if not embargo_bars < first_date < last:
        raise ValueError(f"{first} leaves nothing to fit on or nothing to decide on; choose a date between the bars'")
    return tuple(
        Fold(fitted_to=open_time[start - 1 - embargo_bars], dates=range(start, min(start + fold_bars, last)))
        for start in range(first_date, last, fold_bars)
    )


def yearly(
    open_time: TimeArray, start: np.datetime64, end: np.datetime64, embargo_bars: int = EMBARGO_BARS
) -> tuple[Fold, ...]:
    """Return a fold for each calendar year that has account dates (U,) from `start` to `end`, both included.

    The bars that a model is fitted on depend on its year alone, not on `start` and `end`: the newest lies
    `embargo_bars` dates before the first date of the year. If there is no such date, `fitted_to` is the day before all
    bars.

    >>> dates = np.arange("2018-12-20", "2020-03-01", dtype="M8[D]").astype("M8[us]")
    >>> plan = yearly(dates, np.datetime64("2018-12-30"), np.datetime64("2020-01-03"))
    >>> [(str(fold.fitted_to)[:10], str(dates[fold.dates][0])[:10], len(fold.dates)) for fold in plan]
    [('2018-12-19', '2018-12-30', 2), ('2018-12-26', '2019-01-01', 365), ('2019-12-26', '2020-01-01', 3)]
    """
    years = open_time.astype("M8[Y]")
    first, stop = int(np.searchsorted(open_time, start)), int(np.searchsorted(open_time, end, side="right"))
    plan = []
    for year in np.unique(years[first:stop]):
        opening, closing = (int(np.searchsorted(years, year, side=side)) for side in ("left", "right"))
        newest = opening - 1 - embargo_bars
        fitted_to = open_time[newest] if newest >= 0 else open_time[0] - np.timedelta64(1, "D")
        plan.append(Fold(fitted_to=fitted_to, dates=range(max(opening, first), min(closing, stop))))
    return tuple(plan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pick:
    """The account of a sweep that a fold trades: its column, and the Sharpe ratio that it was picked for.

    That ratio is annualised, of the returns in the rows `past`; the newest is dated the fold's `fitted_to` or earlier.
    """

    fold: Fold
    past: range
    column: int
    sharpe: float


def with_past(
    plan: Sequence[Fold], open_time: TimeArray, first: np.datetime64, least_bars: int
) -> tuple[tuple[Fold, range], ...]:
    """Return the folds before which at least `least_bars` returns lie, each with the rows of those returns.

    Row t of the returns is that of account date t + 1. They start after the date `first` and end at `fitted_to`.

    >>> dates = np.arange("2018-12-20", "2020-03-01", dtype="M8[D]").astype("M8[us]")
    >>> plan = yearly(dates, dates[0], dates[-1])
    >>> [(fold.dates.start, past) for fold, past in with_past(plan, dates, np.datetime64("2018-12-24"), 300)]
    [(377, range(4, 371))]
    """
    start = int(np.searchsorted(open_time[1:], first, side="right"))
    pasts = [range(start, int(np.searchsorted(open_time[1:], fold.fitted_to, side="right"))) for fold in plan]
    return tuple((fold, past) for fold, past in zip(plan, pasts, strict=True) if len(past) >= least_bars)


def picks(folds_with_past: Sequence[tuple[Fold, range]], net: FloatArray, days_per_year: int) -> tuple[Pick, ...]:
    """Return for each fold the account with the highest Sharpe ratio on its past alone, the first of equals.

    `net` (D, N) holds the daily returns of N accounts. A fold before which no account's return varies has no pick.

    >>> net = np.array([[0.01, 0.02, 0.0], [0.03, 0.01, 0.0], [-0.5, 0.5, 0.0]])
    >>> fold = Fold(fitted_to=np.datetime64("2020-01-02", "us"), dates=range(2, 3))
    >>> [(pick.column, round(pick.sharpe, 1)) for pick in picks([(fold, range(2))], net, 252)]
    [(1, 33.7)]
    """
    found = []
    for fold, past in folds_with_past:
        known = net[past.start : past.stop]
        spread = known.std(axis=0, ddof=1)
        # Equal returns give a deviation that is only rounding error.
        varies = spread > 1e-12 * np.abs(known).max(axis=0)
        ratios = np.divide(known.mean(axis=0), spread, out=np.full(len(spread), -np.inf), where=varies)
        column = int(np.argmax(ratios))
        reached = sharpe(known[:, column], days_per_year)
        if reached is not None:
            found.append(Pick(fold=fold, past=past, column=column, sharpe=reached))
    return tuple(found)


def decided_rows(plan: Sequence[Fold], dates: TimeArray, open_time: TimeArray) -> tuple[range, ...]:
    """Return the rows of a symbol (T,) on which each fold of account dates (U,) decides: those dated within the fold.

    If the symbol has no session on the first fold's first date, that fold also takes the newest row before it.

    >>> days = np.arange("2020-01-01", "2020-01-08", dtype="M8[D]").astype("M8[us]")
    >>> plan = (Fold(fitted_to=days[0], dates=range(2, 4)), Fold(fitted_to=days[1], dates=range(4, 6)))
    >>> decided_rows(plan, days, days[[0, 1, 3, 5, 6]])
    (range(1, 3), range(3, 4))
    """
    starts = [int(np.searchsorted(open_time, dates[fold.dates.start])) for fold in plan]
    starts[0] = max(0, int(np.searchsorted(open_time, dates[plan[0].dates.start], side="right")) - 1)
    stop = int(np.searchsorted(open_time, dates[plan[-1].dates.stop - 1], side="right"))
    return tuple(range(first, last) for first, last in pairwise([*starts, stop]))


def histories(bars: Mapping[str, Bars]) -> dict[date, str]:
    """Return for every account date the hash of all bars dated then or earlier, bit for bit: the data known that day.

    >>> from strategy.market.bars import make_bars
    >>> known, revised = (
    ...     histories({"A": make_bars("A", ["2020-01-01", "2020-01-02"], close=[9.0, last])}) for last in (8.0, 7.0)
    ... )
    >>> [known[day] == revised[day] for day in known]
    [True, False]
    """
    panel = side_by_side({symbol: series.open_time for symbol, series in bars.items()})
    tables = [_table(bars[symbol]) for symbol in panel.symbols]
    digest, found = sha256(), {}
    for number, day in enumerate(panel.open_time.astype("M8[D]").tolist()):
        for column in np.flatnonzero(panel.session[number]):
            digest.update(panel.symbols[column].encode())
            digest.update(tables[column][panel.row[number, column]].tobytes())
        found[day] = digest.hexdigest()
    return found


def _table(bars: Bars) -> FloatArray:
    """Return the columns as (T, columns), the user's own last, with the bits of the dates in microseconds."""
    own = [bars.columns[name] for name in sorted(bars.columns)]
    return np.stack([*(bars[name].view(np.float64) for name in COLUMNS), *own], axis=-1)


def overlaid(outlook: SymbolSignals, signals: Mapping[date, float]) -> SymbolSignals:
    """Return the symbol's signals with these values on their dates in place of its own."""
    days = outlook.open_time.astype("M8[D]").tolist()
    own = zip(days, outlook.signal.tolist(), strict=True)
    return replace(outlook, signal=np.array([signals.get(day, signal) for day, signal in own]))
