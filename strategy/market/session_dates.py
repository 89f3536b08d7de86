"""Session dates of bars, and of all symbols of an account."""

from collections.abc import Mapping
from datetime import date

import numpy as np

from strategy.market.bars import Bars


def session_date(open_time: np.datetime64) -> date:
    """Return the session date of a bar.

    >>> session_date(np.datetime64("2020-01-02", "us"))
    datetime.date(2020, 1, 2)
    """
    day: date = open_time.astype("datetime64[D]").item()
    return day


def account_dates(bars: Mapping[str, Bars]) -> tuple[date, ...]:
    """Return the union of all symbols' session dates, sorted."""
    if not bars:
        return ()
    union = np.unique(np.concatenate([symbol_bars.open_time for symbol_bars in bars.values()]))
    return tuple(union.astype("datetime64[D]").tolist())
