"""When a day's digest is due: as soon as the day is done, or else when its time is over."""

from datetime import date, datetime, timedelta

from exchange.sessions.calendars import sessions
from exchange.sessions.closing_times import closed_by, last_closed
from storage.accounts import digests
from storage.bars import instruments as instrument_store
from storage.database import Connection
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.market.instruments import Calendar
from strategy.portfolio.decision import Status
from tasks.digest.facts import DayKind, kind_on

#: A day that closed longer ago than this is a replay, or an account that nobody runs any more: no message is sent.
LIVE_WITHIN = timedelta(days=7)
#: No exchange closes for longer between two sessions, but in wars.
_NEXT_WITHIN = timedelta(days=30)


def is_due(store: Connection, account: str, as_of: date, now: datetime, lateness: timedelta) -> bool:
    """Return whether the message on a day that has been run is due, unless it was claimed: it is done, halted or over.

    A day is over once `lateness` has passed since the last of its bars closed. None is due of a replay, nor of a day
    that no run has begun, such as a holiday.
    """
    closed = _closed(store, account, as_of)
    if closed is None or now - closed > LIVE_WITHIN or digests.on_day(store, account, as_of):
        return False
    kind = kind_on(store, account, as_of)
    if kind is DayKind.MISSED:
        return False
    waits = any(each.status is Status.QUARANTINED for each in ledger.decisions_on(store, account, as_of))
    return kind is DayKind.DONE or (kind is DayKind.HALTED and not waits) or now > closed + lateness


def overdue(store: Connection, account: str, now: datetime, lateness: timedelta) -> date | None:
    """Return the newest day of the account whose time is over without a message; None if there is none.

    None too for an account without a day since LIVE_WITHIN, or before its first.
    """
    last = position_store.latest_snapshot(store, account)
    calendars = _calendars(store, account)
    if last is None or not calendars:
        return None
    day = max(last_closed(calendar, now - lateness) for calendar in calendars)
    closed = _closed(store, account, day)
    first = ledger.first_day(store, account)
    if closed is None or now <= closed + lateness or first is None or day < first:
        return None
    if day - last.account.as_of > LIVE_WITHIN:
        return None
    return None if digests.on_day(store, account, day) else day


def next_close(store: Connection, account: str, as_of: date) -> datetime | None:
    """Return when the first bar after the day closes, of any of the account's symbols; None if that is not known."""
    closes = [
        closed_by(calendar, session)
        for calendar in _calendars(store, account)
        for session in sessions(calendar, as_of + timedelta(days=1), as_of + _NEXT_WITHIN)[:1].astype(object).tolist()
    ]
    return min(closes, default=None)


def _closed(store: Connection, account: str, as_of: date) -> datetime | None:
    """Return when the last of the day's bars closed; None if the account's symbols are not known."""
    return max((closed_by(calendar, as_of) for calendar in _calendars(store, account)), default=None)


def _calendars(store: Connection, account: str) -> list[Calendar]:
    """Return the calendars of the symbols of the account's newest decided day."""
    known = instrument_store.find(store, *ledger.newest_panel(store, account))
    return list({instrument.calendar for instrument in known.values()})
