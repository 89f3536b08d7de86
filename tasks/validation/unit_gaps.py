"""Bars that open near a whole ratio to the close before: a split, or pounds for pence, that the source does not state.

A crash also moves within its day; a change of unit is only a gap. So a bar is suspected if its open over the close
before, both adjusted, lies near such a ratio and its own range is a small part of that gap. Markets around the clock do
halve in a day and have no splits: there only pounds for pence are suspected.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategy.backtest.restatement import rounding
from strategy.market.instruments import Calendar

FloatArray = NDArray[np.float64]

#: Split ratios, new for old, and one hundred for the pence of a pound.
RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 100.0)
RATIOS_AROUND_THE_CLOCK = (100.0,)
#: Largest deviation from such a ratio, and largest range of the bar as a share of the gap, both in logs.
NEAR_RATIO = float(np.log(1.03))
OWN_RANGE = 0.25
#: Later sessions needed to confirm a level.
CONFIRMING_SESSIONS = 3
#: Relative rounding of adjusted closes above which they cannot show an event.
COARSE = 0.03


def unit_gaps(
    rows: pd.DataFrame, history: pd.DataFrame, calendar: Calendar, settled: NDArray[np.bool_]
) -> dict[str, object]:
    """Return for each row its gap: the open over the close before, and whether the row is held back or warned about.

    `history` holds the bars before the rows; `settled` (N,) is True for rows that are published as they are. `unit_gap`
    is 1 where a bar is to be held back: no later session confirms its level. `unit_gap_kept` is 1 where a suspected bar
    passes.
    """
    before = len(history)
    opened, high, low, close = (
        np.concatenate([history[name].to_numpy(dtype=np.float64), rows[name].to_numpy(dtype=np.float64)])
        for name in ("open", "high", "low", "close")
    )
    step = event_steps(rows, before)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gap = np.zeros(len(close))
        gap[1:] = np.log(opened[1:] * step[1:] / close[:-1])
        ratios = np.log(RATIOS_AROUND_THE_CLOCK if calendar is Calendar.ALWAYS else RATIOS)
        near = (np.abs(np.abs(gap)[:, None] - ratios) <= NEAR_RATIO).any(axis=1)
        # A bar with a single price has no range to compare, and a genuine move of one half in a day does occur.
        near &= (high > low) | (np.abs(gap) > np.log(RATIOS[0]) + NEAR_RATIO)
        suspected = near & (np.log(high / low) < OWN_RANGE * np.abs(gap))
        level = np.log(close) + np.cumsum(np.log(step))
    confirmed = np.array([_confirmed(row, gap, level) if suspected[row] else False for row in range(len(close))])
    suspected, confirmed, gap = suspected[before:], confirmed[before:], gap[before:]
    held = suspected & ~confirmed & ~settled
    return {
        "unit_gap": held.astype(np.float64),
        "unit_gap_kept": (suspected & ~held).astype(np.float64),
        "gap_found": np.exp(gap),
    }


def event_steps(rows: pd.DataFrame, before: int) -> FloatArray:
    """Return the factor by which splits and dividends known with the rows (N,) move each bar, 1 where none is known.

    The first `before` values stand for the bars before the rows, whose events are unknown.
    """
    factor = np.concatenate([np.full(before, np.nan), _factors(rows)])
    step = np.ones(len(factor))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        step[1:] = factor[1:] / factor[:-1]
    step[~(np.isfinite(step) & (step > 0))] = 1.0
    return step


def _factors(rows: pd.DataFrame) -> FloatArray:
    """Return adjusted over raw close, NaN where it is unknown or too coarse to show an event."""
    adjusted = rows["adj_close"].to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor: FloatArray = adjusted / rows["close"].to_numpy(dtype=np.float64)
        known = adjusted[np.isfinite(adjusted)]
        if known.size:
            factor = np.where(rounding(known) / adjusted > COARSE, np.nan, factor)
    return factor


def _confirmed(row: int, gap: FloatArray, level: FloatArray) -> bool:
    """Return whether three sessions follow the row and all close nearer to it than to the close before it."""
    after = level[row + 1 : row + 1 + CONFIRMING_SESSIONS]
    return len(after) == CONFIRMING_SESSIONS and bool(np.all(np.abs(after - level[row]) < abs(gap[row]) / 2.0))
