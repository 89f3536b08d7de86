"""Settle: every account day since the last one fills its open orders at the new opens and is marked at the closes."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType

from exchange.ports import Broker
from storage.accounts import cash_flows as flow_store
from storage.bars import published as bar_store
from storage.bars import quarantine
from storage.database import Connection, connect, transaction
from storage.ledger import days as ledger
from storage.ledger import risk_state
from storage.ledger.row_codec import DayPass
from strategy.account.money import exact
from strategy.backtest.day_loop import AccountState, Day, opening
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.drawdown_halt import watched_at_worst
from tasks.broker.reconciliation import Agreement, reconcile_broker
from tasks.daily.account_days import late_day, next_day
from tasks.daily.account_state import account_config, late_quotes_of, quotes_since, state_at
from tasks.daily.restatement import Restated, restated, why_held
from tasks.data.account_dates import account_dates
from tasks.data.fx_rates import with_rates
from tasks.report.markup import exactly, money, priced
from tasks.run.job import Job
from tasks.run.kept_terms import keep_terms, open_with_terms
from tasks.run.passes import pass_now, waiting
from tasks.validation.unit_checks import UNIT_KEPT

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The account days settled now, `as_of` last, empty if the ledger was there already; and the reconciliation."""

    dates: tuple[date, ...]
    agreement: Agreement


def settle(
    job: Job, open_broker: Callable[[datetime], Broker], held_back: Mapping[str, str] = MappingProxyType({})
) -> Settled:
    """Settle the account up to the close of `as_of`, after reconciliation with the broker; each day is one transaction.

    A new account opens at `as_of` with its capital. `held_back` are the symbols that the gate bars: once one of them
    has come, a day that was decided without it gets a pass for it. Raises BrokerDisagrees, BrokerUnavailable,
    BrokerRefused.
    """
    agreement = reconcile_broker(job, open_broker(job.now))
    with connect(job.home) as store:
        state = state_at(store, job, job.as_of)
        if state is None:
            first = Day(state=opening(job.as_of, job.policy.capital), fills=(), entries=(), settled=())
            with transaction(store):
                open_with_terms(store, job, job.as_of)
                _record(store, job, first, _first_pass(store, job, held_back))
            log.info("Account %s opens on %s with %s.", job.account, job.as_of, money(job.policy.capital))
            return Settled(dates=(job.as_of,), agreement=agreement)
        keep_terms(store, job)
        config = account_config(store, job)
        found = restated(store, job, state)
        quotes = quotes_since(store, job, state, config.terms)
        after = state.account.as_of
        barred = {**held_back, **{symbol: why_held(change, job) for symbol, change in found.doubtful.items()}}
        dates = account_dates(store, job, after=after, until=job.as_of)
        for day in dates:
            settled = next_day(store, job, (state, config), quotes.on(day), day)
            state = settled.state
            _record(store, job, settled, _first_pass(store, job, barred) if day == job.as_of else None)
            _tell(job, settled)
        if after == job.as_of:
            dates = _settle_late(store, job, (state, config), barred)
    return Settled(dates=dates, agreement=_with_history(agreement, found, job))


def _first_pass(store: Connection, job: Job, held_back: Mapping[str, str]) -> DayPass | None:
    """Return the first pass of the day; None if no symbol is held back, so that none is waited for."""
    return pass_now(store, job, 1, job.symbols, held_back) if held_back else None


def _settle_late(
    store: Connection, job: Job, account: tuple[AccountState, AccountConfig], barred: Mapping[str, str]
) -> tuple[date, ...]:
    """Settle a new pass of the day for the symbols that have come since the last one; return the day if there are any.

    A pass that is not decided yet is decided first.
    """
    last = ledger.passes_on(store, job.account, job.as_of)[-1]
    newest = bar_store.last_published(store, job.source, job.symbols, until=job.as_of)
    late = tuple(each for each in waiting(store, job) if each not in barred and newest.get(each) == job.as_of)
    if not late or not ledger.decisions_in(store, job.account, job.as_of, last.number):
        return ()
    quotes = late_quotes_of(store, job, account[0], account[1].terms, late)
    settled = late_day(store, job, account, quotes)
    _record(store, job, settled, pass_now(store, job, last.number + 1, late, barred))
    log.info("%s of %s came late and gets a pass of its own.", ", ".join(late), job.as_of)
    _tell(job, settled)
    return (job.as_of,)


def _tell(job: Job, settled: Day) -> None:
    day = settled.state.account.as_of
    for fill in settled.fills:
        filled = f"{fill.side} {exactly(fill.quantity)} {fill.symbol} filled at {priced(fill.price)}"
        log.info("%s: %s.", day, filled)
    log.info("Account %s is at %s at the close of %s.", job.account, money(settled.state.snapshot.equity), day)


def _with_history(agreement: Agreement, found: Restated, job: Job) -> Agreement:
    """Return the agreement with the warnings and doubts that a restated history adds."""
    barred = {symbol: why_held(change, job) for symbol, change in sorted(found.doubtful.items())}
    for sentence in (*found.remarks, *barred.values()):
        log.warning("%s.", sentence)
    return replace(agreement, barred={**agreement.barred, **barred}, warnings=(*agreement.warnings, *found.remarks))


def _take_rates(store: Connection, job: Job, day: date) -> None:
    """Record the exchange rates that the account takes on the day."""
    taken = with_rates(store, job).policy.costs.currencies.taken_on(day)
    ledger.record_fx_rates(store, job.account, day, taken)


def _record(store: Connection, job: Job, day: Day, day_pass: DayPass | None) -> None:
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
        ledger.record_settlement(store, job.account, day, day_pass)
        if day_pass is None or day_pass.number == 1:
            _take_rates(store, job, snapshot.account.as_of)
        risk_state.save(store, job.account, after, job.now)
    if after.halted and not before.halted:
        log.error("Account %s is halted: %s.", job.account, after.reason)
