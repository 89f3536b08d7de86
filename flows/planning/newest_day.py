"""The newest day that a run may ask for: that of the last closed bar, or the one after the end of a record."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from exchange.ports import BarSource
from exchange.sessions.closing_times import closed_by
from flows.config.settings import Settings
from storage.database import DATABASE_NAME, connect
from strategy.market.instruments import Calendar, Instrument
from tasks.data.account_dates import all_delisted_from, sessions_of
from tasks.run.kept_terms import last_settled

#: The longest closure of an exchange on record, New York's of 1914, was four and a half months.
_CLOSURE = timedelta(days=180)
_DAY = timedelta(days=1)


def newest_bar(source: BarSource, symbols: tuple[str, ...], calendars: Collection[Calendar], now: datetime) -> date:
    """Return the newest date on which any of the symbols has a closed bar. Raises what the source raises."""
    newest = source.last_session(symbols, now)
    # A record written during the session ends with today's bar, which is not closed yet.
    return source.last_session(symbols, now - _DAY) if closed(calendars, newest) > now else newest


def day_of_payout(source: BarSource, instruments: Collection[Instrument], newest: date, now: datetime) -> date:
    """Return the session after the end of a record, on which what is held of its delisted symbols becomes cash.

    It is `newest`, the day of its last bar, while one of them is listed or that session is not over. A streaming
    source has sessions after the last bar without this.
    """
    gone = all_delisted_from(instruments)
    if source.streaming or gone is None:
        return newest
    first = max(gone, newest + _DAY)
    later = sessions_of(instruments, first, min(first + _CLOSURE, max(first, now.date())))
    return later[0] if later and closed({each.calendar for each in instruments}, later[0]) <= now else newest


def has_begun(settings: Settings, account: str) -> bool:
    """Return whether the account has settled a day."""
    if not (settings.home / DATABASE_NAME).is_file():
        return False
    with connect(settings.home) as store:
        return last_settled(store, account) is not None


def closed(calendars: Collection[Calendar], as_of: date) -> datetime:
    """Return the instant at which the day's last bar is complete."""
    return max(closed_by(calendar, as_of) for calendar in calendars)
