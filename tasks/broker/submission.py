"""Submission: an order is claimed in the ledger, sent once, and its outcome then queried; it is never sent again."""

import logging
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from exchange.ports import Broker, BrokerRefused, BrokerUnavailable, OrderReport
from storage.bars import published as bar_store
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events, risk_state, takeovers
from storage.ledger import days as ledger
from storage.ledger import order_evidence as evidence
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.models import registry as model_store
from strategy.account.money import quantised
from strategy.account.orders import OPEN_STATES, Order, OrderState, ReasonCode
from strategy.account.quotes import quotes_by_date
from strategy.backtest.day_loop import AccountState
from strategy.broker.fills import BrokerFill, as_fill, booking_day
from strategy.exit_codes import UsageError
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.drawdown_halt import CUT
from strategy.portfolio.pretrade_checks import PreTradeState, PreTradeViolation, not_sent, pretrade_violation, reduces
from tasks.broker.account_books import as_recorded
from tasks.broker.takeover_plan import UNSENT
from tasks.run.job import PAPER, Customer, Job

log = logging.getLogger(__name__)

#: Most rounds of sending the waiting orders while the broker asks to retry later.
ROUNDS = 6
#: When an order of unknown outcome is queried, in seconds after it was sent, counting waits, not clock time: soon,
#: before the next one is sent, and later, once all are sent.
SOON_S = (1.0, 5.0)
LATER_S = (30.0, 180.0)
#: States of orders at an external broker in which it is unknown whether they have traded.
_DOUBTFUL = frozenset({OrderState.SENT, OrderState.UNKNOWN})


def send_all(job: Job, broker: Broker, account: tuple[AccountState, AccountConfig]) -> None:
    """Send every waiting order of the day, once, and record the outcomes in the ledger.

    Orders that an earlier run sent are queried first. Orders that reduce a position are sent before the rest: they free
    cash that the others need. An order of unknown outcome is queried until LATER_S is over, and never sent again on its
    day: it may have arrived although its outcome is unknown. Raises BrokerUnavailable; unsent orders stay waiting.
    """
    held = account[0].account
    for order in _of_the_day(job, OrderState.SENT, OrderState.UNKNOWN):
        query_order(job, broker, order)
    for _ in range(ROUNDS):
        waiting = _of_the_day(job, OrderState.INTENDED)
        if not waiting:
            break
        first = [order for order in waiting if reduces(order, held.quantity(order.symbol))]
        try:
            for order in (*first, *(other for other in waiting if other not in first)):
                send(job, broker, order, account)
        except BrokerUnavailable as error:
            if error.retry_after_s is None:
                raise
            broker.wait(error.retry_after_s)
    if _of_the_day(job, OrderState.INTENDED):
        raise BrokerUnavailable(
            f"{broker.name} did not take the orders of {job.as_of} in {ROUNDS} rounds; run the same command again later"
        )
    _ask_later(job, broker)


def _ask_later(job: Job, broker: Broker) -> None:
    """Query the orders still unknown after the last one was sent, until LATER_S is over."""
    for wait_s in _waits(*SOON_S[-1:], *LATER_S):
        unknown = _of_the_day(job, OrderState.SENT, OrderState.UNKNOWN)
        if not unknown:
            return
        broker.wait(wait_s)
        for order in unknown:
            query_order(job, broker, order)


