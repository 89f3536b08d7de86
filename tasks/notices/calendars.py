"""Sentences about a symbol's calendar: which it is, where it comes from, and how to set another."""

from collections.abc import Mapping

from exchange.sessions.calendars import why_inferred
from strategy.market.instruments import Instrument
from tasks.run.job import Job

_REMEDY = "name another with --calendar NAME"


def told_calendar(job: Job, instrument: Instrument) -> str:
    """Return the symbol's calendar and where it comes from, with the remedy if it does not fit."""
    calendar = instrument.calendar
    if instrument.symbol in _named(job):
        return f"the calendar {calendar} was named by hand; {_REMEDY}"
    if job.source.startswith("file:"):
        return f"the calendar {calendar} was inferred, as {why_inferred(calendar)}; {_REMEDY}"
    return f"the calendar {calendar} is the source's; {_REMEDY}"


def calendar_remarks(job: Job, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Return the warnings about calendars that were inferred from a file's dates or set by a person.

    A calendar determines costs and the number of sessions a year.
    """
    named = {symbol: instrument.calendar for symbol, instrument in sorted(instruments.items()) if symbol in _named(job)}
    inferred = {
        symbol: instrument.calendar for symbol, instrument in sorted(instruments.items()) if symbol not in named
    }
    remarks = []
    if inferred and job.source.startswith("file:"):
        listed = ", ".join(f"{symbol} {calendar}" for symbol, calendar in inferred.items())
        remarks.append(f"calendars are inferred from the dates: {listed}")
    if named:
        listed = ", ".join(f"{symbol} {calendar}" for symbol, calendar in named.items())
        remarks.append(f"calendars are as named by hand: {listed}; --calendar inferred takes that back")
    return tuple(remarks)


def _named(job: Job) -> set[str]:
    return {calendar.rpartition(" ")[0] for calendar in job.calendars}
