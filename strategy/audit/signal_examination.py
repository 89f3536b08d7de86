"""Examination of a signal on one symbol's bars, or on one panel: later bars, the bare window, and repeated calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strategy.audit.likely_cause import cause_of_look_ahead, cause_of_other_window
from strategy.audit.signal_calls import Difference, SignalCalls, day_of, difference, gaps, same_bits, unequal
from strategy.market.altered_bars import altered_rows, another_future
from strategy.market.bars import FloatArray
from strategy.signals.evaluation import IMPRECISION, PROBED_WINDOWS
from strategy.signals.faults import CallFailed, Check, Fault

#: Cuts of the bars, the last NEWEST_CUTS of them at the newest rows.
CUTS, NEWEST_CUTS = 64, 8
#: Calls on bars of which single rows are altered, so far apart that a row's look-back reaches the one before no more.
ALTERED_CALLS = 320
#: Rows before an altered one that must not notice it.
ROWS_BEFORE = 8
#: Windows and cuts that are called again in the end.
REPEATED_WINDOWS, REPEATED_CUTS = 64, 8
#: Rows at which what was noticed is looked at again.
LOOKED_AT = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is called: the last rows of cuts and of windows, and the rows altered in each call; all increasing."""

    cuts: NDArray[np.int64]
    windows: NDArray[np.int64]
    altered: Sequence[NDArray[np.int64]]


def plan(calls: SignalCalls, draw: np.random.Generator) -> Plan:
    """Draw what is called of the rows that have a value: the cuts, a window of each equal part, and rows to alter."""
    first, count = calls.first, len(calls.known)
    newest = max(first, count - NEWEST_CUTS)
    earlier = draw.permutation(np.arange(first, newest))[: CUTS - NEWEST_CUTS]
    cuts = np.sort(np.concatenate([earlier, np.arange(newest, count)]))
    others = np.setdiff1d(np.arange(first, count), cuts)
    edges = np.linspace(0, len(others), min(len(others), PROBED_WINDOWS - len(cuts)) + 1).astype(np.int64)
    drawn = others[draw.integers(edges[:-1], edges[1:])]
    apart = calls.strategy.history_bars + ROWS_BEFORE
    starts = np.sort(draw.permutation(apart)[:ALTERED_CALLS]) + calls.strategy.history_bars
    altered = [np.arange(start, count, apart) for start in starts.tolist() if start < count]
    return Plan(cuts=cuts, windows=np.union1d(cuts, drawn), altered=altered)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examination:
    """What calls of a signal returned: the whole history (empty after a failure), windows by row, and a fault.

    `exact` says whether every value was equal to the bit to that of the whole history.
    """

    calls: SignalCalls
    plan: Plan
    whole: FloatArray
    windows: Mapping[int, FloatArray]
    fault: Fault | None
    exact: bool


def examination(calls: SignalCalls, seed: int) -> Examination:
    """Examine the signal on the bars of its calls; `seed` decides which rows are looked at."""
    draw = np.random.default_rng(seed)
    rows = plan(calls, draw)
    try:
        return _examined(calls, rows, draw)
    except CallFailed as failed:
        return _refused(calls, rows, failed.fault)


def _refused(calls: SignalCalls, rows: Plan, fault: Fault) -> Examination:
    return Examination(calls=calls, plan=rows, whole=np.empty(0), windows={}, fault=fault, exact=False)


def _examined(calls: SignalCalls, rows: Plan, draw: np.random.Generator) -> Examination:
    """Examine the signal on growing bars first, so that calls repeated later show what it keeps."""
    prefixes, windows = {}, {}
    for cut in rows.cuts.tolist():
        windows[cut], prefixes[cut] = calls.window(cut), calls.prefix(cut)
    whole = calls.whole()
    moved = unequal(calls, calls.first, whole[calls.first :], calls.whole()[calls.first :])
    if moved is not None:
        cause = (
            "two calls in a row on the same bars: it reads a clock, draws random numbers without a seed, or keeps "
            "something between calls"
        )
        return _refused(calls, rows, _unstable(calls, moved, cause))
    ahead = _look_ahead(calls, rows, prefixes, whole, draw)
    windows |= {row: calls.window(row) for row in rows.windows.tolist() if row not in windows}
    moved = _moved(calls, prefixes, windows, whole, draw)
    if moved is not None:
        cause = "an early and a late call on the same bars: it keeps something between calls, or reads a clock"
        return _refused(calls, rows, _unstable(calls, moved, cause))
    far = [row for row, value in sorted(windows.items()) if gaps(value, whole[row]).max() > IMPRECISION]
    ahead, fault = _confirmed(calls, whole, ahead, far, draw), None
    if ahead.truncated or ahead.altered:
        fault = _looks_ahead(calls, whole, ahead, draw)
    elif far:
        fault = _other_window(calls, whole, windows, far, draw)
    exact = ahead.exact and all(same_bits(value, whole[row]) for row, value in windows.items())
    return Examination(calls=calls, plan=rows, whole=whole, windows=windows, fault=fault, exact=exact)


def _unstable(calls: SignalCalls, moved: Difference, cause: str) -> Fault:
    return calls.fault(
        Check.UNSTABLE, f"of row {moved.row} is {moved.value!r} and {moved.other!r} in {cause}", moved.row, moved.column
    )