def send(job: Job, broker: Broker, order: Order, account: tuple[AccountState, AccountConfig]) -> Order:
    """Send the order and return it as it is afterwards; send nothing if it may not leave or another run has claimed it.

    Raises BrokerUnavailable, BrokerRefused if it certainly did not arrive; then it waits again.
    """
    now = broker.now()
    with connect(job.home) as store, transaction(store):
        refusal = _refusal(store, job, order, account, now)
        claimed = _refused(order, refusal) if refusal else _sent(order)
        if not order_store.claim_order(store, job.account, claimed):
            return order_store.read_order(store, job.account, order.order_id)
        _step(store, job, claimed, now)
    if refusal:
        log.warning("%s %s %s: %s.", order.side.capitalize(), order.quantity, order.symbol, refusal.reason)
        return claimed
    try:
        receipt = broker.submit(claimed, now)
    except (BrokerUnavailable, BrokerRefused) as error:
        with connect(job.home) as store, transaction(store):
            if order_store.release_order(store, job.account, order.order_id):
                _step(store, job, replace(order, reason=str(error)), now)
        raise
    left = record(job, broker, receipt)
    for wait_s in _waits(0.0, *SOON_S):
        if left.state is not OrderState.UNKNOWN:
            break
        broker.wait(wait_s)
        left = query_order(job, broker, left)
    return left


def query_order(customer: Customer, broker: Broker, order: Order) -> Order:
    """Return the order as the broker reports it now. Raises BrokerUnavailable; the order then stays as it was."""
    with connect(customer.home) as store:
        confirmed = evidence.evidence_of(store, customer.account, broker.name, order.order_id)
    return record(customer, broker, broker.enquire(order, sent_at(customer, order), confirmed))


def record(customer: Customer, broker: Broker, receipt: OrderReport) -> Order:
    """Record the order's state, evidence and trades, each once, on the account day they belong to; return the order."""
    now = broker.now()
    with connect(customer.home) as store, transaction(store):
        known = order_store.read_order(store, customer.account, receipt.order.order_id)
        # Always record evidence: an order that the broker once confirmed has arrived.
        if receipt.venue is not None:
            evidence.record_evidence(store, customer.account, broker.name, known.order_id, receipt.venue)
        order = _still_cut(receipt.order, known)
        if order.state is OrderState.UNKNOWN and known.state not in OPEN_STATES:
            # Another run has queried the order meanwhile and knows more.
            return known
        snapshot = position_store.latest_snapshot(store, customer.account)
        settled = snapshot.account.as_of if snapshot else order.as_of
        baseline = broker_events.newest_baseline(store, customer.account, broker.name)
        number = baseline.number if baseline else 0
        for execution in broker_events.record_executions(
            store, customer.account, number, _new(store, customer, receipt)
        ):
            ledger.record_fills(
                store, customer.account, [as_fill(execution, booking_day(execution.executed_at, settled))]
            )
            log.info(
                "%s %s %s filled at %s.",
                execution.side.capitalize(),
                execution.quantity,
                execution.symbol,
                execution.price,
            )
        order_store.update_orders(store, customer.account, [order], day=booking_day(now, settled))
        _step(store, customer, order, now)
    return order


def sent_at(customer: Customer, order: Order) -> datetime:
    """Return when the order was last handed to the broker."""
    with connect(customer.home) as store:
        return broker_events.sent_at(store, customer.account, order.order_id) or customer.now


def _new(store: Connection, customer: Customer, receipt: OrderReport) -> tuple[BrokerFill, ...]:
    """Return the trades that are not in the ledger, as it will hold them.

    A trade that is reported differently now keeps its first version. Which version is right shows in the broker's
    balances: the ledger's trades must add up to them.
    """
    known = {
        execution.trade_id: execution
        for execution in broker_events.executions_of(store, customer.account, receipt.order.order_id)
    }
    for execution in receipt.executions:
        before = known.get(execution.trade_id)
        if before is not None and _money(before) != _money(execution):
            log.warning(
                "Trade %s of order %s was reported as %s, and is now reported as %s; the first stays in the ledger, "
                "and if the balances say otherwise the books differ.",
                *(execution.trade_id, execution.order_id, _money(before), _money(execution)),
            )
    return as_recorded(
        store, customer, [execution for execution in receipt.executions if execution.trade_id not in known]
    )


def _money(execution: BrokerFill) -> str:
    quantity, price, fee = (
        f"{quantised(value).normalize():f}" for value in (execution.quantity, execution.price, execution.fee)
    )
    return f"{quantity} at {price}, commission {fee} {execution.fee_asset}"


