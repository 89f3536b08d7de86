"""The days of an account: those with a bar of any of its symbols, and every session once all of them are delisted."""

from collections.abc import Collection
from datetime import date

import numpy as np

from exchange.sessions.calendars import sessions
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import Connection
from strategy.market.instruments import Instrument
from tasks.run.job import Job


def account_dates(store: Connection, job: Job, *, after: date, until: date) -> tuple[date, ...]:
    """Return the account's days after `after` up to `until`, included, sorted.

    Without a listed symbol no bar makes a day, and yet positions are paid out and cash earns interest.
    """
    dated = bar_store.session_dates(store, job.source, job.symbols, after=after, until=until)
    known = instrument_store.load(store, job.source, job.symbols)
    gone = all_delisted_from(known.values()) if len(known) == len(job.symbols) else None
    if gone is None or gone > until:
        return dated
    return tuple(sorted({*dated, *(day for day in sessions_of(known.values(), gone, until) if day > after)}))


def all_delisted_from(instruments: Collection[Instrument]) -> date | None:
    """Return the first day on which all of the instruments are delisted; None if one is listed, or there is none."""
    days = [instrument.delisted_from for instrument in instruments]
    ends = [day for day in days if day is not None]
    return max(ends) if ends and len(ends) == len(days) else None


def sessions_of(instruments: Collection[Instrument], first: date, last: date) -> tuple[date, ...]:
    """Return the days from first to last, both included, on which any of the instruments has a session, sorted."""
    calendars = {instrument.calendar for instrument in instruments}
    found = [sessions(calendar, first, last) for calendar in calendars]
    days: list[date] = np.unique(np.concatenate(found)).tolist() if found else []
    return tuple(days)
