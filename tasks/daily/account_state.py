"""The account as the ledger has it, and its configuration: the input of every later step."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from math import inf

from storage.accounts import cash_flows as flow_store
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import Connection
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.row_codec import MOST_PASSES
from strategy.account.orders import order_series
from strategy.account.quotes import Quote, QuotesByDate
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import AccountState, late_quotes, unseen
from strategy.backtest.fill_quotes import IMPACT_BARS, impacted
from strategy.market.instruments import Instrument
from strategy.portfolio.account_config import AccountConfig
from tasks.data.funding_rates import on_known_funding
from tasks.data.fx_rates import with_rates
from tasks.run.job import PAPER, SPOT, Job

#: Largest exposure on spot: the rest stays in cash for fees and for price moves before an order arrives.
SPOT_EXPOSURE = 0.99


def account_config(store: Connection, job: Job) -> AccountConfig:
    """Return the account's configuration, with the instruments of its symbols and of everything it ever ordered.

    At an external broker the lots and limits are the broker's, and on spot the exposure is limited to what cash can
    pay.
    """
    known = instrument_store.load(store, job.source, job.symbols)
    came = {*order_store.ordered_symbols(store, job.account), *flow_store.symbols(store, job.account)}
    besides = sorted(came - set(known))
    outside = instrument_store.find(store, job.source, besides)
    venue = {} if job.broker == PAPER else instrument_store.load(store, job.broker, (*job.symbols, *besides))
    policy = with_rates(store, job).policy
    config = policy.account_config(job.account, job.symbols, {**outside, **known})
    stated = config.terms.instruments
    # What the broker says of its market holds, whatever the account's own terms state.
    traded = {symbol: _on_terms(stated[symbol], venue.get(symbol, stated[symbol])) for symbol in stated}
    terms = on_known_funding(store, job, replace(config.terms, instruments=traded, series=series_of(store, job)))
    config = replace(config, terms=terms)
    most = min(config.sizing.max_position_size, venue_most(job.broker))
    return replace(config, sizing=replace(config.sizing, max_position_size=most))


def venue_most(broker: str) -> float:
    """Return the largest gross exposure that the broker's venue can hold, a multiple of equity."""
    return SPOT_EXPOSURE if broker == SPOT else inf


def series_of(store: Connection, job: Job) -> str:
    """Return the prefix from which the account's order ids derive.

    It is empty if the account's name suffices, and before a takeover.
    """
    baseline = None if job.broker == PAPER else broker_events.newest_baseline(store, job.account, job.broker)
    return order_series(job.account, baseline.number, baseline.adopted_at) if baseline else ""


def _on_terms(known: Instrument, venue: Instrument) -> Instrument:
    """Return the instrument with the lots, ticks and limits of the broker's market."""
    return replace(
        known,
        lot=venue.lot,
        tick=venue.tick,
        shortable=venue.shortable,
        min_quantity=venue.min_quantity,
        max_quantity=venue.max_quantity,
        min_notional=venue.min_notional,
        max_notional=venue.max_notional,
    )


def quotes_since(store: Connection, job: Job, state: AccountState, terms: TradingTerms) -> QuotesByDate:
    """Return the quotes of every day after the account's last, up to `as_of`, of the job's symbols and others held."""
    seen = state.last_seen
    symbols = tuple(sorted({*job.symbols, *seen}))
    first = min(seen.values(), default=state.account.as_of)
    # Enough bars to cover the days since the first one needed, and those before them.
    span_bars = (job.as_of - first).days + 1 + (IMPACT_BARS if impacted(terms) else 1)
    bars = bar_store.load(store, job.source, symbols, until=job.as_of, last_bars=span_bars)
    return unseen(state, bars, job.as_of, terms)


def late_quotes_of(
    store: Connection, job: Job, state: AccountState, terms: TradingTerms, late: Collection[str]
) -> dict[str, Quote]:
    """Return the quotes of `as_of`, where the account stands, of late symbols whose bar of it is not settled yet."""
    seen = {symbol: day for symbol, day in state.last_seen.items() if symbol in late and day < job.as_of}
    first = min(seen.values(), default=job.as_of)
    span_bars = (job.as_of - first).days + 1 + (IMPACT_BARS if impacted(terms) else 1)
    bars = bar_store.load(store, job.source, tuple(sorted(seen)), until=job.as_of, last_bars=span_bars)
    return late_quotes(state, bars, terms)


def state_at(store: Connection, job: Job, day: date, until_pass: int = MOST_PASSES) -> AccountState | None:
    """Return the account at its last settled day up to `day`, with the orders open then; None if it has none.

    Of `day` itself it is the state after the last pass up to `until_pass`.
    """
    lookback = job.policy.sizing.lookback_period
    snapshots = position_store.snapshots(store, job.account, until=day, last_days=lookback, until_pass=until_pass)
    if not snapshots:
        return None
    account = snapshots[-1].account
    passes = ledger.passes_on(store, job.account, day) if account.as_of == day else ()
    late = {symbol for each in passes if each.number > until_pass for symbol in each.symbols}
    return AccountState(
        account=account,
        open_orders=order_store.orders_open_at(store, job.account, account.as_of, late),
        unit_values=tuple(snapshot.unit_value for snapshot in snapshots),
        flowed_equity=None if snapshots[-1].own_unit_value is None else snapshots[-1].equity,
        previous=snapshots[-2].account.as_of if len(snapshots) > 1 else None,
    )
