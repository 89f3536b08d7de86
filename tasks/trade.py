"""Order: target exposures become lot-sized orders, checked again, written ahead, then sent."""

import logging
from collections.abc import Callable
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from exchange.ports import Broker
from storage import bars as bar_store
from storage import ledger
from storage.database import Connection, connect
from strategy.backtest import Standing, plan_orders
from strategy.decision import Decision, Mandate
from strategy.market import tape
from strategy.orders import Order, OrderState
from tasks.job import Job
from tasks.signals import settled_standing
from tasks.standing import mandate_of

log = logging.getLogger(__name__)


class OrdersBlocked(Exception):
    """No order may be sent: the run is late, or the account is halted (exit 5)."""


@task(name="order", cache_policy=NO_CACHE)
def trade(job: Job, open_broker: Callable[[], Broker]) -> tuple[Order, ...]:
    """The day's orders in the state the broker left them; written to the ledger before they are sent.

    Raises OrdersBlocked for a run that comes later than its bar allows; the decisions stay in the ledger.
    """
    with connect(job.home) as store:
        standing, mandate = settled_standing(store, job), mandate_of(store, job)
        decisions = ledger.decisions_on(store, job.account, job.as_of)
        planned = planned_orders(store, job, (standing, mandate), decisions)
        _demand_in_time(job, job.now, planned)
        ledger.record_orders(store, job.account, planned)
        waiting = tuple(
            order for order in ledger.orders_on(store, job.account, job.as_of) if order.state is OrderState.INTENDED
        )
        # Paper takes orders without leaving the process, so the store stays open over the call.
        report = open_broker().submit(waiting, standing.account)
        ledger.update_orders(store, job.account, report.orders)
        orders = ledger.orders_on(store, job.account, job.as_of)
    for order in orders:
        log.info("%s %s %s: %s.", order.side.capitalize(), order.quantity, order.symbol, order.reason or order.state)
    return orders


def planned_orders(
    store: Connection, job: Job, account: tuple[Standing, Mandate], decisions: tuple[Decision, ...]
) -> tuple[Order, ...]:
    """The orders that the decisions ask for, at the closes of `as_of`."""
    standing, mandate = account
    bars = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=2)
    return plan_orders(standing, decisions, tape(bars, job.as_of, job.as_of).on(job.as_of), mandate)


def _demand_in_time(job: Job, now: datetime, planned: tuple[Order, ...]) -> None:
    if planned and job.sends_until is not None and now > job.sends_until:
        raise OrdersBlocked(
            f"the run for {job.as_of} comes at {now:%Y-%m-%d %H:%M} UTC, after {job.sends_until:%Y-%m-%d %H:%M}, so no "
            "order was sent; the next scheduled run trades, or raise max_lateness_hours"
        )
