"""Settle: every account day since the last one fills its open orders at the new opens and is marked at the closes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from exchange.ports import Broker
from storage.accounts import cash_flows as flow_store
from storage.bars import published as bar_store
from storage.bars import quarantine
from storage.database import Connection, connect, transaction
from storage.ledger import days as ledger
from storage.ledger import risk_state
from strategy.account.money import exact
from strategy.backtest.day_loop import Day, opening
from strategy.portfolio.drawdown_halt import watched_at_worst
from tasks.broker.reconciliation import Agreement, reconcile_broker
from tasks.daily.account_days import next_day
from tasks.daily.account_state import account_config, quotes_since, state_at
from tasks.daily.restatement import Restated, restated, why_held
from tasks.report.markup import exactly, money, priced
from tasks.run.job import Job
from tasks.run.kept_terms import keep_terms, open_with_terms
from tasks.validation.unit_checks import UNIT_KEPT

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The account days settled now, `as_of` last, empty if the ledger was there already; and the reconciliation."""

    dates: tuple[date, ...]
    agreement: Agreement


def settle(job: Job, open_broker: Callable[[datetime], Broker]) -> Settled:
    """Settle the account up to the close of `as_of`, after reconciliation with the broker; each day is one transaction.

    A new account opens at `as_of` with its capital. Raises BrokerDisagrees, BrokerUnavailable, BrokerRefused.
    """
    agreement = reconcile_broker(job, open_broker(job.now))
    with connect(job.home) as store:
        state = state_at(store, job, job.as_of)
        if state is None:
            first = Day(state=opening(job.as_of, job.policy.capital), fills=(), entries=(), settled=())
            with transaction(store):
                open_with_terms(store, job, job.as_of)
                _record(store, job, first)
            log.info("Account %s opens on %s with %s.", job.account, job.as_of, money(job.policy.capital))
            return Settled(dates=(job.as_of,), agreement=agreement)
        keep_terms(store, job)
        config = account_config(store, job)
        found = restated(store, job, state)
        quotes = quotes_since(store, job, state, config.terms)
        after = state.account.as_of
        dates = bar_store.session_dates(store, job.source, job.symbols, after=after, until=job.as_of)
        for day in dates:
            settled = next_day(store, job, (state, config), quotes.on(day), day)
            state = settled.state
            _record(store, job, settled)
            for fill in settled.fills:
                filled = f"{fill.side} {exactly(fill.quantity)} {fill.symbol} filled at {priced(fill.price)}"
                log.info("%s: %s.", day, filled)
            equity = settled.state.snapshot.equity
            log.info("Account %s is at %s at the close of %s.", job.account, money(equity), day)
    return Settled(dates=dates, agreement=_with_history(agreement, found, job))


def _with_history(agreement: Agreement, found: Restated, job: Job) -> Agreement:
    """Return the agreement with the warnings and doubts that a restated history adds."""
    barred = {symbol: why_held(change, job) for symbol, change in sorted(found.doubtful.items())}
    for sentence in (*found.remarks, *barred.values()):
        log.warning("%s.", sentence)
    return replace(agreement, barred={**agreement.barred, **barred}, warnings=(*agreement.warnings, *found.remarks))


def _record(store: Connection, job: Job, day: Day) -> None:
    """Record the day and its effect on the halt in one transaction.

    Worse closes that the data gate holds back count for the halt too.
    """
    before = risk_state.load(store, job.account)
    snapshot = day.state.snapshot
    doubtful = quarantine.held_closes(store, job.source, UNIT_KEPT, snapshot.account.as_of)
    closes = {symbol: exact(close) for symbol, close in doubtful.items()}
    after = watched_at_worst(before, snapshot, job.policy.limits, closes)
    with transaction(store):
        if day.bookings:
            due = flow_store.due(store, job.account, snapshot.account.as_of)
            flow_store.settle(store, job.account, snapshot.account.as_of, due, day.bookings)
        ledger.record_settlement(store, job.account, day)
        risk_state.save(store, job.account, after)
    if after.halted and not before.halted:
        log.error("Account %s is halted: %s.", job.account, after.reason)
