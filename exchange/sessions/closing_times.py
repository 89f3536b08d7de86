"""Closing times: the wall-clock time and weekdays at which the bars of some calendars are closed."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from exchange.sessions.calendars import sessions, sessions_and_closes
from exchange.sessions.weekdays import WEEKS, weekday
from strategy.market.instruments import Calendar

#: Bars of an exchange are published with a delay of up to 20 minutes; those that close at midnight UTC at once.
AFTER_CLOSE, AFTER_MIDNIGHT = timedelta(minutes=30), timedelta(minutes=5)
#: This many past days include a regular session in both summer and winter time.
_DAYS_BACK = 370
_DAY = timedelta(days=1)
#: The longest closure on record, New York in 1914, was four and a half months.
_CLOSURE = timedelta(days=180)
_NEW_YORK = ZoneInfo("America/New_York")


def closed_by(calendar: Calendar, session: date) -> datetime:
    """Return the UTC instant at which the session's bar is complete.

    For an exchange, that is its close, early closes included, and for XNYS 16:00 in New York on a date that is not a
    known session; for everything else, the next midnight UTC.

    >>> closed_by(Calendar.XNYS, date(2021, 11, 26)).isoformat()
    '2021-11-26T18:00:00+00:00'
    >>> closed_by(Calendar.ALWAYS, date(2021, 11, 26)).isoformat()
    '2021-11-27T00:00:00+00:00'
    """
    if calendar is not Calendar.ALWAYS and calendar not in WEEKS and not calendar.is_observed:
        known, closes = sessions_and_closes(str(calendar))
        row = int(np.searchsorted(known, np.datetime64(session, "D")))
        if row < len(known) and known[row] == np.datetime64(session, "D"):
            close: datetime = closes[row].astype(datetime)
            return close.replace(tzinfo=UTC)
        if calendar is Calendar.XNYS:
            return datetime.combine(session, time(16), tzinfo=_NEW_YORK).astimezone(UTC)
    return datetime.combine(session + _DAY, time(), tzinfo=UTC)


def last_closed(calendar: Calendar, now: datetime) -> date:
    """Return the newest session whose bar is complete at `now`; raises ValueError if `now` has no time zone.

    >>> last_closed(Calendar.XNYS, datetime(2021, 11, 26, 17, 59, tzinfo=UTC)).isoformat()
    '2021-11-24'
    >>> last_closed(Calendar.ALWAYS, datetime(2021, 11, 26, 0, 0, tzinfo=UTC)).isoformat()
    '2021-11-25'
    """
    if now.tzinfo is None:
        raise ValueError(f"now is {now}; it must carry a time zone")
    today = now.astimezone(UTC).date()
    recent = sessions(calendar, today - _CLOSURE, today)
    for session in recent[::-1].astype(object):
        if closed_by(calendar, session) <= now:
            closed: date = session
            return closed
    raise ValueError(f"no {calendar} session closed in the 180 days before {now}")


def next_close(calendars: Collection[Calendar], session: date) -> datetime:
    """Return the first instant at which a bar later than the session's is complete in any of the calendars.

    >>> next_close([Calendar.XNYS], date(2021, 11, 24)).isoformat()
    '2021-11-26T18:00:00+00:00'
    >>> next_close([Calendar.XNYS, Calendar.ALWAYS], date(2021, 11, 24)).isoformat()
    '2021-11-26T00:00:00+00:00'
    """
    closes = []
    for calendar in calendars:
        later = sessions(calendar, session + _DAY, session + _CLOSURE)
        held: date = later[0].astype(object) if len(later) else session + _DAY
        closes.append(closed_by(calendar, held))
    return min(closes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """A time on some days of the week, and again later on the same day if it is `repeated`, as cron in a time zone.

    >>> Daily(cron="30 16 * * 1-5", zone="America/New_York").in_words
    '16:30 America/New_York, Monday to Friday'
    """

    cron: str
    zone: str

    @property
    def in_words(self) -> str:
        """Return the first time, the zone and the days in words."""
        minute, hour, _, _, days = self.cron.split()
        minute, hour = minute.split(",")[0], hour.split("-")[0]
        names = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
        spans = [" to ".join(names[int(day)] for day in span.split("-")) for span in days.split(",") if span != "*"]
        return f"{int(hour):02}:{int(minute):02} {self.zone}, {', '.join(spans) or 'every day'}"

    def repeated(self, every_minutes: int, hours: float) -> "Daily":
        """Return the time repeated every so many minutes for so many hours, at most until the end of its day.

        Within each hour it begins at the minute of the first time; more than an hour is rounded up to whole hours.

        >>> Daily(cron="5 0 * * *", zone="UTC").repeated(30, 12).cron
        '5,35 0-11 * * *'
        >>> Daily(cron="30 16 * * 1-5", zone="America/New_York").repeated(120, 12).cron
        '30 16-23/2 * * 1-5'
        """
        minute, hour, *rest = self.cron.split()
        minutes = ",".join(map(str, range(int(minute), 60, every_minutes)))
        last, step = min(23, int(hour) + int(hours) - 1), -(-every_minutes // 60)
        times = "" if step == 1 else f"/{step}"
        later = f"{hour}-{last}{times}" if int(hour) + step <= last else hour
        return Daily(cron=" ".join([minutes, later, *rest]), zone=self.zone)


def daily_after(calendars: Collection[Calendar], now: datetime) -> Daily:
    """Return the time at which a day's bars are closed in all of the calendars, after the one that closes last.

    >>> daily_after([Calendar.XNYS], datetime(2021, 6, 1, tzinfo=UTC)).in_words
    '16:30 America/New_York, Monday to Friday'
    >>> daily_after([Calendar.XNYS, Calendar.ALWAYS], datetime(2021, 6, 1, tzinfo=UTC)).in_words
    '00:05 UTC, every day'
    """
    last = max(calendars, key=lambda calendar: _after_midnight(calendar, now))
    zone = ZoneInfo(_zone(last))
    closes = [(day, closed_by(last, day).astimezone(zone)) for day in _recent(last, now)]
    # Early closes are the exception, hence the maximum; differences of wall-clock times ignore daylight saving.
    day, close = max(closes, key=lambda session: session[1].replace(tzinfo=None) - datetime.combine(session[0], time()))
    begins = close + (AFTER_CLOSE if _of_exchange(last) else AFTER_MIDNIGHT)
    shift = (begins.date() - day).days
    held = {
        int(number)
        for calendar in calendars
        for number in weekday(sessions(calendar, now.date() - _DAYS_BACK * _DAY, now.date()))
    }
    days = sorted((number + 1 + shift) % 7 for number in held)
    return Daily(cron=f"{begins.minute} {begins.hour} * * {_spans(days)}", zone=str(zone))


def _spans(days: list[int]) -> str:
    """Return days of the week in cron's notation, 0 for Sunday.

    >>> _spans([1, 2, 3, 4, 5]), _spans([0, 1, 2, 4]), _spans(list(range(7)))
    ('1-5', '0-2,4', '*')
    """
    if len(days) == 7:
        return "*"
    spans: list[list[int]] = []
    for day in days:
        if spans and spans[-1][-1] == day - 1:
            spans[-1].append(day)
        else:
            spans.append([day])
    return ",".join(f"{span[0]}-{span[-1]}" if len(span) > 1 else f"{span[0]}" for span in spans)


def _recent(calendar: Calendar, now: datetime) -> list[Any]:
    days: list[Any] = sessions(calendar, now.date() - _DAYS_BACK * _DAY, now.date()).astype(object).tolist()
    return days


def _after_midnight(calendar: Calendar, now: datetime) -> timedelta:
    """Return the longest time from a session's midnight UTC until its bar is closed."""
    return max(closed_by(calendar, day) - datetime.combine(day, time(), tzinfo=UTC) for day in _recent(calendar, now))


def _of_exchange(calendar: Calendar) -> bool:
    return calendar is not Calendar.ALWAYS and calendar not in WEEKS and not calendar.is_observed


def _zone(calendar: Calendar) -> str:
    """Return the time zone of an exchange, or UTC for every other calendar."""
    if not _of_exchange(calendar):
        return "UTC"
    import exchange_calendars

    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads Series.values, for which pandas 3.1 warns of a change.
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray", category=DeprecationWarning)
        return str(exchange_calendars.get_calendar(str(calendar)).tz)
