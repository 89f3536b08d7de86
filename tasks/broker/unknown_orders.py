"""Orders of unknown outcome: searched for by every query, and closed only if all of them agree.

Such an order is never sent again on its day, and its symbol takes no other order until its outcome is known. A venue
that does not know an order proves nothing: it may be late, or answer from a stale cache. So the order is closed as
absent only by a run at least CLOSED_AFTER later, and only if the order itself, open orders, all orders, trades and
balances agree.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from exchange.ports import Broker, ListedOrder
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events
from storage.ledger import order_evidence as evidence
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.broker.fills import booking_day
from tasks.broker.submission import query_order, record, sent_at
from tasks.report.markup import exactly
from tasks.run.job import Customer, Job

log = logging.getLogger(__name__)

#: Time after sending from which an order that the broker never reported may be closed.
CLOSED_AFTER = timedelta(hours=12)
#: Time after sending from which a takeover no longer waits for an order: later fills show in the books.
WAITED_FOR = timedelta(minutes=10)
#: How long before an order was sent its traces are searched for: our clock and the venue's may differ.
MARGIN = timedelta(hours=1)


def sync_orders(customer: Customer, broker: Broker, over_before: date) -> tuple[Order, ...]:
    """Return the orders of unknown outcome; record the outcome of all others that were sent.

    Orders of days before `over_before` that still rest at the broker are cancelled; nothing is sent. Raises
    BrokerUnavailable.
    """
    with connect(customer.home) as store:
        waiting = order_store.open_orders(store, customer.account)
    untold = list[Order]()
    for order in waiting:
        if order.state is OrderState.INTENDED:
            continue
        found = query_order(customer, broker, order)
        # The remainder of an order that did not fill on its bar is not carried into the next day.
        if order.as_of < over_before and found.state in (OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED):
            found = record(customer, broker, broker.cancel(found, sent_at(customer, order)))
        if found.code is ReasonCode.UNSEEN:
            found = _looked_for(customer, broker, found)
        if found.state is OrderState.UNKNOWN:
            untold.append(found)
    return tuple(untold)


def close_absent(job: Job, broker: Broker, baseline: BrokerBaseline, unknown: Sequence[Order]) -> dict[str, str]:
    """Close the unknown orders that left no trace; return by symbol why the others keep it from trading.

    Call it when the books agree: the balances are the sum of our trades. Raises BrokerUnavailable.
    """
    barred = {}
    for order in unknown:
        at = sent_at(job, order)
        if at < baseline.adopted_at and broker.now() - at >= WAITED_FOR:
            reason = f"{order.reason}; what it may have traded is in the balances of adoption {baseline.number}"
            end(job, broker, replace(order, state=OrderState.EXPIRED, reason=reason, code=ReasonCode.ADOPTED))
        elif trace := _trace(job, broker, baseline, order):
            barred[order.symbol] = f"{_named(order)}: {trace}"
        else:
            reason = (
                f"{broker.name} has no such order, lists none among open orders and all orders, reports no trade of "
                f"it, and its balances hold none, {_hours(broker.now() - at)} after it was sent"
            )
            end(job, broker, replace(order, state=OrderState.EXPIRED, reason=reason, code=ReasonCode.ABSENT))
    return barred


def waited_for(broker: Broker, unknown: Sequence[Order]) -> dict[str, str]:
    """Return by symbol why it takes no order while it has one of unknown outcome and the books differ."""
    return {
        order.symbol: f"{_named(order)}: the balances of {broker.name} may hold what it traded, which no trade reports "
        "yet; the next run asks again"
        for order in unknown
    }


def is_late(customer: Customer, broker: Broker, unknown: Sequence[Order]) -> bool:
    """Return whether one of the orders was sent so long ago that the venue should have reported its outcome."""
    now = broker.now()
    return any(now - sent_at(customer, order) >= CLOSED_AFTER for order in unknown)


def unresolved(store: Connection, account: str, order: Order, now: datetime) -> bool:
    """Return whether the order's outcome will not become known, so that a takeover may end it."""
    at = broker_events.sent_at(store, account, order.order_id)
    late = at is None or now - at >= WAITED_FOR
    return order.state is OrderState.UNKNOWN and (order.code is ReasonCode.FORGOTTEN or late)


