"""Ingest: compare the store with the source, fetch what is missing, and stage it for the data gate."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from exchange.ports import BAR_COLUMNS, BarRequest, BarSource, SourceRefused
from storage.accounts import cash_flows as flow_store
from storage.bars import funding_rates as funding_store
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars.staging import discard, stage
from storage.database import Connection, connect, transaction
from storage.ledger import orders
from storage.ledger import positions as position_store
from strategy.market.currencies import CurrencyPair
from strategy.market.instruments import Calendar, Instrument
from strategy.work_progress import WorkName, counted_together
from tasks.data.currencies import Offered, demand_convertible, lacking_pairs, pairs_for
from tasks.data.funding_rates import funding_delivered, perpetuals
from tasks.run.job import Job
from tasks.run.kept_terms import last_settled

log = logging.getLogger(__name__)

#: Bars up to the last published one that are fetched again from a streaming source, at least: they show the vendor's
#: corrections and changes of unit, and they link the adjustment factor.
OVERLAP_BARS = 30
#: Account days that a position is traced back, so that all bars since its opening are fetched again.
MOST_DAYS_HELD = 1_000
STAGING = WorkName(name="Staging bars", unit="symbols")
#: Symbols whose bars are compared with the published ones in one statement, so that progress is seen.
STAGED_AT_ONCE = 100
#: Most days between a position's first day and the decision of its first order.
DECIDED_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delivery:
    """A source's delivery: bars, the instruments that it states now, and those known before."""

    bars: pd.DataFrame
    fresh: tuple[Instrument, ...]
    known: Mapping[str, Instrument]


def ingest(job: Job, open_source: Callable[[], BarSource]) -> dict[str, int]:
    """Stage the source's bars up to `as_of` for one account; return the rows per symbol, 0 where nothing is new.

    With them come the bars of the pairs that convert prices into the account's currency, but not on a day that it has
    settled, whose rates stay as they were, and the funding of perpetual futures. Raises SourceRefused, also for
    prices that cannot be converted, SourceUnavailable, FundingMissing and FundingRefused; then nothing has changed.
    """
    source = open_source()
    found = _delivered(job, source, job.as_of)
    with connect(job.home) as store:
        came = {*orders.ordered_symbols(store, job.account), *flow_store.symbols(store, job.account)}
        traded = instrument_store.find(store, job.source, sorted(came))
        last = last_settled(store, job.account)
    every = {**traded, **found.known, **{instrument.symbol: instrument for instrument in found.fresh}}
    demand_convertible(job, every)
    listed = () if source.streaming else source.symbols()
    pairs = [pair for pair in pairs_for(job, every.values(), listed) if pair.symbol not in job.symbols]
    if last is not None and last >= job.as_of:
        pairs = []
    beside = _pairs_delivered(job, source, pairs, Offered(instruments=tuple(every.values()), listed=listed))
    funding = funding_delivered(job, source, perpetuals(_still_listed(job), every.values()))
    if funding:
        with connect(job.home) as store:
            funding_store.keep(store, job.source, funding)
    staged = _staged(job, found)
    return staged if beside is None else {**staged, **_staged(*beside)}


def _pairs_delivered(
    job: Job, source: BarSource, pairs: Sequence[CurrencyPair], offered: Offered
) -> tuple[Job, _Delivery] | None:
    """Return the bars of the pairs, and the job that fetched them; None without a pair. Raises SourceRefused."""
    if not pairs:
        return None
    own = replace(job, symbols=tuple(sorted(pair.symbol for pair in pairs)))
    try:
        return own, _delivered(own, source, job.as_of)
    except SourceRefused as error:
        raise SourceRefused(lacking_pairs(job, pairs, offered, str(error))) from error


def ingest_all(job: Job, open_source: Callable[[], BarSource]) -> dict[str, int]:
    """Stage all bars of the source, also those dated after `as_of`, for no account; return the rows per symbol.

    Raises SourceRefused, SourceUnavailable; then nothing has changed.
    """
    return _staged(job, _delivered(job, open_source(), date.max))


def _delivered(job: Job, source: BarSource, until: date) -> _Delivery:
    job = _still_listed(job)
    if not job.symbols:
        return _Delivery(bars=pd.DataFrame(columns=list(BAR_COLUMNS)), fresh=(), known={})
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, job.symbols)
        overlap = bar_store.nth_last_published(store, job.source, job.symbols, OVERLAP_BARS)
        held = position_store.held_since(store, job.account, last_days=MOST_DAYS_HELD)
    # Properties inferred from a recorded file may change with every bar added to it, and querying it is cheap.
    bars = source.fetch(BarRequest(since=_since(source, job, overlap, held), until=until, now=job.now))
    asked = _unsettled(job, known, bars) if source.streaming else job.symbols
    # Queried after the bars, since a source may state the currency with them; other known fields of a symbol stay.
    stated = source.instruments(asked) if asked else ()
    fresh = tuple(
        _completed(known.get(instrument.symbol), instrument) if source.streaming else instrument
        for instrument in stated
    )
    return _Delivery(bars=bars, fresh=_as_stated(job, known, fresh), known=known)


