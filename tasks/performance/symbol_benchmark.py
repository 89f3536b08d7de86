"""A symbol as the benchmark of an assessment: its adjusted closes on the days of the account."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from strategy.exit_codes import UsageError
from strategy.market.bars import Bars, FloatArray

#: Calendar days for which a close stands: holidays, not a series that has ended.
CARRIED_DAYS = 10


def closes_on(symbol: str, bars: Bars, dates: Sequence[date]) -> FloatArray:
    """Return the adjusted close of the symbol on each account day, (T,): the last one dated that day or before.

    They are total returns where the source adjusts for dividends, in the currency of the prices, without costs.
    Raises UsageError for a day whose last close is more than ten days old, or that has none yet.

    >>> from strategy.market.bars import make_bars
    >>> bars = make_bars("SPY", ["2020-01-03", "2020-01-07"], close=[100, 101])
    >>> closes_on("SPY", bars, [date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7)])
    array([100., 100., 101.])
    """
    days = bars.open_time.astype("datetime64[D]")
    wanted = np.array(dates, dtype="datetime64[D]")
    rows = np.searchsorted(days, wanted, side="right") - 1
    old = (rows < 0) | (wanted - days[np.maximum(rows, 0)] > np.timedelta64(timedelta(days=CARRIED_DAYS)))
    if old.any():
        day = dates[int(np.argmax(old))]
        raise UsageError(
            f"the benchmark {symbol} has no close in the {CARRIED_DAYS} days up to {day}; its bars run from {days[0]} "
            f"to {days[-1]}: choose other dates or another --benchmark"
        )
    result: FloatArray = (bars.close * bars.factor)[rows]
    return result
