"""Settle: every account day since the last one fills its open orders at the new opens and is marked at the closes."""

import logging
from datetime import date

from prefect import task
from prefect.cache_policies import NO_CACHE

from storage import bars as bar_store
from storage import ledger
from storage.database import connect
from strategy.backtest import Day, opening, settle_day
from strategy.market import tape
from tasks.job import Job
from tasks.standing import mandate_of, standing_at

log = logging.getLogger(__name__)


@task(name="settle", cache_policy=NO_CACHE)
def settle(job: Job) -> tuple[date, ...]:
    """The account days that were settled now, `as_of` last; empty if the ledger stands there already.

    A new account opens at `as_of` with its capital. Each day is one transaction.
    """
    with connect(job.home) as store:
        standing = standing_at(store, job, job.as_of)
        if standing is None:
            first = Day(standing=opening(job.as_of, job.policy.capital), fills=(), entries=(), settled=())
            ledger.record_settlement(store, job.account, first)
            log.info("Account %s opens on %s with %s.", job.account, job.as_of, job.policy.capital)
            return (job.as_of,)
        mandate = mandate_of(store, job)
        start = standing.account.as_of
        held = tuple(sorted(set(job.symbols) | set(standing.account.positions)))
        dates = bar_store.session_dates(store, job.source, job.symbols, after=start, until=job.as_of)
        bars = bar_store.load(store, job.source, held, until=job.as_of, last_bars=_span_bars(start, job.as_of))
        quotes = tape(bars, start, job.as_of)
        for day in dates:
            settled = settle_day(standing, quotes.on(day), day, mandate)
            standing = settled.standing
            ledger.record_settlement(store, job.account, settled)
            for fill in settled.fills:
                log.info("%s: %s %s %s filled at %s.", day, fill.side, fill.quantity, fill.symbol, fill.price)
    return dates


def _span_bars(first: date, last: date) -> int:
    """Enough bars to cover the days from first to last, and the bar before them."""
    return (last - first).days + 2
