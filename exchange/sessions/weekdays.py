"""Trading weeks: the days of the week with sessions, for markets without a list of holidays."""

import numpy as np
from numpy.typing import NDArray

from strategy.market.instruments import Calendar

DayArray = NDArray[np.datetime64]

#: New York, and indices measured there, had Saturday morning sessions up to this day.
LAST_SATURDAYS = np.datetime64("1952-09-28", "D")

#: Monday to Sunday, 1 where the calendar has sessions.
WEEKS = {
    Calendar.WEEKDAYS: "1111100",
    Calendar.SUNDAY_TO_THURSDAY: "1111001",
    Calendar.SUNDAY_TO_FRIDAY: "1111101",
    Calendar.MONDAY_TO_SATURDAY: "1111110",
    Calendar.SATURDAY_TO_WEDNESDAY: "1110011",
}
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

#: Fewest weeks that a series must span before a missing day of the week is evidence.
FEWEST_WEEKS = 8
#: Fraction of weeks up to which a day of the week counts as having no session, and from which as usually having one.
RARE, COMMON = 0.05, 0.5


def weekday(days: DayArray) -> NDArray[np.int64]:
    """Return 0 for Monday to 6 for Sunday.

    >>> weekday(np.array(["2021-01-04", "2021-01-10"], "datetime64[D]")).tolist()
    [0, 6]
    """
    result: NDArray[np.int64] = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return result


def shares(days: DayArray) -> NDArray[np.float64]:
    """Return for each day of the week, Monday first, the fraction of the weeks from first to last with a bar on it."""
    weeks = max(1.0, (float((days.max() - days.min()).astype(int)) + 1.0) / 7.0)
    result: NDArray[np.float64] = np.bincount(weekday(days), minlength=7) / weeks
    return result


def infer_week(days: DayArray) -> Calendar | None:
    """Return the calendar with days off whose trading week clearly fits the dates; None if none does.

    >>> days = np.arange(np.datetime64("2021-01-03"), np.datetime64("2021-06-30"))
    >>> infer_week(days[np.isin(weekday(days), (6, 0, 1, 2, 3))])
    <Calendar.SUNDAY_TO_THURSDAY: 'sun-thu'>
    >>> infer_week(days) is None
    True
    """
    if (days.max() - days.min()).astype(int) < 7 * FEWEST_WEEKS:
        return None
    held = shares(days)
    for calendar, week in WEEKS.items():
        wanted = np.array([day == "1" for day in week])
        if (held[wanted] >= COMMON).all() and (held[~wanted] <= RARE).all():
            return calendar
    return None


def observed(days: DayArray) -> Calendar:
    """Return the observed calendar of these session dates, by the number of weekdays that usually have a bar.

    >>> observed(np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-03-01")))
    <Calendar.observed-7: 'observed-7'>
    """
    counts = np.bincount(weekday(days), minlength=7)
    return Calendar(f"observed-{int((counts >= COMMON * counts.max()).sum())}")
