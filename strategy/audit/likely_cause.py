"""The likely cause of a signal's fault, told apart by small experiments: words that say what to mend."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from strategy.audit.signal_calls import Difference, SignalCalls, gaps
from strategy.market.altered_bars import altered_rows, rounded_otherwise
from strategy.market.bars import FloatArray
from strategy.signals.evaluation import IMPRECISION

#: Rows of which a longer window must explain each.
MANY = 32
#: Differences that an experiment looks at.
LOOKED_AT = 8
#: A cause that differences must bear out is not named by fewer.
FEW_DIFFERENCES = 5
#: Rows changed so far back, as a share of all rows before the cut, show a statistic of the whole sample.
FAR_BACK = 0.75
#: Changes that begin with their period, as a share of all: a signal that is a sign need not change at its first row.
OFTEN = 0.3
#: The farthest row that is looked for ahead, in rows.
FARTHEST = 64
_ROUNDING = "the signal jumps there on rounding errors: compare with a margin, or round before comparing"


def cause_of_look_ahead(
    calls: SignalCalls, whole: FloatArray, differences: Sequence[Difference], draw: np.random.Generator
) -> str:
    """Return the likely cause of values that change with later bars; `differences` are those of cuts, one or more."""
    if _jumps_on_rounding(calls, differences[0].row, differences[0].row + 1, draw):
        return _ROUNDING
    reach = [(each.cut + 1 - int(each.rows[0])) / max(1, each.cut + 1 - calls.first) for each in differences]
    farthest = max(each.cut + 1 - int(each.rows[0]) for each in differences)
    if farthest > FARTHEST and float(np.median(reach)) > FAR_BACK:
        return (
            "rows of the whole past change with them: a mean, deviation, rank or percentile of the whole sample, or a "
            "fit on all rows; use rolling windows"
        )
    period = _period(calls, differences)
    if period:
        return (
            f"rows change until their {period} is over: it is labelled by its start, as resample(label='left') does; "
            "label it right, and use it from its last row on"
        )
    ahead = _rows_ahead(calls, whole, differences, draw)
    if len(ahead) == 1:
        later = f"{ahead[0]} {'row' if ahead[0] == 1 else 'rows'} later"
        return f"each row reads the bar {later}, as shift(-{ahead[0]}) or a backward fill does"
    if len(ahead) > 1:
        return (
            f"each row reads up to {ahead[-1]} rows ahead: a centred window, or a filter that runs in both directions"
        )
    return "look for a backward fill, an interpolation, a place counted from the end, or a cache"


def _period(calls: SignalCalls, differences: Sequence[Difference]) -> str:
    """Return the period within which all changes stay, and at whose first row they often begin; empty if there is none.

    A period may also begin a row early: its label is then the last row of the one before.
    """
    if len(differences) < FEW_DIFFERENCES or all(each.cut == each.rows[0] for each in differences):
        return ""
    days = calls.known.open_time.astype("datetime64[D]")
    next_days = np.append(days[1:], days[-1:] + 1)
    for name, numbers in (
        *(("week", (days.astype(np.int64) - weekday) // 7) for weekday in range(7)),
        *(("month", each.astype("datetime64[M]").astype(np.int64)) for each in (days, next_days)),
        *(("quarter", each.astype("datetime64[M]").astype(np.int64) // 3) for each in (days, next_days)),
        *(("year", each.astype("datetime64[Y]").astype(np.int64)) for each in (days, next_days)),
    ):
        begins = [each.rows[0] == 0 or numbers[each.rows[0] - 1] != numbers[each.rows[0]] for each in differences]
        within = all(numbers[each.cut] == numbers[each.rows[0]] for each in differences)
        if within and np.mean(begins) > OFTEN:
            return name
    return ""


def _rows_ahead(
    calls: SignalCalls, whole: FloatArray, differences: Sequence[Difference], draw: np.random.Generator
) -> list[int]:
    """Return how far ahead rows read, in order: the distances at which they notice a single altered row."""
    distances: set[int] = set()
    for each in [each for each in differences if each.cut + 1 < len(calls.known)][:LOOKED_AT]:
        farther = np.unique([each.cut + 1, min(len(calls.known) - 1, 2 * each.cut + 1 - int(each.rows[0]))])
        for row in farther.tolist():
            noticed = rows_that_notice(calls, whole, row, draw)
            distances |= {int(row - before) for before in noticed if row - before <= FARTHEST}
    return sorted(distances)


def rows_that_notice(calls: SignalCalls, whole: FloatArray, row: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows before `row` whose values change by more than IMPRECISION when it alone is altered."""
    values = calls.of_altered(altered_rows(calls.known, np.array([row]), draw))
    if values is None:
        return np.empty(0, np.int64)
    gap = gaps(values[calls.first : row], whole[calls.first : row]).reshape(row - calls.first, -1)
    return np.flatnonzero(gap.max(axis=1, initial=0.0) > IMPRECISION) + calls.first


def cause_of_other_window(calls: SignalCalls, whole: FloatArray, rows: Sequence[int], draw: np.random.Generator) -> str:
    """Return the likely cause of values that differ from those on their bare windows, at one or more `rows`."""
    history = calls.strategy.history_bars
    if _jumps_on_rounding(calls, rows[0], history, draw):
        return _ROUNDING
    bars, count = 2 * history, len(calls.known)
    while 2 * bars <= count:
        anywhere = np.linspace(bars - 1, count - 1, MANY).astype(np.int64)
        enough = np.union1d(anywhere, [row for row in rows if row + 1 >= bars][-MANY:]).astype(np.int64).tolist()
        if all(gaps(calls.window(row, bars), whole[row]).max() <= IMPRECISION for row in enough):
            return f"{bars} rows would be enough: raise history_bars to {bars}, or use no more rows than it says"
        bars *= 2
    return (
        "it depends on all rows since the first, as an expanding statistic, a running sum or a row's number do: use "
        "rolling windows, or raise history_bars until what came before no longer matters"
    )


def _jumps_on_rounding(calls: SignalCalls, row: int, bars: int, draw: np.random.Generator) -> bool:
    """Return whether the value on so many bars that end at the row changes with the last digits of their prices."""
    known = calls.known.rows(row + 1 - bars, row + 1)
    value = calls.of(known)[-1]
    others = [calls.of_altered(rounded_otherwise(known, draw)) for _ in range(4)]
    return any(gaps(other[-1], value).max() > IMPRECISION for other in others if other is not None)