def unresolved_notices(job: Job, told: Collection[str]) -> tuple[str, ...]:
    """Return a warning for each order of the day of unknown outcome, except for the symbols in `told`."""
    with connect(job.home) as store:
        orders = order_store.orders_on(store, job.account, job.as_of)
    hours = _hours(CLOSED_AFTER)
    return tuple(
        f"{_named(order)}: {order.reason}; a run at least {hours} later looks for it again, and closes it if no "
        "trace is left"
        for order in orders
        if order.state is OrderState.UNKNOWN and order.symbol not in told
    )


def remedy(customer: Customer) -> str:
    """Return the command that ends every order of unknown outcome."""
    return f"`turbodmt adopt --account {customer.account} --broker {customer.broker} --reason TEXT`"


def end(customer: Customer, broker: Broker, ended: Order) -> None:
    """Record that the order has ended without a trade of its own, unless another run knows its outcome by now."""
    now = broker.now()
    with connect(customer.home) as store, transaction(store):
        if order_store.read_order(store, customer.account, ended.order_id).state is not OrderState.UNKNOWN:
            return
        snapshot = position_store.latest_snapshot(store, customer.account)
        settled = snapshot.account.as_of if snapshot else ended.as_of
        order_store.update_orders(store, customer.account, [ended], day=booking_day(now, settled))
        broker_events.record_step(store, customer.account, ended, now)
    log.warning("Order %s has ended as %s: %s.", ended.order_id, ended.state, ended.reason)


def _looked_for(customer: Customer, broker: Broker, order: Order) -> Order:
    """Return the order as reported under the venue's own number if the broker lists it, whatever our id gives."""
    found = _listed(customer, broker, order)
    if found is None:
        return order
    return record(customer, broker, broker.enquire(order, sent_at(customer, order), found.venue))


def _listed(customer: Customer, broker: Broker, order: Order) -> ListedOrder | None:
    listed = broker.orders_since(order.symbol, sent_at(customer, order) - MARGIN)
    return next((candidate for candidate in listed if candidate.order_id == order.order_id), None)


def _trace(job: Job, broker: Broker, baseline: BrokerBaseline, order: Order) -> str:
    """Return the evidence that the order may not be absent, with the remedy; empty if there is none."""
    since = sent_at(job, order) - MARGIN
    way = f"look, then {remedy(job)} ends it"
    if order.code is not ReasonCode.UNSEEN:
        return f"{order.reason}; the next run asks again; if it stays so, {way}"
    with connect(job.home) as store:
        confirmed = evidence.evidence_of(store, job.account, broker.name, order.order_id)
        booked = broker_events.trade_ids(store, job.account, order.symbol)
    if confirmed is not None:
        return (
            f"{broker.name} took it at {confirmed.transacted_at:%Y-%m-%d %H:%M:%S} UTC and does not have it now; {way}"
        )
    if broker.now() - sent_at(job, order) < CLOSED_AFTER:
        return f"{order.reason}; a run {_hours(CLOSED_AFTER)} after it was sent closes it if no trace is left"
    if _listed(job, broker, order) is not None:
        return f"{broker.name} lists it, and does not report what became of it; {way}"
    for trade in broker.trades_since(order.symbol, since):
        if trade.trade_id not in booked and trade.executed_at >= baseline.adopted_at:
            what = f"trade {trade.trade_id} of {trade.signed_quantity:f} at {trade.executed_at:%Y-%m-%d %H:%M} UTC"
            return f"{broker.name} tells {what}, which belongs to no known order of ours; {way}"
    return ""


def _named(order: Order) -> str:
    what = f"order {order.order_id} of {order.as_of} ({order.side} {exactly(order.quantity)} {order.symbol})"
    return f"{order.symbol} takes no order until it is known what became of {what}"


def _hours(span: timedelta) -> str:
    return f"{span // timedelta(hours=1)} hours"
