"""Until when a repeat of a day that is done has nothing to do, for the note of it."""

import logging
from dataclasses import replace
from pathlib import Path

from exchange.ports import SourceRefused, SourceUnavailable
from exchange.sessions.closing_times import next_close
from flows.config.instrument_file import table_of
from flows.config.paths import expanded
from flows.config.wall_clock import clock
from flows.planning.base_currency import closing_calendars, in_kept_currency
from flows.planning.day_plan import DayPlan
from flows.work.done_days import Asked, DayEnd, Rest, file_seen, note, store_seen
from storage.bars.named_calendars import load_calendars
from storage.database import connect
from storage.errors import StoreError
from storage.ledger import runs
from strategy.account.fees_and_slippage import on_stated_terms
from strategy.builtin.registry import BUILT_IN
from tasks.run.runs import DAILY, finished

log = logging.getLogger(__name__)


def note_end(day: DayPlan, request: Asked, *, named: bool) -> None:
    """Note the day for the next command that asks the same, which holds until anything is written to the store.

    Only a day of built-in strategies is noted: the file or package of another one may change without a trace here. A
    note that cannot be made is left out, since the day itself has ended.
    """
    if not all(part.name in BUILT_IN for part in day.job.policy.strategy.parts):
        return
    try:
        done = finished(day.job)
        rest = None if done is None else rest_of(day, named=named)
        if done is not None and rest is not None:
            seen = replace(rest, store=store_seen(day.job.home))
            note(request, seen, DayEnd(answer=done.to_json(), sentence=f"{done.warnings[-1]}."), clock())
    except (OSError, SourceRefused, SourceUnavailable, StoreError) as error:
        log.info("The day's end is not noted: %s.", error)


def rest_of(day: DayPlan, *, named: bool) -> Rest | None:
    """Return until when a repeat has nothing to do; None if no run has done the day, or a later bar has closed."""
    job, until = day.job, None
    if not named:
        settings = in_kept_currency(day.settings, job.account)
        stated = table_of(settings.instruments)
        instruments = [on_stated_terms(each, stated) for each in day.source.instruments(job.symbols)]
        until = next_close(closing_calendars(instruments, settings.base_currency), job.as_of)
    with connect(job.home) as store:
        status = runs.last_status(store, job.account, job.as_of, DAILY)
        named_ones = load_calendars(store, job.source)
    if status is None or (until is not None and until <= clock()):
        return None
    source = day.settings.source
    return Rest(
        command=DAILY,
        as_of=job.as_of,
        status=status,
        until=until,
        source=job.source,
        calendars={symbol: str(calendar) for symbol, calendar in named_ones.items()},
        file=file_seen(expanded(Path(source.removeprefix("file:")))) if source.startswith("file:") else None,
    )