def _unsettled(job: Job, known: Mapping[str, Instrument], bars: pd.DataFrame) -> tuple[str, ...]:
    """Return the symbols that a streaming source is asked about, each of which costs a request.

    Those are unknown, of an unknown currency, without a bar of the day, or once stated to have ended.
    """
    last = bars.groupby("symbol")["open_time"].max()
    reached = {str(symbol) for symbol in last.index[last >= np.datetime64(job.as_of, "us")]}
    return tuple(
        symbol
        for symbol in job.symbols
        if symbol not in known or not known[symbol].money or symbol not in reached or known[symbol].listed_to
    )


def _still_listed(job: Job) -> Job:
    """Return the job without symbols that a person has said to be delisted by its day: no bar of them is asked for."""
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, job.symbols)
    gone = {
        symbol
        for symbol, instrument in known.items()
        if instrument.last_price is not None and instrument.listed_to is not None and instrument.listed_to <= job.as_of
    }
    return replace(job, symbols=tuple(symbol for symbol in job.symbols if symbol not in gone))


def _as_stated(job: Job, known: Mapping[str, Instrument], fresh: Sequence[Instrument]) -> tuple[Instrument, ...]:
    """Return the fresh instruments and those known that a person describes otherwise, with calendar and currency."""
    calendars = {symbol: Calendar(name) for symbol, name in (entry.split(" ") for entry in job.calendars)}
    table = job.policy.costs.instruments
    told = {
        **{symbol: known[symbol] for symbol in job.symbols if symbol in known},
        **{each.symbol: each for each in fresh},
    }
    stated = [
        replace(
            instrument,
            calendar=calendars.get(instrument.symbol, instrument.calendar),
            currency=table.of(instrument).currency or instrument.currency,
        )
        for instrument in told.values()
    ]
    same = {(each.symbol, each.calendar, each.currency) for each in known.values()}
    again = {each.symbol for each in fresh}
    return tuple(
        each for each in stated if each.symbol in again or (each.symbol, each.calendar, each.currency) not in same
    )


def _staged(job: Job, delivery: _Delivery) -> dict[str, int]:
    with connect(job.home) as store:
        instrument_store.save(store, job.source, delivery.fresh)
        with transaction(store):
            staged = _staged_rows(store, job, delivery.bars)
        discard(store, job.source, [symbol for symbol in job.symbols if symbol not in staged])
    log.info("Staged %d bars from %s; symbols: %d.", sum(staged.values()), job.source, len(job.symbols))
    return staged


def _staged_rows(store: Connection, job: Job, bars: pd.DataFrame) -> dict[str, int]:
    """Stage the bars, many symbols in each statement; return the rows by symbol."""
    numbers = bars.groupby("symbol", sort=False, dropna=False).ngroup()
    parts = [part for _, part in bars.groupby(numbers // STAGED_AT_ONCE, sort=False)] or [bars]
    staged = (stage(store, job.source, part, ingested_at=job.now) for part in parts)
    rows: dict[str, int] = {}
    for some in counted_together(staged, STAGING, int(numbers.max()) + 1 if len(numbers) else 0):
        rows |= some
    return rows


def _completed(known: Instrument | None, stated: Instrument) -> Instrument:
    """Return the known instrument with the currency and the end that its source states; the stated one if none is.

    What a person has said of its delisting stays.
    """
    if known is None:
        return stated
    return replace(
        known,
        base=stated.base,
        quote=stated.quote,
        currency=stated.currency,
        perpetual=stated.perpetual,
        listed_to=stated.listed_to if known.last_price is None else known.listed_to,
    )


def _since(
    source: BarSource, job: Job, overlap: Mapping[str, date], held: Mapping[str, date]
) -> dict[str, date | None]:
    """Return the dates from which to fetch: a recorded file is read whole, so that any corrected price is seen.

    From other sources the overlap is fetched, and all bars since the account's position was opened.
    """
    if not source.streaming:
        return dict.fromkeys(job.symbols)
    seen = {symbol: day - timedelta(days=DECIDED_DAYS) for symbol, day in held.items()}
    return {
        symbol: min(overlap[symbol], seen.get(symbol, overlap[symbol])) if symbol in overlap else None
        for symbol in job.symbols
    }