def _waits(*after_s: float) -> tuple[float, ...]:
    """Return the waits between these instants."""
    return tuple(later - earlier for earlier, later in pairwise(after_s))


def _step(store: Connection, customer: Customer, order: Order, now: datetime) -> None:
    """Record the step, except for paper orders: their whole course is decided by the ledger itself."""
    if customer.broker != PAPER:
        broker_events.record_step(store, customer.account, order, now)


def _still_cut(order: Order, before: Order) -> Order:
    """Return the order, its reason still ending with the note that a halted account sent only part of it."""
    if not before.cut_by_halt or order.reason == before.reason:
        return order
    return replace(order, reason=f"{order.reason}; {CUT}" if order.reason else CUT)


def _of_the_day(job: Job, *states: OrderState) -> tuple[Order, ...]:
    """Return the day's orders that are in one of the states."""
    with connect(job.home) as store:
        orders = order_store.orders_on(store, job.account, job.as_of)
    return tuple(order for order in orders if order.state in states)


def _sent(order: Order) -> Order:
    return replace(order, state=OrderState.SENT)


def _refused(order: Order, why: PreTradeViolation) -> Order:
    return replace(order, state=OrderState.EXPIRED, reason=why.reason, code=why.code)


def _refusal(
    store: Connection, job: Job, order: Order, account: tuple[AccountState, AccountConfig], now: datetime
) -> PreTradeViolation | None:
    """Return why the order may not be sent after all, as things stand now; None if it may."""
    if order.as_of != job.as_of:
        return not_sent(f"decided for {order.as_of}, which is over")
    if job.sends_until is not None and now > job.sends_until:
        return not_sent(f"too late at {now:%Y-%m-%d %H:%M} UTC, orders leave until {job.sends_until:%Y-%m-%d %H:%M}")
    for other in order_store.open_orders(store, job.account):
        if other.symbol == order.symbol and other.order_id != order.order_id and other.state in _DOUBTFUL:
            return not_sent(f"it is not known yet what became of order {other.order_id} of {other.as_of}")
    if takeovers.entries_after(store, job.account, job.as_of):
        # It was decided on books that have changed since.
        return PreTradeViolation(code=ReasonCode.OVERTAKEN, reason=UNSENT)
    return pretrade_violation(order, _pretrade_state(store, job, account, order))


def _pretrade_state(
    store: Connection, job: Job, account: tuple[AccountState, AccountConfig], order: Order
) -> PreTradeState:
    """Return the state against which the order is checked; one that closes a position needs no bar of the day."""
    state, config = account
    held = state.account.positions if order.reduce_only else {}
    bars = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=1)
    quotes = quotes_by_date(bars, job.as_of, job.as_of).on(job.as_of)
    return PreTradeState(
        account=state.account,
        marks={
            **{symbol: position.mark for symbol, position in held.items()},
            **{symbol: quote.close for symbol, quote in quotes.items()},
        },
        today=order_store.orders_on(store, job.account, job.as_of),
        instruments=config.terms.instruments,
        limits=config.limits,
        max_position_size=config.sizing.max_position_size,
        halted=risk_state.load(store, job.account).halted,
        model_age_bars=_model_age_bars(store, job),
        model_max_age_bars=job.policy.recipe.model_max_age_bars,
        fx_rates={symbol: config.terms.rate(symbol, job.as_of) for symbol in quotes},
    )


def _model_age_bars(store: Connection, job: Job) -> int | None:
    """Return the account days since the deciding model was trained; None if no registered model decided."""
    provenance = ledger.provenance_on(store, job.account, job.as_of)
    if provenance is None or provenance.model_id is None:
        return None
    try:
        trained_to = model_store.find(store, provenance.model_id).trained_to
    except UsageError:
        # An audit decides days with models of walk-forward folds, which are not in the registry.
        return None
    return len(bar_store.session_dates(store, job.source, job.symbols, after=trained_to, until=job.as_of))
