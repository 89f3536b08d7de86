"""Submission: an order is claimed in the ledger, sent once, and its outcome then queried; it is never sent again."""

import logging
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from exchange.brokers.paper import PaperBroker
from exchange.ports import Broker, BrokerRefused, BrokerUnavailable, OrderReport
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import order_evidence as evidence
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from strategy.account.money import quantised
from strategy.account.orders import OPEN_STATES, Order, OrderState
from strategy.backtest.day_loop import AccountState
from strategy.broker.fills import BrokerFill, as_fill, booking_day
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.pretrade_checks import reduces
from tasks.broker.account_books import as_recorded
from tasks.broker.order_checks import DayBooks, day_books, refusal, standing
from tasks.broker.paper_orders import acknowledge_all, refused, still_cut
from tasks.run.job import PAPER, Customer, Job

log = logging.getLogger(__name__)

#: Most rounds of sending the waiting orders while the broker asks to retry later.
ROUNDS = 6
#: When an order of unknown outcome is queried, in seconds after it was sent, counting waits, not clock time: soon,
#: before the next one is sent, and later, once all are sent.
SOON_S = (1.0, 5.0)
LATER_S = (30.0, 180.0)


def send_all(job: Job, broker: Broker, account: tuple[AccountState, AccountConfig]) -> None:
    """Send every waiting order of the day, once, and record the outcomes in the ledger.

    Orders that an earlier run sent are queried first. Orders that reduce a position are sent before the rest: they free
    cash that the others need. An order of unknown outcome is queried until LATER_S is over, and never sent again on its
    day: it may have arrived although its outcome is unknown. Raises BrokerUnavailable; unsent orders stay waiting.
    """
    held, books = account[0].account, day_books(job, account)
    for order in _of_the_day(job, OrderState.SENT, OrderState.UNKNOWN):
        query_order(job, broker, order)
    for _ in range(ROUNDS):
        waiting = _of_the_day(job, OrderState.INTENDED)
        if not waiting:
            break
        # A stable order: those that reduce a position come first.
        ordered = sorted(waiting, key=lambda order: not reduces(order, held.quantity(order.symbol)))
        if isinstance(broker, PaperBroker) and job.broker == PAPER:
            acknowledge_all(job, broker, ordered, books)
            continue
        try:
            for order in ordered:
                send(job, broker, order, books)
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


def send(job: Job, broker: Broker, order: Order, books: DayBooks) -> Order:
    """Send the order and return it as it is afterwards; send nothing if it may not leave or another run has claimed it.

    Raises BrokerUnavailable, BrokerRefused if it certainly did not arrive; then it waits again.
    """
    now = broker.now()
    with connect(job.home) as store, transaction(store):
        why = refusal(job, order, standing(store, job, books), now)
        claimed = refused(order, why) if why else _sent(order)
        if not order_store.claim_order(store, job.account, claimed):
            return order_store.read_order(store, job.account, order.order_id)
        _step(store, job, claimed, now)
    if why:
        log.warning("%s %s %s: %s.", order.side.capitalize(), order.quantity, order.symbol, why.reason)
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
        order = still_cut(receipt.order, known)
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


def _of_the_day(job: Job, *states: OrderState) -> tuple[Order, ...]:
    """Return the day's orders that are in one of the states."""
    with connect(job.home) as store:
        orders = order_store.orders_on(store, job.account, job.as_of)
    return tuple(order for order in orders if order.state in states)


def _sent(order: Order) -> Order:
    return replace(order, state=OrderState.SENT)
