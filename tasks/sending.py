"""Sending: an order is claimed in the ledger, leaves once, and whatever came of it is asked for, never sent again."""

import logging
from dataclasses import replace
from datetime import date, datetime

from exchange.ports import Broker, BrokerRefused, BrokerUnavailable, Receipt
from storage import bars as bar_store
from storage import evidence, ledger, risk_state, takeovers, venues
from storage import models as model_store
from storage import orders as order_store
from storage.database import Connection, connect, transaction
from strategy.backtest import Standing
from strategy.decision import Mandate
from strategy.executions import as_fill, booking_day
from strategy.market import tape
from strategy.order_checks import REFUSED, Desk, objection, reduces
from strategy.orders import NEVER_ARRIVED, OPEN_STATES, Order, OrderState, client_order_id
from strategy.risk import CUT
from tasks.job import PAPER, Customer, Job
from tasks.takeovers import UNSENT

log = logging.getLogger(__name__)

#: How often what waits is sent, at most, where the broker asks for patience.
ROUNDS = 6
#: How often an order is made anew, at most, that certainly never reached the broker.
ATTEMPTS = 3


def send_all(job: Job, broker: Broker, account: tuple[Standing, Mandate]) -> None:
    """None; every order of the day that waits has left, once, and what came of it is in the ledger.

    What an earlier run sent is asked for first. What reduces a position leaves before the rest: it frees the cash that
    the others need. An order that never arrived leaves again under another id, at most ATTEMPTS times in all.
    Raises BrokerUnavailable; what has not left waits in the ledger.
    """
    held = account[0].account
    for _ in range(ROUNDS):
        for order in _of_the_day(job, OrderState.SENT, OrderState.UNKNOWN):
            ask(job, broker, order)
        _write_again(job)
        waiting = _of_the_day(job, OrderState.INTENDED)
        if not waiting:
            return
        first = [one for one in waiting if reduces(one, held.quantity(one.symbol))]
        try:
            for order in (*first, *(one for one in waiting if one not in first)):
                send(job, broker, order, account)
        except BrokerUnavailable as error:
            if error.retry_after_s is None:
                raise
            broker.wait(error.retry_after_s)
    if _of_the_day(job, OrderState.INTENDED):
        raise BrokerUnavailable(
            f"{broker.name} did not take the orders of {job.as_of} in {ROUNDS} rounds; run the same command again later"
        )


def send(job: Job, broker: Broker, order: Order, account: tuple[Standing, Mandate]) -> Order:
    """The order as the broker left it, or as it stays if it may not leave or another run has taken it.

    Raises BrokerUnavailable, BrokerRefused where it certainly did not arrive; then it waits again.
    """
    now = broker.now()
    with connect(job.home) as store, transaction(store):
        refusal = _refusal(store, job, order, account, now)
        claimed = replace(order, state=OrderState.EXPIRED, reason=refusal) if refusal else _sent(order)
        if not order_store.claim_order(store, job.account, claimed):
            return order_store.order(store, job.account, order.order_id)
        _step(store, job, claimed, now)
    if refusal:
        log.warning("%s %s %s: %s.", order.side.capitalize(), order.quantity, order.symbol, refusal)
        return claimed
    try:
        receipt = broker.submit(claimed, now)
    except (BrokerUnavailable, BrokerRefused) as error:
        with connect(job.home) as store, transaction(store):
            if order_store.release_order(store, job.account, order.order_id):
                _step(store, job, replace(order, reason=str(error)), now)
        raise
    left = record(job, broker, receipt)
    return ask(job, broker, left) if left.state is OrderState.UNKNOWN else left


def resolve(customer: Customer, broker: Broker, over_before: date) -> tuple[Order, ...]:
    """The orders of which the broker does not say what became; the others that left have ended, or wait for their bar.

    What still rests there of a day before `over_before` is cancelled, and nothing is sent. Raises BrokerUnavailable.
    """
    with connect(customer.home) as store:
        waiting = order_store.open_orders(store, customer.account)
    untold = list[Order]()
    for order in waiting:
        if order.state is OrderState.INTENDED:
            continue
        found = ask(customer, broker, order)
        # A remainder that the fill bar could not take is not carried into the next day.
        if order.as_of < over_before and found.state in (OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED):
            found = record(customer, broker, broker.cancel(found, _sent_at(customer, order)))
        if found.state is OrderState.UNKNOWN:
            untold.append(found)
    return tuple(untold)


def ask(customer: Customer, broker: Broker, order: Order) -> Order:
    """The order as the broker has it now. Raises BrokerUnavailable; the order stays as it was."""
    return record(customer, broker, broker.enquire(order, _sent_at(customer, order)))


def record(customer: Customer, broker: Broker, receipt: Receipt) -> Order:
    """Record the order's state, its evidence and its trades, each once, on the account day it belongs to; the order."""
    now = broker.now()
    with connect(customer.home) as store, transaction(store):
        known = order_store.order(store, customer.account, receipt.order.order_id)
        # Evidence is kept whatever else is known: what the broker once confirmed has arrived.
        if receipt.venue is not None:
            evidence.record_evidence(store, customer.account, broker.name, known.order_id, receipt.venue)
        order = _still_cut(_not_absent(store, customer, broker, receipt.order), known)
        if order.state is OrderState.UNKNOWN and known.state not in OPEN_STATES:
            # Another run has asked meanwhile, and knows more.
            return known
        snapshot = ledger.latest_snapshot(store, customer.account)
        settled = snapshot.account.as_of if snapshot else order.as_of
        adopted = venues.adoption(store, customer.account, broker.name)
        number = adopted.number if adopted else 0
        for one in venues.record_executions(store, customer.account, number, receipt.executions):
            ledger.record_fills(store, customer.account, [as_fill(one, booking_day(one.executed_at, settled))])
            log.info("%s %s %s filled at %s.", one.side.capitalize(), one.quantity, one.symbol, one.price)
        order_store.update_orders(store, customer.account, [order], day=booking_day(now, settled))
        _step(store, customer, order, now)
    return order


