"""Ingest: asks the store what it has, fetches what is missing, and stages it for the gate."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

from exchange.ports import BarRequest, BarSource
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars.staging import discard, stage
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders
from strategy.market.instruments import Instrument
from tasks.data.currencies import demand_one_currency
from tasks.run.job import Job

log = logging.getLogger(__name__)

#: Bars up to the last published one that a streaming source is asked for again, at least: what the vendor corrected or
#: told in another unit is seen in them, and they link the adjustment factor.
OVERLAP_BARS = 30
#: Account days that a position is traced back, so that all bars which it has seen are asked for again.
MOST_DAYS_HELD = 1_000
#: Days before a position's first that its first order was decided in, at most.
DECIDED_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delivery:
    """What a source delivered: bars, the instruments that it states now, and what was known of them before."""

    bars: pd.DataFrame
    fresh: tuple[Instrument, ...]
    known: Mapping[str, Instrument]


def ingest(job: Job, open_source: Callable[[], BarSource]) -> dict[str, int]:
    """Return the staged rows per symbol up to `as_of`, for one account; 0 where the source has nothing new.

    Raises SourceRefused, also where the account would know several currencies, and SourceUnavailable; then nothing has
    changed.
    """
    found = _delivered(job, open_source(), job.as_of)
    with connect(job.home) as store:
        traded = instrument_store.find(store, job.source, orders.ordered_symbols(store, job.account))
    demand_one_currency({**traded, **found.known, **{one.symbol: one for one in found.fresh}})
    return _staged(job, found)


def ingest_all(job: Job, open_source: Callable[[], BarSource]) -> dict[str, int]:
    """Return the staged rows per symbol of all that the source has, dated later than `as_of` too, for no account.

    Raises SourceRefused, SourceUnavailable; then nothing has changed.
    """
    return _staged(job, _delivered(job, open_source(), date.max))


def _delivered(job: Job, source: BarSource, until: date) -> _Delivery:
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, job.symbols)
        overlap = bar_store.nth_last_published(store, job.source, job.symbols, OVERLAP_BARS)
        held = ledger.held_since(store, job.account, last_days=MOST_DAYS_HELD)
    # What a record lets infer may change with every bar that is added to it; asking it costs nothing.
    asked = (
        tuple(symbol for symbol in job.symbols if symbol not in known or not known[symbol].money)
        if source.streaming
        else job.symbols
    )
    bars = source.fetch(BarRequest(since=_since(source, job, overlap, held), until=until, now=job.now))
    # Asked after the bars, with which a source may tell the currency; the rest that is known of a symbol stays.
    stated = source.instruments(asked) if asked else ()
    fresh = tuple(_completed(known.get(one.symbol), one) if source.streaming else one for one in stated)
    return _Delivery(bars=bars, fresh=fresh, known=known)


def _staged(job: Job, delivery: _Delivery) -> dict[str, int]:
    with connect(job.home) as store:
        instrument_store.save(store, job.source, delivery.fresh)
        staged = stage(store, job.source, delivery.bars, ingested_at=job.now)
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
