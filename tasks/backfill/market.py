"""The market behind a backfill: bars validated once, and the days on which a daily run would have held some back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from exchange.ports import BarSource
from exchange.sessions.calendars import sessions
from exchange.sessions.closing_times import closed_by
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars.own_columns import with_columns
from storage.bars.staging import staged
from storage.database import Connection, connect
from strategy.market.bars import Bars
from strategy.market.instruments import Instrument
from tasks.data.account_dates import account_dates
from tasks.data.ingest import ingest
from tasks.run.job import Job
from tasks.run.runs import symbols_asked
from tasks.validation.gate import LONGEST_PAUSE_DAYS, OBSERVED_LATE_DAYS, Gate, NothingPublishable, inspect

#: The result of a gate without findings: every symbol has the bar that it should have.
OPEN = Gate(published={}, held_back={}, findings=(), warnings=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Everything known of the job's symbols: instruments, every account date up to `as_of`, and the bars.

    The bars of `faulty` symbols stay unpublished; the gate publishes them day by day, as it would have done at the
    time. All bars of the other symbols are published; on a `doubtful` date one of them lacks the session that it should
    have.
    """

    instruments: Mapping[str, Instrument]
    dates: tuple[date, ...]
    bars: Mapping[str, Bars]
    faulty: tuple[str, ...]
    doubtful: frozenset[date]


def open_market(job: Job, source: BarSource) -> tuple[Gate, Market]:
    """Fetch and validate the whole window once; return the gate's result and the market behind it.

    If the last day is decided already, only the symbols that it waits for are fetched.
    A symbol with a fault anywhere is not published yet: it may trade before the fault.
    """
    ingest(replace(job, symbols=symbols_asked(job) or job.symbols), lambda: source)
    gate = inspect(job, None)
    faulty = tuple(sorted(gate.barred))
    with connect(job.home) as store:
        instruments = instrument_store.load(store, job.source, job.symbols)
        bars = _seen(store, job)
        settled = account_dates(store, job, after=date.min, until=job.as_of)
        waiting = [staged(store, job.source, symbol)["open_time"].dropna() for symbol in faulty]
    dates = {*settled, *(stamp.date() for stamps in waiting for stamp in stamps)}
    return gate, Market(
        instruments=instruments,
        dates=tuple(sorted(day for day in dates if day <= job.as_of)),
        bars=bars,
        faulty=faulty,
        doubtful=frozenset().union(
            *(_lacking(series, instruments[series.symbol], sorted(dates)) for series in bars.values())
        ),
    )


def _lacking(bars: Bars, instrument: Instrument, dates: list[date]) -> frozenset[date]:
    """Return the dates on which the symbol's newest bar is older than its newest session; none before its first bar."""
    days = np.array(dates, dtype="datetime64[D]")
    due = days if instrument.last_due is None else np.minimum(days, np.datetime64(instrument.last_due))
    first = min(dates[0], instrument.last_due or dates[0])
    known = sessions(instrument.calendar, first - timedelta(days=LONGEST_PAUSE_DAYS), dates[-1])
    expected = known[np.searchsorted(known, due, side="right") - 1]
    if instrument.calendar.is_observed:
        expected = expected - OBSERVED_LATE_DAYS
    own = bars.open_time.astype("datetime64[D]")
    row = np.searchsorted(own, days, side="right") - 1
    return frozenset(days[(row >= 0) & (own[row] < expected)].tolist())


def on(job: Job, as_of: date, market: Market) -> Job:
    """Return the job as the daily run of that past day would have had it: just after the bars of the day closed."""
    closed = max(closed_by(instrument.calendar, as_of) for instrument in market.instruments.values())
    return replace(job, as_of=as_of, now=min(closed, job.now))


def gate_of(job: Job, market: Market, source: BarSource) -> Gate:
    """Return the gate's result on the job's day, publishing the bars of faulty symbols up to that day.

    Raises NothingPublishable if every symbol is held back for its faults: no later day would be better.
    """
    if market.faulty:
        ingest(replace(job, symbols=market.faulty), lambda: source)
    elif job.as_of not in market.doubtful:
        return OPEN
    gate = inspect(job, job.as_of)
    if not set(job.symbols) - (set(gate.barred) & set(market.faulty)):
        reasons = "; ".join(gate.barred[symbol] for symbol in sorted(gate.barred)[:3])
        raise NothingPublishable(
            f"nothing may be traded from {job.as_of} on: {reasons}; correct the source or release the bars with "
            "`turbodmt import`, and run the same command again to go on from there"
        )
    return gate


def tradable(job: Job, gate: Gate, market: Market) -> bool:
    """Return whether any symbol has a bar of the day and may trade; only faults can prevent that."""
    if not market.faulty:
        return True
    with connect(job.home) as store:
        eve = job.as_of - timedelta(days=1)
        dated = account_dates(store, job, after=eve, until=job.as_of)
    return bool(dated) and bool(set(job.symbols) - set(gate.held_back))


def bars_on(job: Job, market: Market) -> Mapping[str, Bars]:
    """Return bars that reach at least the job's day; those of faulty symbols as far as the gate has published them."""
    if not market.faulty:
        return market.bars
    with connect(job.home) as store:
        return _seen(store, job)


def _seen(store: Connection, job: Job) -> dict[str, Bars]:
    known = bar_store.load(store, job.source, job.symbols, until=job.as_of)
    return with_columns(store, job.source, known, job.policy.strategy.columns)
