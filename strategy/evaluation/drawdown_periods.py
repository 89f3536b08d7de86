"""The drawdowns of an equity curve one by one: from a high, through the trough, to the day that regains it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownPeriod:
    """A drawdown: the day of the high, the day of the trough, its depth (a fraction), and the day that regained it.

    `recovery` is None if it was not regained by the last day. `days` are calendar days from the high to the recovery,
    or to the last day.
    """

    start: date
    trough: date
    recovery: date | None
    depth: float
    days: int


def drawdown_periods(dates: Sequence[date], equity: FloatArray, most: int = 5) -> tuple[DrawdownPeriod, ...]:
    """Return the deepest drawdowns of an equity (T,) that starts above 0, the deepest first; none if it never fell.

    >>> days = [date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 4), date(2020, 1, 5)]
    >>> first, second = drawdown_periods(days, np.array([100.0, 90.0, 100.0, 80.0, 95.0]))
    >>> first.depth.__round__(6), first.trough.isoformat(), first.recovery, first.days
    (0.2, '2020-01-04', None, 2)
    >>> second.depth.__round__(6), second.recovery.isoformat(), second.days
    (0.1, '2020-01-03', 2)
    """
    depth = 1.0 - equity / np.maximum.accumulate(equity)
    under = np.concatenate([[False], depth > 0, [False]])
    edges = np.flatnonzero(np.diff(under.astype(np.int8)))
    periods = []
    # A stretch under water starts one row after its high, and stops at the row that regains it.
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        trough = start + int(np.argmax(depth[start:stop]))
        regained = stop < len(dates)
        periods.append(
            DrawdownPeriod(
                start=dates[start - 1],
                trough=dates[trough],
                recovery=dates[stop] if regained else None,
                depth=float(depth[trough]),
                days=(dates[stop if regained else -1] - dates[start - 1]).days,
            )
        )
    return tuple(sorted(periods, key=lambda period: (-period.depth, period.start))[:most])
