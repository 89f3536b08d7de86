"""Trading calendars: session dates, and the instants at which their bars are closed."""

import warnings
from collections.abc import Callable
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exchange.sessions.recorded_sessions import recorded
from exchange.sessions.weekdays import COMMON, LAST_SATURDAYS, WEEKS, DayArray, infer_week, shares, weekday
from strategy.market.instruments import OBSERVED, Calendar

#: exchange_calendars knows New York's annual holidays only from this date on. Earlier sessions are the weekdays except
#: its list of special closings (1933, 1968, ...), so some of them may never have been held.
HOLIDAYS_KNOWN_FROM = date(1970, 1, 1)

_FIRST_KNOWN = "1885-01-01"
_LAST_KNOWN = "2199-12-31"


def sessions(calendar: Calendar, first: date, last: date) -> DayArray:
    """Return the session dates from first to last, both included, as datetime64[D], increasing.

    Where the holidays of an exchange are not known (XNYS before 1970 and after 2199), they are the days of its trading
    week except special closings. For observed dates, any day may be a session.

    >>> sessions(Calendar.XNYS, date(2021, 1, 15), date(2021, 1, 19)).astype(str).tolist()
    ['2021-01-15', '2021-01-19']
    >>> len(sessions(Calendar.ALWAYS, date(2021, 1, 15), date(2021, 1, 19)))
    5
    >>> sessions(Calendar("XTKS"), date(2021, 1, 1), date(2021, 1, 5)).astype(str).tolist()
    ['2021-01-04', '2021-01-05']
    """
    return _sessions(calendar, first, last)


@lru_cache(maxsize=64)
def _sessions(calendar: Calendar, first: date, last: date) -> DayArray:
    """Return the dates, which are read alone: many symbols have the same first and last bar."""
    days = _computed_sessions(calendar, first, last)
    days.flags.writeable = False
    return days


def _computed_sessions(calendar: Calendar, first: date, last: date) -> DayArray:
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    if calendar is Calendar.ALWAYS or calendar.is_observed:
        return days
    if calendar in WEEKS:
        return days[np.is_busday(days, weekmask=WEEKS[calendar])]
    known, _ = sessions_and_closes(str(calendar))
    usual = days[np.is_busday(days, weekmask=_week_of(known))]
    held = (
        known[np.searchsorted(known, days[0]) : np.searchsorted(known, days[-1], side="right")] if len(days) else days
    )
    return np.concatenate([usual[usual < known[0]], held, usual[usual > known[-1]]])


def holidays_known(calendar: Calendar, days: DayArray) -> NDArray[np.bool_]:
    """Return for each day whether the calendar knows all holidays of its time, so that a missing bar is a gap."""
    if calendar is Calendar.ALWAYS:
        return np.ones(len(days), dtype=bool)
    if calendar in WEEKS or calendar.is_observed:
        return np.zeros(len(days), dtype=bool)
    if calendar is Calendar.XNYS:
        return np.asarray(days >= np.datetime64(HOLIDAYS_KNOWN_FROM, "D"))
    known, _ = sessions_and_closes(str(calendar))
    return np.asarray((days >= known[0]) & (days <= known[-1]))


def infer_calendar(symbol: str, dates: DayArray) -> Calendar:
    """Infer the calendar from the dates of a symbol's bars; raises ValueError if there is no date.

    If at least a tenth of the bars fall on weekends (2/7 would be all): a trading week that includes weekend days and
    has days off, if the dates are clear, else around the clock. Otherwise New York if at most a tenth of its holidays
    within the dates have a bar and at most a hundredth of the bars fall on weekends (single wrong dates must not
    change the result), else weekdays. Saturdays until 1952 do not count as weekend.

    >>> infer_calendar("SPY", np.array(["2020-12-31", "2021-01-04", "2021-01-15", "2021-01-19"], "datetime64[D]"))
    <Calendar.XNYS: 'XNYS'>
    >>> infer_calendar("EURUSD", np.array(["2020-12-31", "2021-01-01", "2021-01-18"], "datetime64[D]"))
    <Calendar.WEEKDAYS: 'weekdays'>
    """
    days = np.unique(dates.astype("datetime64[D]"))
    days = days[~np.isnat(days)]
    if not len(days):
        raise ValueError(f"{symbol}: there is no date to infer a calendar from; give at least one bar")
    weekend = ~np.is_busday(days) & ~((days <= LAST_SATURDAYS) & (weekday(days) == 5))
    weekend_share = float(np.mean(weekend))
    if weekend_share >= 0.1:
        return infer_week(days) or Calendar.ALWAYS
    known = days[days >= np.datetime64(HOLIDAYS_KNOWN_FROM, "D")]
    if not len(known) or weekend_share > 0.01:
        return Calendar.WEEKDAYS
    first, last = known[0].astype(object), known[-1].astype(object)
    holidays = _holidays(first, last)
    traded_holidays = np.isin(holidays, known).sum()
    return Calendar.XNYS if traded_holidays <= 0.1 * len(holidays) else Calendar.WEEKDAYS


