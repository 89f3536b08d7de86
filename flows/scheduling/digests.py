"""The digest of a day: whether one is sent, what stands beside the day in it, and its way to a person."""

import logging
import os
from collections.abc import Collection
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.config.settings import Settings
from flows.config.wall_clock import clock
from flows.planning.day_plan import DayPlan
from flows.scheduling import alerts
from flows.scheduling.next_runs import run_after
from flows.server.up_server import served_at
from storage.database import connect
from storage.reports import INDEX, day_pages
from tasks.digest import due
from tasks.digest.sending import AccountDay, tell_once
from tasks.digest.wording import Beside, Message, next_run
from tasks.operations.concerns import look

log = logging.getLogger(__name__)

#: Prefect's own variable for the address of its page, where that is not the address of its server.
PAGE = "PREFECT_UI_URL"
#: Concerns that a digest tells in lines of its own.
_TOLD = frozenset({"failed", "halted", "held", "overdue", "partial", "unfinished"})


def tell_day(day: DayPlan) -> tuple[str, ...]:
    """Send the digest of a day that has been run, if it is due; return a warning if it could not be sent."""
    if not _wanted(day.settings):
        return ()
    job, now, lateness = day.job, clock(), timedelta(hours=day.settings.max_lateness_hours)
    try:
        with connect(job.home) as store:
            ready = due.is_due(store, job.account, job.as_of, now, lateness)
        return _told(job.home, job.account, job.as_of, now) if ready else ()
    except Exception as error:  # noqa: BLE001 - whatever a message meets, the day has been traded
        return (_unsent(job.account, job.as_of, type(error).__name__),)


def tell_overdue(settings: Settings, accounts: Collection[str], now: datetime) -> None:
    """Send the digest of each account's newest day whose time is over, unless the day has sent its own."""
    if not _wanted(settings):
        return
    lateness = timedelta(hours=settings.max_lateness_hours)
    for account in sorted(accounts):
        with connect(settings.home) as store:
            day = due.overdue(store, account, now, lateness)
        if day is None:
            continue
        try:
            _told(settings.home, account, day, now)
        except Exception as error:  # noqa: BLE001 - the watchdog has more to tell
            _unsent(account, day, type(error).__name__)


def beside_day(home: Path, account: str, as_of: date, now: datetime) -> Beside:
    """Return what stands beside a day in its digest: open concerns of the account, the next run, and its pages."""
    found = look(home, now, {account})
    return Beside(
        concerns=tuple(concern.text for concern in found if concern.key.partition(":")[0] not in _TOLD),
        next_run=_next_run(home, account, as_of),
        pages=_pages(home, account, as_of),
    )


def _wanted(settings: Settings) -> bool:
    """Return whether digests are to be sent and anybody may be there to read them; asks no server."""
    return settings.notify != "faults" and alerts.has_reader()


def _told(home: Path, account: str, as_of: date, now: datetime) -> tuple[str, ...]:
    """Send the day's digest once; return a warning if it was not taken.

    A server that does not say whether there is a block leaves the day unclaimed: the watchdog tries again.
    """
    try:
        way = alerts.recipient()
    except Exception as error:  # noqa: BLE001 - a block may use any library
        return (_unsent(account, as_of, type(error).__name__),)
    if way is None:
        return ()

    def send(message: Message) -> bool:
        return alerts.send(way, message.subject, message.body)

    day = AccountDay(home=home, account=account, as_of=as_of)
    taken = tell_once(day, now, beside_day(home, account, as_of, now), send)
    return (_unsent(account, as_of),) if taken is False else ()


def _unsent(account: str, as_of: date, error: str = "") -> str:
    """Return the warning, with an error's class alone: what a library says may hold the address."""
    why = f" ({error})" if error else ""
    said = (
        f"the digest of {as_of} could not be sent{why}; `turbodmt digest --account {account} --as-of {as_of}` prints it"
    )
    log.warning("%s%s.", said[:1].upper(), said[1:])
    return said


def _next_run(home: Path, account: str, as_of: date) -> str:
    """Return a line on the first run that has a later bar to see; empty if no server is joined, or it does not say."""
    if "PREFECT_API_URL" not in os.environ:
        return ""
    try:
        with connect(home) as store:
            close = due.next_close(store, account, as_of)
        start = run_after(account, close) if close else None
    except Exception as error:  # noqa: BLE001 - a digest goes out without it
        log.info("The next run of account %s is not known (%s).", account, type(error).__name__)
        return ""
    return next_run(start)


def _pages(home: Path, account: str, as_of: date) -> tuple[str, ...]:
    """Return the addresses to read on, each a line of its own: the day's report, and the page of all accounts.

    None where Prefect's server does not show them.
    """
    below = served_at(home)
    if below is None or as_of not in day_pages(home, account):
        return ()
    root = os.environ.get(PAGE) or os.environ["PREFECT_API_URL"].rstrip("/").removesuffix("/api")
    return tuple(f"{root.rstrip('/')}{below}/{page}" for page in (f"{account}/{as_of}.html", INDEX))
