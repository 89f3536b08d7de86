"""Measures of the dates of staged bars: holes, days without a session, and the density of bars.

A series passes as daily by its density, not by its gaps alone: weekly bars leave gaps of four weekdays, which may also
occur in a market whose holidays are unknown; figures per year of weekly bars would be five times too large.
"""

import numpy as np
from numpy.typing import NDArray

from exchange.sessions.calendars import holidays_known, sessions
from exchange.sessions.weekdays import COMMON, DAY_NAMES, LAST_SATURDAYS, weekday
from strategy.market.instruments import Calendar

DayArray = NDArray[np.datetime64]
FloatArray = NDArray[np.float64]

HOLE_WEEKDAYS = 5
#: Bars over which density is measured, and the fewest that suffice.
DENSE_BARS, FEWEST_BARS = 63, 10
#: Sessions due on a weekday before it can count as absent from a stretch, and the largest share of them with a bar.
FEWEST_SESSIONS, ABSENT = 8, 0.1
#: Bars per session below which a series is not daily; the second for observed dates, which a person has accepted.
LEAST_DENSE, LEAST_OBSERVED = 0.5, 0.25
#: Fewest weekdays on which observed dates must fall.
FEWEST_DAYS = 4


def hole_measures(
    days: DayArray, earlier: DayArray, calendar: Calendar, since: np.datetime64 | None, last_allowed: np.datetime64
) -> dict[str, object]:
    """Return the sessions missing before each bar beyond what the calendar allows, and the bars without a session."""
    missed, off = np.zeros(len(days)), np.zeros(len(days))
    first_missed = np.full(len(days), np.datetime64("NaT", "D"))
    allowed = np.zeros(len(days))
    ordered, position = np.unique(days, return_index=True)
    judged = ~np.isnat(ordered) & (ordered <= last_allowed)
    ordered, position = ordered[judged], position[judged]
    if len(ordered) and not calendar.is_observed:
        start = [since - 1] if since is not None else []
        anchors = np.concatenate([earlier[-1:], np.array(start, dtype="datetime64[D]")])
        previous = np.concatenate([[anchors.min() if len(anchors) else ordered[0] - 1], ordered[:-1]])
        held = sessions(calendar, min(previous[0], ordered[0]).astype(object), ordered[-1].astype(object))
        after = np.searchsorted(held, previous, side="right")
        missed[position] = np.maximum(np.searchsorted(held, ordered) - after, 0)
        hole = missed[position] > 0
        first_missed[position[hole]] = held[after[hole]]
        off[position] = ~np.isin(ordered, held)
    allowed[~np.isnat(first_missed) & ~holidays_known(calendar, first_missed)] = HOLE_WEEKDAYS
    saturdays = (days <= LAST_SATURDAYS) & (weekday(days) == 5)
    off[(calendar is Calendar.XNYS) & ~holidays_known(calendar, days)] = 0.0
    off[(calendar in (Calendar.XNYS, Calendar.WEEKDAYS)) & saturdays] = 0.0
    return {
        "sessions_missed": missed,
        "sessions_allowed": allowed,
        "sessions_missed_excess": missed - allowed,
        "first_missed": first_missed.astype("datetime64[us]"),
        "off_session": off,
    }


def density_measures(days: DayArray, earlier: DayArray, calendar: Calendar) -> dict[str, object]:
    """Return where the bars turn out not to be daily.

    Long holes are left to `hole_measures`: a gap counts as six sessions at most.
    """
    known = days[~np.isnat(days)]
    ordered = np.unique(np.concatenate([earlier, known]))
    sparse = np.zeros(len(days))
    found, wanted, reason = np.zeros(len(days)), np.zeros(len(days)), ""
    if len(ordered) >= FEWEST_BARS:
        bad, per_week, expected, lacking = _stretches(ordered, calendar)
        hit = ordered[bad][ordered[bad] >= known.min()] if len(known) else ordered[:0]
        if len(hit):
            row, at = int(np.flatnonzero(days == hit[0])[0]), int(np.searchsorted(ordered, hit[0]))
            sparse[row], found[row], wanted[row], reason = 1.0, per_week[at], expected[at], lacking[at]
    return {
        "sparse": sparse,
        "found_a_week": found,
        "wanted_a_week": wanted,
        "lacking": reason,
        "calendar": str(calendar),
    }


def _stretches(ordered: DayArray, calendar: Calendar) -> tuple[NDArray[np.bool_], FloatArray, FloatArray, list[str]]:
    """Return four values for the stretch that ends with each bar.

    They are: True if it is not daily, its bars a week, its sessions a week, and a text that names the missing weekdays.
    """
    held = _expected(ordered, calendar)
    after = np.searchsorted(held, ordered, side="right")
    gaps = np.diff(after, prepend=after[0] - 1).astype(np.float64)
    counted = np.cumsum(np.minimum(gaps, HOLE_WEEKDAYS + 1.0))
    rows = np.arange(len(ordered))
    first = np.maximum(rows - DENSE_BARS + 1, 0)
    bars = rows - first + 1.0
    span = counted - counted[first] + 1.0
    least = LEAST_OBSERVED if calendar.is_observed else LEAST_DENSE
    thin = (bars >= FEWEST_BARS) & (bars / span < least)
    # Sessions inside long holes do not count as missing weekdays.
    inside = np.ones(len(held), dtype=bool)
    for at in np.flatnonzero(gaps > HOLE_WEEKDAYS + 1):
        inside[after[at - 1] : after[at] - 1] = False
    due = _by_weekday(held, inside)
    seen = _by_weekday(ordered, np.ones(len(ordered), dtype=bool))
    start = np.searchsorted(held, ordered[first])
    due_here, seen_here = due[after] - due[start], seen[rows + 1] - seen[first]
    absent = (due_here >= FEWEST_SESSIONS) & (seen_here <= ABSENT * due_here)
    if calendar.is_observed:
        absent[:] = False
        thin |= (bars >= FEWEST_BARS) & (_common(ordered).sum() < FEWEST_DAYS)
    weeks = np.maximum((ordered - ordered[first]).astype(np.float64) + 1.0, 1.0) / 7.0
    lacking = [
        "none on " + ", ".join(DAY_NAMES[day] for day in np.flatnonzero(row)) if row.any() else "too few of them"
        for row in absent
    ]
    return thin | absent.any(axis=1), bars / weeks, span / weeks, lacking


def _expected(ordered: DayArray, calendar: Calendar) -> DayArray:
    """Return the sessions from the first bar to the last, by the calendar or, for observed dates, by their weekdays."""
    first, last = ordered[0].astype(object), ordered[-1].astype(object)
    held = sessions(calendar, first, last)
    if calendar.is_observed:
        held = held[_common(ordered)[weekday(held)]]
    elif calendar is Calendar.WEEKDAYS:
        # In 1968 New York closed on Wednesdays for half a year, and markets that follow it did too.
        old = ~holidays_known(Calendar.XNYS, held)
        held = held[~old | np.isin(held, sessions(Calendar.XNYS, first, last))]
    return np.union1d(held, ordered)


def _common(ordered: DayArray) -> NDArray[np.bool_]:
    counts = np.bincount(weekday(ordered), minlength=7)
    return np.asarray(counts >= COMMON * counts.max())


def _by_weekday(days: DayArray, counted: NDArray[np.bool_]) -> FloatArray:
    """Return how many of the days before each position fall on each weekday, (N + 1, 7)."""
    marks = np.zeros((len(days) + 1, 7))
    marks[np.arange(len(days)) + 1, weekday(days)] = counted
    return np.cumsum(marks, axis=0)
