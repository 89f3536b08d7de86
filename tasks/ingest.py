"""Ingest: asks the store what it has, fetches what is missing, and stages it for the gate."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from exchange.ports import BarRequest, BarSource
from storage import bars as bar_store
from storage import instruments as instrument_store
from storage import ledger, orders
from storage.database import connect
from storage.staging import discard, stage
from strategy.instruments import Instrument
from tasks.currencies import demand_one_currency
from tasks.job import Job

log = logging.getLogger(__name__)

#: Bars up to the last published one that a streaming source is asked for again, at least: what the vendor corrected or
#: told in another unit is seen in them, and they link the adjustment factor.
OVERLAP_BARS = 30
#: Account days that a position is traced back, so that all bars which it has seen are asked for again.
MOST_DAYS_HELD = 1_000
#: Days before a position's first that its first order was decided in, at most.
DECIDED_DAYS = 7


def ingest(
    job: Job, open_source: Callable[[], BarSource], until: date | None = None, *, one_account: bool = True
) -> dict[str, int]:
    """Staged rows per symbol up to `until` (None: `as_of`), 0 where the source has nothing new.

    `one_account` says that the symbols are for one account, which knows one currency.
    Raises SourceRefused, SourceUnavailable; then nothing has changed.
    """
    source = open_source()
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, job.symbols)
        overlap = bar_store.nth_last_published(store, job.source, job.symbols, OVERLAP_BARS)
        held = ledger.held_since(store, job.account, last_days=MOST_DAYS_HELD)
        ordered = orders.ordered_symbols(store, job.account)
        besides = instrument_store.find(store, job.source, ordered)
    # What a record lets infer may change with every bar that is added to it; asking it costs nothing.
    asked = (
        tuple(symbol for symbol in job.symbols if symbol not in known or not known[symbol].money)
        if source.streaming
        else job.symbols
    )
    frame = source.fetch(BarRequest(since=_since(source, job, overlap, held), until=until or job.as_of, now=job.now))
    # Asked after the bars, with which a source may tell the currency; the rest that is known of a symbol stays.
    stated = source.instruments(asked) if asked else ()
    fresh = tuple(_completed(known.get(one.symbol), one) if source.streaming else one for one in stated)
    if one_account:
        demand_one_currency({**besides, **known, **{one.symbol: one for one in fresh}})
    with connect(job.home) as store:
        instrument_store.save(store, job.source, fresh)
        staged = stage(store, job.source, frame, ingested_at=job.now)
        discard(store, job.source, [symbol for symbol in job.symbols if symbol not in staged])
    log.info("Staged %d bars from %s; symbols: %d.", sum(staged.values()), job.source, len(job.symbols))
    return staged


def _completed(known: Instrument | None, stated: Instrument) -> Instrument:
    """Return what is known of a symbol with the money that its source states; what it states where none is known."""
    return replace(known, base=stated.base, quote=stated.quote, currency=stated.currency) if known else stated


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
