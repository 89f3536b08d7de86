"""The exchange rates of a run: which pairs its account needs, and their published closes."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from exchange.currencies import pair_names
from storage.accounts import cash_flows as flow_store
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import Connection
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from strategy.account.money import exact, quantised
from strategy.market.bars import Bars
from strategy.market.currencies import CurrencyPair, FxSeries, currency_of
from strategy.market.instruments import Instrument
from tasks.data.currencies import pairs_for
from tasks.run.job import Job


def with_rates(store: Connection, job: Job) -> Job:
    """Return the job with the rates that convert its account's prices, up to its day; as it is if none are needed.

    Of a day that the account has settled they are those that it took.
    A currency without published bars has no rate: whatever needs one raises FxMissing.
    """
    costs = job.policy.costs
    currencies = costs.currencies
    if not currencies.base or currencies.fx:
        return job
    instruments = held_or_traded(store, job)
    pairs = {pair.currency: pair for pair in _pairs(store, job, instruments)}
    bars = bar_store.load(store, job.source, [pair.symbol for pair in pairs.values()], until=job.as_of)
    fx = {}
    for unit in sorted({each.money for each in instruments if each.money and currencies.foreign(each)}):
        currency, size = currency_of(unit)
        if currency == currencies.base:
            fx[unit] = FxSeries(pair=unit, dates=(date.min,), rates=(size,), unending=True)
        elif pairs[currency].symbol in bars:
            fx[unit] = _series(bars[pairs[currency].symbol], pairs[currency], size)
    for taken in ledger.fx_taken_on(store, job.account, job.as_of):
        # What the day was settled at stays, whatever came or changed since.
        if taken.unit in fx:
            fx[taken.unit] = fx[taken.unit].as_taken(taken)
    known = replace(costs, currencies=replace(currencies, fx=fx))
    return replace(job, policy=replace(job.policy, costs=known))


def pairs_needed(store: Connection, job: Job) -> tuple[CurrencyPair, ...]:
    """Return the pairs that convert the prices of what the account trades or has traded."""
    if not job.policy.costs.currencies.base:
        return ()
    return _pairs(store, job, held_or_traded(store, job))


def held_or_traded(store: Connection, job: Job) -> tuple[Instrument, ...]:
    """Return the instruments of the job's symbols and of all that its account has traded, on the terms stated."""
    known = instrument_store.load(store, job.source, job.symbols)
    came = {*order_store.ordered_symbols(store, job.account), *flow_store.symbols(store, job.account)}
    outside = instrument_store.find(store, job.source, sorted(came - set(known)))
    table = job.policy.costs.instruments
    return tuple(table.applied(each) for each in {**outside, **known}.values())


def _pairs(store: Connection, job: Job, instruments: tuple[Instrument, ...]) -> tuple[CurrencyPair, ...]:
    base = job.policy.costs.currencies.base
    units = {currency_of(each.money)[0] for each in instruments if each.money}
    names = sorted({name for currency in units for name in pair_names(job.source, currency, base)})
    return pairs_for(job, instruments, instrument_store.load(store, job.source, names))


def _series(bars: Bars, pair: CurrencyPair, size: Decimal) -> FxSeries:
    """Return the rates for a unit of prices of this size, rounded to the ledger's digits."""
    closes = [exact(close) for close in bars.close.tolist()]
    rates = [quantised(size / close if pair.inverse else size * close) for close in closes]
    dates = bars.open_time.astype("datetime64[D]").tolist()
    return FxSeries(pair=pair.symbol, dates=tuple(dates), rates=tuple(rates))
