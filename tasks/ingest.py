"""Ingest: asks the store what it has, fetches what is missing, and stages it for the gate."""

import logging
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from exchange.ports import BarRequest, BarSource
from storage import bars as bar_store
from storage import instruments as instrument_store
from storage import ledger
from storage.database import connect
from storage.staging import discard, stage
from tasks.job import Job

log = logging.getLogger(__name__)

#: Bars up to the last published one that a streaming source is asked for again, at least: what the vendor corrected or
#: told in another unit is seen in them, and they link the adjustment factor.
OVERLAP_BARS = 30
#: Account days that a position is traced back, so that all bars which it has seen are asked for again.
MOST_DAYS_HELD = 1_000
#: Days before a position's first that its first order was decided in, at most.
DECIDED_DAYS = 7


def ingest(job: Job, open_source: Callable[[], BarSource], until: date | None = None) -> dict[str, int]:
    """Staged rows per symbol up to `until` (None: `as_of`), 0 where the source has nothing new.

    Raises SourceRefused, SourceUnavailable; then nothing has changed.
    """
    source = open_source()
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, job.symbols)
        overlap = bar_store.nth_last_published(store, job.source, job.symbols, OVERLAP_BARS)
        held = ledger.held_since(store, job.account, last_days=MOST_DAYS_HELD)
    # What a record lets infer may change with every bar that is added to it; asking it costs nothing.
    asked = tuple(symbol for symbol in job.symbols if symbol not in known) if source.streaming else job.symbols
    fresh = source.instruments(asked) if asked else ()
    frame = source.fetch(BarRequest(since=_since(source, job, overlap, held), until=until or job.as_of, now=job.now))
    with connect(job.home) as store:
        instrument_store.save(store, job.source, fresh)
        staged = stage(store, job.source, frame, ingested_at=job.now)
        discard(store, job.source, [symbol for symbol in job.symbols if symbol not in staged])
    log.info("Staged %d bars from %s; symbols: %d.", sum(staged.values()), job.source, len(job.symbols))
    return staged


def _since(
    source: BarSource, job: Job, overlap: Mapping[str, date], held: Mapping[str, date]
) -> dict[str, date | None]:
    """Return from when to fetch: a record is read whole, so that a price corrected anywhere in it is seen.

    Other sources are asked for the overlap, and for all that the account's position has seen.
    """
    if not source.streaming:
        return dict.fromkeys(job.symbols)
    seen = {symbol: day - timedelta(days=DECIDED_DAYS) for symbol, day in held.items()}
    return {
        symbol: min(overlap[symbol], seen.get(symbol, overlap[symbol])) if symbol in overlap else None
        for symbol in job.symbols
    }