@lru_cache(maxsize=64)
def _holidays(first: date, last: date) -> DayArray:
    """Return the weekdays without a session in New York: many symbols have the same first and last bar."""
    return np.setdiff1d(sessions(Calendar.WEEKDAYS, first, last), sessions(Calendar.XNYS, first, last))


def why_inferred(calendar: Calendar) -> str:
    """Return the reason, in words, why the dates of a file's bars suggest the calendar."""
    if calendar is Calendar.XNYS:
        return "hardly a bar lies on a holiday of New York"
    if calendar is Calendar.WEEKDAYS:
        return "hardly a bar lies on a weekend, and some lie on holidays of New York"
    if calendar is Calendar.ALWAYS:
        return "at least a tenth of the bars lie on weekends"
    return "its days of the week have bars and the others have none"


def calendar_named(name: str) -> Calendar:
    """Return the calendar of this name: one of ours, an exchange's, or `observed`.

    Raises ValueError for an unknown name, and for a calendar that cannot be built.

    >>> calendar_named("nyse"), calendar_named("XTKS")
    (<Calendar.XNYS: 'XNYS'>, <Calendar.XTKS: 'XTKS'>)
    """
    import exchange_calendars

    ours = [*(str(calendar) for calendar in Calendar.__members__.values()), OBSERVED]
    exact = {known.lower(): known for known in (*exchange_calendars.get_calendar_names(include_aliases=True), *ours)}
    known = exact.get(name.strip().lower())
    if known is None:
        close = get_close_matches(name.strip().lower(), exact, n=3)
        remedy = (
            f"did you mean {', '.join(exact[spelling] for spelling in close)}"
            if close
            else "such as XLON, XTKS or XSHG"
        )
        raise ValueError(
            f"no calendar is called {name!r}; name one that exchange-calendars has ({remedy}), or one of "
            f"{', '.join(ours)}"
        )
    if known not in ours:
        known = exchange_calendars.resolve_alias(known)
        sessions_and_closes(known)
    return Calendar(known)


def _week_of(known: DayArray) -> str:
    """Return a mask of the days of the week on which an exchange usually has sessions, by its newest year."""
    held = shares(known[-250:])
    return "".join("1" if share >= COMMON else "0" for share in held)


@lru_cache(maxsize=16)
def sessions_and_closes(name: str) -> tuple[DayArray, NDArray[np.datetime64]]:
    """Return the known session dates (datetime64[D]) of an exchange, and their closes (datetime64[us], UTC).

    Raises ValueError if they cannot be computed.
    """
    known = recorded() if name == Calendar.XNYS else None
    return computed_sessions_and_closes(name) if known is None else known


def computed_sessions_and_closes(name: str) -> tuple[DayArray, NDArray[np.datetime64]]:
    """Return what `sessions_and_closes` does, computed by exchange_calendars.

    Raises ValueError if they cannot be computed.
    """
    # Building takes 0.15 s whatever the span, the import 0.1 s on top of pandas: so it happens here, and once.
    import exchange_calendars

    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads Series.values, for which pandas 3.1 warns of a change.
        warnings.filterwarnings("ignore", message="Series.values returning an ndarray", category=DeprecationWarning)
        try:
            calendar = _whole(exchange_calendars.get_calendar, name)
        except ValueError as error:
            raise ValueError(
                f"the calendar {name} cannot be built by the installed exchange-calendars ({str(error)[:60]}...); name "
                f"another, or {OBSERVED}"
            ) from error
    days = calendar.sessions.to_numpy().astype("datetime64[D]")
    closes = calendar.closes.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    if name != Calendar.XNYS:
        return days, closes
    # There were Saturday morning sessions until 1952; some records have them, others leave them out.
    usual = np.is_busday(days)
    return days[usual], closes[usual]


def _whole(get_calendar: Callable[..., Any], name: str) -> Any:
    """Return the calendar over all dates that it supports; raises ValueError if it cannot be built."""
    try:
        return get_calendar(name, start=_FIRST_KNOWN, end=_LAST_KNOWN)
    except ValueError:
        # Only the class of a calendar tells its bounds, and only a calendar tells its class.
        kind = type(get_calendar(name))
        return kind(start=_bound(kind.bound_min, _FIRST_KNOWN), end=_bound(kind.bound_max, _LAST_KNOWN))


def _bound(asked: Callable[[], Any], otherwise: str) -> Any:
    """Return the first or last date that an exchange's calendar supports, or ours if it states none."""
    try:
        return asked() or otherwise
    except NotImplementedError:
        return otherwise
