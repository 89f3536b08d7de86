"""Ingest: asks the store what it has, fetches what is missing, and stages it for the gate."""

import logging
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from exchange.ports import BarRequest, BarSource
from storage import bars as bar_store
from storage import instruments as instrument_store
from storage.database import connect
from storage.staging import discard, stage
from tasks.job import Job

log = logging.getLogger(__name__)

#: Days before the last published bar that a streaming source is asked for again: five bars link the adjustment factor,
#: and a bar that the vendor corrected is seen.
OVERLAP_DAYS = 10


def ingest(job: Job, open_source: Callable[[], BarSource], until: date | None = None) -> dict[str, int]:
    """Staged rows per symbol up to `until` (None: `as_of`), 0 where the source has nothing new.

    Raises SourceRefused, SourceUnavailable; then nothing has changed.
    """
    source = open_source()
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, job.symbols)
        last = bar_store.last_published(store, job.source, job.symbols)
    # What a record lets infer may change with every bar that is added to it; asking it costs nothing.
    asked = tuple(symbol for symbol in job.symbols if symbol not in known) if source.streaming else job.symbols
    fresh = source.instruments(asked) if asked else ()
    frame = source.fetch(BarRequest(since=_since(source, job, last), until=until or job.as_of, now=job.now))
    with connect(job.home) as store:
        instrument_store.save(store, job.source, fresh)
        staged = stage(store, job.source, frame, ingested_at=job.now)
        discard(store, job.source, [symbol for symbol in job.symbols if symbol not in staged])
    log.info("Staged %d bars from %s; symbols: %d.", sum(staged.values()), job.source, len(job.symbols))
    return staged


def _since(source: BarSource, job: Job, last: Mapping[str, date]) -> dict[str, date | None]:
    """From when to fetch: a record is read whole, so that a price corrected anywhere in it is seen."""
    if not source.streaming:
        return dict.fromkeys(job.symbols)
    return {symbol: last[symbol] - timedelta(days=OVERLAP_DAYS) if symbol in last else None for symbol in job.symbols}
