"""When a symbol has a session, and when that session's bar is closed."""

import warnings
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from strategy.instruments import Calendar

DayArray = NDArray[np.datetime64]

#: exchange_calendars knows the New York holidays that return every year only from here on. Earlier sessions are the
#: weekdays but its list of special closings (1933, 1968, ...), so single ones of them may never have been held.
HOLIDAYS_KNOWN_FROM = date(1970, 1, 1)

_FIRST_KNOWN = "1885-01-01"
_LAST_KNOWN = "2199-12-31"
_NEW_YORK = ZoneInfo("America/New_York")
_DAY = timedelta(days=1)


def sessions(calendar: Calendar, first: date, last: date) -> DayArray:
    """The session dates from first to last, both included, as datetime64[D], increasing.

    XNYS before 1970 and after 2199, where regular holidays are not known, gives weekdays less special closings.

    >>> sessions(Calendar.XNYS, date(2021, 1, 15), date(2021, 1, 19)).astype(str).tolist()
    ['2021-01-15', '2021-01-19']
    >>> len(sessions(Calendar.ALWAYS, date(2021, 1, 15), date(2021, 1, 19)))
    5
    """
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    if calendar is Calendar.ALWAYS:
        return days
    weekdays = days[np.is_busday(days)]
    if calendar is Calendar.WEEKDAYS:
        return weekdays
    known, _ = _new_york()
    held = (
        known[np.searchsorted(known, days[0]) : np.searchsorted(known, days[-1], side="right")] if len(days) else days
    )
    return np.concatenate([weekdays[weekdays < known[0]], held, weekdays[weekdays > known[-1]]])


def closed_by(calendar: Calendar, session: date) -> datetime:
    """The UTC instant at which the session's bar is complete.

    The next midnight UTC, but for XNYS the exchange's close, early closes included; 16:00 in New York on a date of
    which it knows no session.

    >>> closed_by(Calendar.XNYS, date(2021, 11, 26)).isoformat()
    '2021-11-26T18:00:00+00:00'
    >>> closed_by(Calendar.ALWAYS, date(2021, 11, 26)).isoformat()
    '2021-11-27T00:00:00+00:00'
    """
    if calendar is not Calendar.XNYS:
        return datetime.combine(session + _DAY, time(), tzinfo=UTC)
    known, closes = _new_york()
    row = int(np.searchsorted(known, np.datetime64(session, "D")))
    if row < len(known) and known[row] == np.datetime64(session, "D"):
        close: datetime = closes[row].astype(datetime)
        return close.replace(tzinfo=UTC)
    return datetime.combine(session, time(16), tzinfo=_NEW_YORK).astimezone(UTC)


def last_closed(calendar: Calendar, now: datetime) -> date:
    """The newest session whose bar is complete at now; raises ValueError if now carries no time zone.

    >>> last_closed(Calendar.XNYS, datetime(2021, 11, 26, 17, 59, tzinfo=UTC)).isoformat()
    '2021-11-24'
    >>> last_closed(Calendar.ALWAYS, datetime(2021, 11, 26, 0, 0, tzinfo=UTC)).isoformat()
    '2021-11-25'
    """
    if now.tzinfo is None:
        raise ValueError(f"now is {now}; it must carry a time zone")
    today = now.astimezone(UTC).date()
    # The longest pause on record, New York in 1914, was four and a half months.
    recent = sessions(calendar, today - timedelta(days=180), today)
    for session in recent[::-1].astype(object):
        if closed_by(calendar, session) <= now:
            closed: date = session
            return closed
    raise ValueError(f"no {calendar} session closed in the 180 days before {now}")


def infer_calendar(symbol: str, dates: NDArray[np.datetime64]) -> Calendar:
    """The calendar that the dates of a symbol's bars suggest; raises ValueError if there is no date.

    Around the clock if at least a tenth of the bars lie on weekends (2/7 would be all); else New York if at most a
    tenth of its holidays within the dates carry a bar, and a hundredth of the bars a weekend's date (single wrong
    dates must not change the verdict); else weekdays.

    >>> infer_calendar("SPY", np.array(["2020-12-31", "2021-01-04", "2021-01-15", "2021-01-19"], "datetime64[D]"))
    <Calendar.XNYS: 'XNYS'>
    >>> infer_calendar("EURUSD", np.array(["2020-12-31", "2021-01-01", "2021-01-18"], "datetime64[D]"))
    <Calendar.WEEKDAYS: 'weekdays'>
    """
    days = np.unique(dates.astype("datetime64[D]"))
    days = days[~np.isnat(days)]
    if not len(days):
        raise ValueError(f"{symbol}: there is no date to infer a calendar from; give at least one bar")
    weekend_share = float(np.mean(~np.is_busday(days)))
    if weekend_share >= 0.1:
        return Calendar.ALWAYS
    known = days[days >= np.datetime64(HOLIDAYS_KNOWN_FROM, "D")]
    if not len(known) or weekend_share > 0.01:
        return Calendar.WEEKDAYS
    first, last = known[0].astype(object), known[-1].astype(object)
    weekdays = sessions(Calendar.WEEKDAYS, first, last)
    holidays = np.setdiff1d(weekdays, sessions(Calendar.XNYS, first, last))
    traded_holidays = np.isin(holidays, known).sum()
    return Calendar.XNYS if traded_holidays <= 0.1 * len(holidays) else Calendar.WEEKDAYS


@lru_cache(maxsize=1)
def _new_york() -> tuple[DayArray, NDArray[np.datetime64]]:
    """Session dates (datetime64[D], weekdays only) and their closes (datetime64[us], UTC) as far as they are known."""
    # Building costs 0.15 s whatever the span, the import 0.1 s beside pandas: hence here, and once.
    import exchange_calendars

    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads Series.values, which pandas 3.1 announces to change.
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray", category=DeprecationWarning)
        calendar: Any = exchange_calendars.get_calendar("XNYS", start=_FIRST_KNOWN, end=_LAST_KNOWN)
    days = calendar.sessions.to_numpy().astype("datetime64[D]")
    closes = calendar.closes.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    # Saturday mornings were held until 1952, but no daily record keeps them as bars of their own.
    weekday = np.is_busday(days)
    return days[weekday], closes[weekday]
