"""The funding of a run's perpetual futures: fetched, checked by the data gate, and read back from the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exchange.ports import BarSource, FundingRequest, FundingSource
from exchange.sessions.wrapped_source import WrappedSource
from storage.bars import funding_rates as funding_store
from storage.database import Connection, connect
from strategy.account.trading_terms import TradingTerms
from strategy.market.funding_rates import FundingMissing, FundingRate, demand_unbroken, sound_rates
from strategy.market.instrument_terms import INSTRUMENT_FILE
from strategy.market.instruments import Instrument
from tasks.data.fx_rates import held_or_traded, with_rates
from tasks.run.job import Job

FILE = "file:"
_MILLISECOND = timedelta(milliseconds=1)

Delivered = Mapping[str, Sequence[FundingRate]]


def perpetuals(job: Job, instruments: Iterable[Instrument]) -> tuple[str, ...]:
    """Return those of the job's symbols that are perpetual futures."""
    table, asked = job.policy.costs.instruments, set(job.symbols)
    known = (table.applied(each) for each in instruments if each.symbol in asked)
    return tuple(sorted(each.symbol for each in known if each.perpetual))


def funding_delivered(job: Job, source: BarSource, symbols: Sequence[str]) -> Delivered:
    """Return the payments of these perpetuals up to the end of the job's day, as the gate passes them.

    They come from the file that the job names, else from the source of its bars, of which only those after the stored
    ones are fetched. Raises FundingRefused, FundingMissing where neither has them and none is stored, and what the
    source raises.
    """
    if not symbols:
        return {}
    until = _end(job)
    behind = source
    while isinstance(behind, WrappedSource):
        behind = behind.behind
    if job.funding:
        from exchange.rates.funding_files import funding_in

        path = Path(job.funding.removeprefix(FILE))
        every = {symbol: sound_rates(str(path), symbol, rates) for symbol, rates in funding_in(path, symbols).items()}
        for symbol, rates in every.items():
            demand_unbroken(str(path), symbol, rates)
        return {symbol: [rate for rate in rates if rate.at < until] for symbol, rates in every.items()}
    with connect(job.home) as store:
        known = funding_store.newest(store, job.source, symbols)
    if isinstance(behind, FundingSource):
        since = {symbol: known[symbol] + timedelta(minutes=1) if symbol in known else None for symbol in symbols}
        told = behind.funding(FundingRequest(since=since, until=until - _MILLISECOND))
        return {symbol: sound_rates(job.source, symbol, rates) for symbol, rates in told.items()}
    _demand_known([symbol for symbol in symbols if symbol not in known])
    return {}


def with_series(job: Job) -> Job:
    """Return the job with the exchange rates and the funding that its account needs, up to its day.

    What is not known is left out: whatever needs it raises FxMissing or FundingMissing.
    """
    with connect(job.home) as store:
        return _with_funding(store, with_rates(store, job))


def on_known_funding(store: Connection, job: Job, terms: TradingTerms) -> TradingTerms:
    """Return the terms with the stored payments of their perpetuals, unless they hold some."""
    found = [symbol for symbol in terms.instruments if terms.perpetual(symbol)]
    if terms.costs.funding or not found:
        return terms
    return replace(terms, costs=replace(terms.costs, funding=funding_store.load(store, job.source, found)))


def _with_funding(store: Connection, job: Job) -> Job:
    costs = job.policy.costs
    found = [each.symbol for each in held_or_traded(store, job) if each.perpetual]
    if costs.funding or not found:
        return job
    known = replace(costs, funding=funding_store.load(store, job.source, found))
    return replace(job, policy=replace(job.policy, costs=known))


def _end(job: Job) -> datetime:
    return datetime(job.as_of.year, job.as_of.month, job.as_of.day, tzinfo=UTC) + timedelta(days=1)


def _demand_known(lacking: Sequence[str]) -> None:
    if lacking:
        raise FundingMissing(
            f"{lacking[0]} is a perpetual future, and no funding rate of it is known; give a csv file with the columns "
            f"symbol, time and rate as --set funding=file:PATH, or take perpetual out of {INSTRUMENT_FILE}"
        )
