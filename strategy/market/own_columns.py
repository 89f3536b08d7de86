"""Columns of the user's own beside the prices of bars: declared with a lag, and seen only that many days later."""

from dataclasses import dataclass

import numpy as np

from strategy.market.bars import FloatArray, TimeArray

#: Longest lag, in days: a century.
MOST_DAYS = 36_525


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Calendar days between the date of a value in a file and the day on which a strategy may know it.

    Only this declaration protects from values that were published later than they are dated: no audit can see when.
    Raises ValueError unless it is a whole number from 0 to MOST_DAYS.

    >>> Lag(days=45)
    Lag(days=45)
    """

    days: int

    def __post_init__(self) -> None:
        if type(self.days) is not int or not 0 <= self.days <= MOST_DAYS:
            raise ValueError(
                f"the lag of a column is {self.days!r} days; it must be a whole number of calendar days from 0 to "
                f"{MOST_DAYS}"
            )


def lagged(days: TimeArray, dated: TimeArray, values: FloatArray, lag: Lag) -> FloatArray:
    """Return for each of the days, (T,), the newest value dated its day minus the lag or earlier; NaN where none is.

    `dated` are the dates of the values, (N,), strictly increasing.

    >>> days = np.array(["2020-01-06", "2020-01-07"], dtype="M8[us]")
    >>> lagged(days, np.array(["2020-01-04"], dtype="M8[us]"), np.array([2.0]), Lag(days=3)).tolist()
    [nan, 2.0]
    """
    place = np.searchsorted(dated, days - np.timedelta64(lag.days, "D"), side="right")
    known: FloatArray = np.concatenate([np.array([np.nan]), values])[place]
    return known
