"""Settle: every account day since the last one fills its open orders at the new opens and is marked at the closes."""

import logging
from datetime import date

from prefect import task
from prefect.cache_policies import NO_CACHE

from storage import bars as bar_store
from storage import ledger, risk_state
from storage.database import Connection, connect, transaction
from strategy.backtest import Day, opening, settle_day
from strategy.risk import watched
from tasks.job import Job
from tasks.standing import mandate_of, quotes_since, standing_at

log = logging.getLogger(__name__)


@task(name="settle", task_run_name="settle", cache_policy=NO_CACHE)
def settle(job: Job) -> tuple[date, ...]:
    """The account days that were settled now, `as_of` last; empty if the ledger stands there already.

    A new account opens at `as_of` with its capital. Each day is one transaction.
    """
    with connect(job.home) as store:
        standing = standing_at(store, job, job.as_of)
        if standing is None:
            first = Day(standing=opening(job.as_of, job.policy.capital), fills=(), entries=(), settled=())
            _record(store, job, first)
            log.info("Account %s opens on %s with %s.", job.account, job.as_of, job.policy.capital)
            return (job.as_of,)
        mandate = mandate_of(store, job)
        quotes = quotes_since(store, job, standing)
        after = standing.account.as_of
        dates = bar_store.session_dates(store, job.source, job.symbols, after=after, until=job.as_of)
        for day in dates:
            settled = settle_day(standing, quotes.on(day), day, mandate)
            standing = settled.standing
            _record(store, job, settled)
            for fill in settled.fills:
                log.info("%s: %s %s %s filled at %s.", day, fill.side, fill.quantity, fill.symbol, fill.price)
    return dates


def _record(store: Connection, job: Job, day: Day) -> None:
    """None; the day and what it means for the halt are stored, both or neither."""
    before = risk_state.load(store, job.account)
    after = watched(before, day.standing.snapshot, job.policy.limits)
    with transaction(store):
        ledger.record_settlement(store, job.account, day)
        risk_state.save(store, job.account, after)
    if after.halted and not before.halted:
        log.error("Account %s is halted: %s.", job.account, after.reason)
