"""Window of a historical record of bars, as specified by a request."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from exchange.ports import BAR_COLUMNS, MOVED, OWN, UNREAD, BarRequest, SourceRefused

#: Default in a column that only another symbol's rows need.
_NOTHING: Mapping[str, str | int] = {UNREAD: "", MOVED: 0}


def requested(bars: Mapping[str, pd.DataFrame], request: BarRequest) -> pd.DataFrame:
    """Return the rows of the request's symbols and dates, as BAR_COLUMNS and OWN ones, in each record's order.

    `bars` holds each symbol's whole record. A row without a date is kept, so that the data gate sees it.
    """
    parts = []
    for symbol, since in request.since.items():
        dates = bars[symbol]["open_time"].to_numpy()
        first = np.datetime64(since if since is not None else date.min, "us")
        within = (dates >= first) & (dates <= np.datetime64(request.until, "us"))
        parts.append(bars[symbol][within | np.isnat(dates)])
    whole: pd.DataFrame = pd.concat(parts, ignore_index=True)
    besides = {name: value for name, value in _NOTHING.items() if name in whole.columns}
    own = [str(name) for name in whole.columns if str(name).startswith(OWN)]
    return whole[[*BAR_COLUMNS, *besides, *own]].fillna(besides)


def newest_until(bars: Mapping[str, pd.DataFrame], now: datetime) -> date:
    """Return the newest date in any of the records, at most the UTC date of `now`; raises SourceRefused if none."""
    today = now.astimezone(UTC).date()
    limit = np.datetime64(today, "us")
    dates = np.concatenate([rows["open_time"].to_numpy() for rows in bars.values()])
    past = dates[dates <= limit]
    if not len(past):
        raise SourceRefused(f"no bar of {', '.join(bars)} is dated {today} or earlier; check the dates of the file")
    newest: date = past.max().astype("datetime64[D]").astype(object)
    return newest
