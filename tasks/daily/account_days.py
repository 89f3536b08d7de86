"""The step from one account day to the next: fills by the paper rule, or as an external broker reported them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from storage.accounts import cash_flows as flow_store
from storage.bars import published as bar_store
from storage.database import Connection
from storage.ledger import broker_events, takeovers
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from strategy.account.money import exact
from strategy.account.orders import OPEN_STATES
from strategy.account.quotes import Quote
from strategy.account.state import Position
from strategy.backtest.day_loop import AccountState, Day, revalued, settle_day, settle_day_late, with_flows
from strategy.broker.daily_booking import booked_day, remarked
from strategy.broker.fills import charge_entries, fee_entries
from strategy.portfolio.account_config import AccountConfig
from tasks.daily.restatement import restated
from tasks.run.job import PAPER, Job


def next_day(
    store: Connection, job: Job, account: tuple[AccountState, AccountConfig], quotes: Mapping[str, Quote], as_of: date
) -> Day:
    """Return the day of `as_of` as it leaves the account; nothing is written.

    If history was restated in another unit, the account is converted first; a symbol whose conversion is doubtful keeps
    its mark and its open order.
    """
    state, config = account
    found = restated(store, job, state)
    quotes = {symbol: quote for symbol, quote in quotes.items() if symbol not in found.doubtful}
    if job.broker == PAPER:
        day = settle_day(found.state, quotes, as_of, config)
        return _with_flows(store, job, replace(day, entries=(*found.entries(as_of), *day.entries)), config)
    entries = (
        *fee_entries(broker_events.executions_booked(store, job.account, as_of), as_of),
        *charge_entries(broker_events.charges_booked(store, job.account, as_of), as_of),
        *takeovers.entries_on(store, job.account, as_of),
    )
    waiting = tuple(
        order for order in order_store.orders_open_at(store, job.account, as_of) if order.state in OPEN_STATES
    )
    told = Day(
        state=replace(state, account=replace(state.account, as_of=as_of), open_orders=waiting),
        fills=ledger.fills_on(store, job.account, as_of),
        entries=entries,
        settled=(),
    )
    return booked_day(state, told, quotes, config.sizing.lookback_period)


def late_day(
    store: Connection, job: Job, account: tuple[AccountState, AccountConfig], quotes: Mapping[str, Quote]
) -> Day:
    """Return the account's own day as bars that came after it was settled leave it; nothing is written.

    At an external broker they only mark positions. A symbol whose conversion is doubtful keeps its mark.
    """
    state, config = account
    as_of = state.account.as_of
    found = restated(store, job, state)
    quotes = {symbol: quote for symbol, quote in quotes.items() if symbol not in found.doubtful}
    if job.broker != PAPER:
        marked = revalued(state, remarked(state.account, quotes), Decimal(0))
        return Day(state=marked, fills=(), entries=(), settled=())
    booked = [flow.value for flow in flow_store.due(store, job.account, as_of) if flow.settled_on and flow.value]
    day = settle_day_late(found.state, quotes, config, sum(booked, Decimal(0)))
    return replace(day, entries=(*found.entries(as_of), *day.entries))


def _with_flows(store: Connection, job: Job, day: Day, config: AccountConfig) -> Day:
    """Return the day with the flows that it settled, or that wait for it."""
    as_of = day.state.account.as_of
    flows = flow_store.due(store, job.account, as_of)
    if not flows:
        return day
    moved = sorted({flow.symbol for flow in flows if flow.symbol})
    bars = bar_store.load(store, job.source, moved, until=as_of, last_bars=1) if moved else {}
    marks = {
        symbol: Position(
            quantity=Decimal(0),
            mark=exact(float(series.close[-1])),
            marked_on=series.open_time[-1].astype("datetime64[D]").item(),
            fx_rate=config.terms.rate(symbol, as_of),
        )
        for symbol, series in bars.items()
        if len(series)
    }
    return with_flows(day, [flow.flow for flow in flows], marks)