def _not_absent(store: Connection, customer: Customer, broker: Broker, order: Order) -> Order:
    """The order, which has not "never arrived" where the broker once confirmed it."""
    if not order.reason.startswith(NEVER_ARRIVED):
        return order
    confirmed = evidence.evidence_of(store, customer.account, broker.name, order.order_id)
    if confirmed is None:
        return order
    reason = f"the broker took it at {confirmed.transacted_at:%Y-%m-%d %H:%M:%S} UTC and does not know it now"
    return replace(order, state=OrderState.UNKNOWN, reason=reason)


def _sent_at(customer: Customer, order: Order) -> datetime:
    with connect(customer.home) as store:
        return venues.sent_at(store, customer.account, order.order_id) or customer.now


def _step(store: Connection, customer: Customer, order: Order, now: datetime) -> None:
    """None; the step is kept, but for paper's: its orders come to nothing that the ledger does not decide itself."""
    if customer.broker != PAPER:
        venues.record_step(store, customer.account, order, now)


def _still_cut(order: Order, before: Order) -> Order:
    """The order with its reason, at whose end stays that a halted account has sent only a part of it."""
    if not before.reason.endswith(CUT) or order.reason.endswith(CUT):
        return order
    return replace(order, reason=f"{order.reason}; {CUT}" if order.reason else CUT)


def _of_the_day(job: Job, *states: OrderState) -> tuple[Order, ...]:
    """The orders of the day that stand in one of the states."""
    with connect(job.home) as store:
        orders = order_store.orders_on(store, job.account, job.as_of)
    return tuple(order for order in orders if order.state in states)


def _sent(order: Order) -> Order:
    return replace(order, state=OrderState.SENT)


def _write_again(job: Job) -> None:
    """None; an order of the day that never arrived is written anew, unless it was ATTEMPTS times.

    Nor where the broker was adopted since: it was decided for positions that are cash now.
    """
    tries: dict[str, list[Order]] = {}
    with connect(job.home) as store:
        for order in order_store.orders_on(store, job.account, job.as_of):
            tries.setdefault(order.symbol, []).append(order)
        lost = [one for one in tries.values() if all(order.reason.startswith(NEVER_ARRIVED) for order in one)]
        adopted = venues.adoption(store, job.account, job.broker)
        again = [
            _again(job, one[-1], len(one) + 1)
            for one in lost
            if len(one) < ATTEMPTS and not (adopted and _sent_before(store, job, one[-1], adopted.adopted_at))
        ]
        order_store.record_orders(store, job.account, again)


def _sent_before(store: Connection, job: Job, order: Order, instant: datetime) -> bool:
    sent_at = venues.sent_at(store, job.account, order.order_id)
    return sent_at is not None and sent_at < instant


def _again(job: Job, order: Order, attempt: int) -> Order:
    order_id = client_order_id(job.account, job.policy.strategy, order.symbol, order.as_of, attempt)
    written = replace(order, order_id=order_id, state=OrderState.INTENDED, reason=f"attempt {attempt}")
    return _still_cut(written, order)


def _refusal(store: Connection, job: Job, order: Order, account: tuple[Standing, Mandate], now: datetime) -> str:
    """Why the order may not leave after all, as things stand now; empty if it may."""
    if order.as_of != job.as_of:
        return f"{REFUSED}: decided for {order.as_of}, which is over"
    if job.sends_until is not None and now > job.sends_until:
        return f"{REFUSED}: too late at {now:%Y-%m-%d %H:%M} UTC, orders leave until {job.sends_until:%Y-%m-%d %H:%M}"
    if takeovers.entries_after(store, job.account, job.as_of):
        # It was decided on books that say something else now.
        return UNSENT
    return objection(order, _desk(store, job, account))


def _desk(store: Connection, job: Job, account: tuple[Standing, Mandate]) -> Desk:
    standing, mandate = account
    bars = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=1)
    quotes = tape(bars, job.as_of, job.as_of).on(job.as_of)
    return Desk(
        account=standing.account,
        marks={symbol: quote.close for symbol, quote in quotes.items()},
        today=order_store.orders_on(store, job.account, job.as_of),
        instruments=mandate.terms.instruments,
        limits=mandate.limits,
        max_position_size=mandate.sizing.max_position_size,
        halted=risk_state.load(store, job.account).halted,
        model_age_bars=_model_age_bars(store, job),
        model_max_age_bars=job.policy.recipe.model_max_age_bars,
    )


def _model_age_bars(store: Connection, job: Job) -> int | None:
    """The account days since the model that decided the day was trained; None where none of the register did."""
    provenance = ledger.provenance_on(store, job.account, job.as_of)
    if provenance is None or provenance.model_id is None:
        return None
    try:
        trained_to = model_store.find(store, provenance.model_id).trained_to
    except model_store.ModelUnknown:
        # An audit lends the days models of a walk-forward's folds, which are no part of the register.
        return None
    return len(bar_store.session_dates(store, job.source, job.symbols, after=trained_to, until=job.as_of))