def _moved(
    calls: SignalCalls,
    prefixes: Mapping[int, FloatArray],
    windows: Mapping[int, FloatArray],
    whole: FloatArray,
    draw: np.random.Generator,
) -> Difference | None:
    """Return what has changed of earlier calls, repeated in a drawn order, the very first ones among them."""
    for row in _drawn(windows, REPEATED_WINDOWS, draw):
        moved = unequal(calls, row, windows[row][None], calls.window(row)[None])
        if moved is not None:
            return moved
    for cut in _drawn(prefixes, REPEATED_CUTS, draw):
        moved = unequal(calls, calls.first, prefixes[cut][calls.first :], calls.prefix(cut)[calls.first :])
        if moved is not None:
            return moved
    return unequal(calls, calls.first, whole[calls.first :], calls.whole()[calls.first :])


def _drawn(rows: Mapping[int, FloatArray], count: int, draw: np.random.Generator) -> list[int]:
    kept = [*draw.permutation(list(rows)[1:])[: count - 1].tolist(), next(iter(rows))]
    return [kept[place] for place in draw.permutation(len(kept)).tolist()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LookAhead:
    """Differences from the whole history of bars that end at a cut, and of bars that differ after it.

    `noticed` maps rows that changed with a later altered row to it, still to be confirmed: a value may also depend on
    an altered row beyond its look-back.
    """

    truncated: Sequence[Difference]
    altered: Sequence[Difference]
    noticed: Mapping[int, int]
    exact: bool


def _look_ahead(
    calls: SignalCalls,
    rows: Plan,
    prefixes: Mapping[int, FloatArray],
    whole: FloatArray,
    draw: np.random.Generator,
) -> _LookAhead:
    first, exact, altered = calls.first, True, []
    noticed: dict[int, int] = {}
    for cut, prefix in prefixes.items():
        values = calls.of_altered(another_future(calls.known, cut, draw)) if cut + 1 < len(whole) else None
        altered.append(difference(whole, values, first, cut))
        for other in (values, prefix):
            exact = exact and (other is None or same_bits(whole[first : cut + 1], other[first : cut + 1]))
    for changed in rows.altered:
        values = calls.of_altered(altered_rows(calls.known, changed, draw))
        if values is None:
            continue
        before = np.unique(changed[:, None] - np.arange(1, ROWS_BEFORE + 1))
        before = before[before >= first]
        exact = exact and same_bits(whole[before], values[before])
        gap = gaps(whole[before], values[before]).reshape(len(before), -1).max(axis=1, initial=0.0)
        late = before[gap > IMPRECISION]
        noticed |= dict(zip(late.tolist(), changed[np.searchsorted(changed, late, side="right")].tolist(), strict=True))
    truncated = [difference(whole, values, first, cut) for cut, values in prefixes.items()]
    return _LookAhead(
        truncated=[each for each in truncated if each is not None],
        altered=[each for each in altered if each is not None],
        noticed=noticed,
        exact=exact,
    )


def _confirmed(
    calls: SignalCalls, whole: FloatArray, ahead: _LookAhead, far: Sequence[int], draw: np.random.Generator
) -> _LookAhead:
    """Return what looks ahead at rows that differ from their windows, or that noticed a later altered row."""
    if ahead.truncated or ahead.altered:
        return ahead
    known, first, late = calls.known, calls.first, sorted(ahead.noticed)
    truncated = [difference(whole, calls.prefix(row), first, row) for row in _spread([*far, *late])]
    single = {row: altered_rows(known, np.array([ahead.noticed[row]]), draw) for row in _spread(late)}
    altered = [difference(whole, calls.of_altered(bars), first, row) for row, bars in single.items()]
    return replace(
        ahead,
        truncated=[each for each in truncated if each is not None],
        altered=[each for each in altered if each is not None],
    )


def _spread(rows: Sequence[int]) -> list[int]:
    places = np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).astype(int)) if rows else np.empty(0, int)
    return [rows[place] for place in places.tolist()]


def _looks_ahead(calls: SignalCalls, whole: FloatArray, ahead: _LookAhead, draw: np.random.Generator) -> Fault:
    shown, bars = (ahead.truncated, "end on") if ahead.truncated else (ahead.altered, "differ after")
    newest = shown[-1]
    cause = cause_of_look_ahead(calls, whole, shown, draw)
    return calls.fault(
        Check.LOOKS_AHEAD,
        f"of row {newest.row} is {newest.value!r} on all bars and {newest.other!r} on bars that {bars} "
        f"{day_of(calls.known, newest.cut)}; {cause}",
        newest.row,
        newest.column,
    )


def _other_window(
    calls: SignalCalls,
    whole: FloatArray,
    windows: Mapping[int, FloatArray],
    far: Sequence[int],
    draw: np.random.Generator,
) -> Fault:
    row = far[-1]
    column = int(np.argmax(gaps(windows[row], whole[row])))
    value, other = (float(np.reshape(each, -1)[column]) for each in (whole[row], windows[row]))
    return calls.fault(
        Check.WINDOW,
        f"of row {row} is {value!r} on the whole history and {other!r} on the {calls.strategy.history_bars} rows that "
        f"end there; {cause_of_other_window(calls, whole, far, draw)}",
        row,
        column,
    )
