"""Orders at the paper broker: checked and acknowledged in one transaction, since the ledger is their only record."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from exchange.brokers.paper import PaperBroker
from storage.database import connect, transaction
from storage.ledger import orders as order_store
from strategy.account.orders import Order, OrderState
from strategy.portfolio.drawdown_halt import CUT
from strategy.portfolio.pretrade_checks import PreTradeViolation
from tasks.broker.order_checks import DayBooks, refusal, standing
from tasks.run.job import Job

log = logging.getLogger(__name__)


def acknowledge_all(job: Job, broker: PaperBroker, waiting: Sequence[Order], books: DayBooks) -> None:
    """Hand the waiting orders to the paper broker, in this order, and record all outcomes; leave out claimed ones.

    Each is checked against the orders before it, as they are afterwards. A run that is killed midway has sent none.
    """
    now = broker.now()
    with connect(job.home) as store, transaction(store):
        found = standing(store, job, books)
        today = {order.order_id: order for order in found.state.today}
        ended = []
        for wanted in waiting:
            order = today[wanted.order_id]
            if order.state is not OrderState.INTENDED:
                continue
            against = replace(found, state=replace(found.state, today=tuple(today.values())))
            why = refusal(job, order, against, now)
            if why:
                log.warning("%s %s %s: %s.", order.side.capitalize(), order.quantity, order.symbol, why.reason)
                after = refused(order, why)
            else:
                after = still_cut(broker.submit(replace(order, state=OrderState.SENT), now).order, order)
            today[order.order_id] = after
            ended.append(after)
        order_store.conclude_waiting(store, job.account, ended)


def refused(order: Order, why: PreTradeViolation) -> Order:
    """Return the order that was not sent, for this reason."""
    return replace(order, state=OrderState.EXPIRED, reason=why.reason, code=why.code)


def still_cut(order: Order, before: Order) -> Order:
    """Return the order, its reason still ending with the note that a halted account sent only part of it."""
    if not before.cut_by_halt or order.reason == before.reason:
        return order
    return replace(order, reason=f"{order.reason}; {CUT}" if order.reason else CUT)
