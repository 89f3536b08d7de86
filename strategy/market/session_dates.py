"""Session dates of bars, and of all symbols of an account."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from strategy.market.bars import Bars, TimeArray

_EPOCH = date(1970, 1, 1).toordinal()


def session_date(open_time: np.datetime64) -> date:
    """Return the session date of a bar.

    >>> session_date(np.datetime64("2020-01-02", "us"))
    datetime.date(2020, 1, 2)
    """
    day: date = open_time.astype("datetime64[D]").item()
    return day


def midnights(dates: Sequence[date] | TimeArray) -> TimeArray:
    """Return the dates, (T,), as the times at which they begin; times stay as they are.

    >>> midnights([date(2020, 1, 2)])
    array(['2020-01-02T00:00:00.000000'], dtype='datetime64[us]')
    """
    if isinstance(dates, np.ndarray):
        return dates.astype("datetime64[us]")
    # NumPy takes sixty times as long to convert dates one by one.
    ordinals = np.fromiter(map(date.toordinal, dates), np.int64, len(dates))
    return (ordinals - _EPOCH).astype("datetime64[D]").astype("datetime64[us]")


def account_dates(bars: Mapping[str, Bars]) -> tuple[date, ...]:
    """Return the union of all symbols' session dates, sorted."""
    if not bars:
        return ()
    union = np.unique(np.concatenate([symbol_bars.open_time for symbol_bars in bars.values()]))
    return tuple(union.astype("datetime64[D]").tolist())
