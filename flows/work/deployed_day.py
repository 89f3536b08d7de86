"""A day as a deployment runs it: a source that is late is waited for, and what is done is noted for the repeats."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from prefect.runtime import deployment

from exchange.ports import SourceUnavailable
from exchange.sessions.closing_times import closed_by, last_closed
from flows.config.settings import Settings, load
from flows.config.wall_clock import clock
from flows.planning.day_plan import DayPlan, plan_day
from flows.planning.plan import Request
from flows.runs.repeats import next_try_at
from flows.runs.run_names import name_run
from flows.runs.run_states import DayWaits
from flows.server.up_server import served_at
from flows.work.day import Tell, prepared, withheld_before, without_work, worked
from flows.work.done_days import Asked, DayEnd, note
from flows.work.rest import rest_of
from storage.bars import instruments as instrument_store
from storage.database import connect
from storage.ledger import days as ledger
from strategy.market.instruments import Calendar
from tasks.prefect_tasks import AS_TASKS, report
from tasks.run.runs import finished
from tasks.validation.gate import NothingPublishable


def tracked_day(given: Mapping[str, object], account: str, as_of: date | None, request: Asked, tell: Tell) -> DayEnd:
    """Run the day as Prefect's tasks, tell a person of it, and return its end.

    In a deployment's run a source that is late raises DayWaits while the newest day may still be traded.
    """
    settings = load(given)
    if not deployment.id:
        return _run(_planned(settings, account, as_of), tell)
    if as_of is not None:
        return _noted(_planned(settings, account, as_of), request, tell, named=True)
    try:
        day = _planned(settings, account, None)
    except SourceUnavailable as error:
        until = _last_close(settings.home, account) + timedelta(hours=settings.max_lateness_hours)
        raise _waiting(error, until) from error
    try:
        return _noted(day, request, tell, named=False)
    except (SourceUnavailable, NothingPublishable) as error:
        raise _waiting(error, day.job.sends_until) from error


def _planned(settings: Settings, account: str, as_of: date | None) -> DayPlan:
    request = Request(account=account, as_of=as_of, clock=clock(), broker=settings.broker)
    return prepared(plan_day(settings, request))


def _run(day: DayPlan, tell: Tell) -> DayEnd:
    end = without_work(day)
    if end is not None:
        # A day that was left partial may be over by now.
        tell(day)
        return end
    name_run(day.job, f"{day.job.as_of}")
    # A schedule repeats the day; its first run has failed, and said so.
    end = withheld_before(day) if deployment.id else None
    steps = replace(AS_TASKS, report=partial(report, served_at=served_at(day.settings.home)))
    return end or worked(day, steps, tell)


def _noted(day: DayPlan, request: Asked, tell: Tell, *, named: bool) -> DayEnd:
    """Run the day, and note it once a repeat of it would have nothing to do."""
    end = _run(day, tell)
    done = finished(day.job)
    rest = None if done is None else rest_of(day, named=named)
    if done is not None and rest is not None:
        note(request, rest, DayEnd(answer=done.to_json(), sentence=f"{done.warnings[-1]}."), clock())
    return end


def _waiting(error: Exception, until: datetime | None) -> Exception:
    """Return the failure of a run that found the source late: DayWaits while orders of the day may still be sent."""
    now = clock()
    if until is None or now > until:
        return error
    again = next_try_at(now)
    if again is not None and again <= until:
        return DayWaits(f"{error}; the day is tried again at {again:%H:%M} UTC", tried_again=True)
    return DayWaits(
        f"{error}; no other run is planned before {until:%Y-%m-%d %H:%M} UTC, until when orders of the day may be sent",
        tried_again=False,
    )


def _last_close(home: Path, account: str) -> datetime:
    """Return when the newest bars of the account's symbols closed; of a new account the last midnight UTC."""
    now = clock()
    with connect(home) as store:
        known = instrument_store.find(store, *ledger.newest_panel(store, account)).values()
    calendars = {each.calendar for each in known} or {Calendar.ALWAYS}
    return max(closed_by(calendar, last_closed(calendar, now)) for calendar in calendars)
