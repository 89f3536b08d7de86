"""Order: target exposures become lot-sized orders, checked again, written ahead, then sent."""

import logging
from collections.abc import Callable

from prefect import task
from prefect.cache_policies import NO_CACHE

from exchange.ports import Broker
from storage import bars as bar_store
from storage import ledger, risk_state
from storage.database import Connection, connect
from strategy.backtest import Standing, plan_orders
from strategy.decision import Decision, Mandate
from strategy.market import tape
from strategy.orders import Order, OrderState
from strategy.risk import HALTED, reduced
from tasks.job import Job
from tasks.signals import settled_standing
from tasks.standing import mandate_of

log = logging.getLogger(__name__)


class OrdersBlocked(Exception):
    """No order may be sent: the run is late, or the account is halted (exit 5)."""


@task(name="order", task_run_name="order", cache_policy=NO_CACHE)
def trade(job: Job, open_broker: Callable[[], Broker]) -> tuple[Order, ...]:
    """The day's orders in the state the broker left them; written to the ledger before they are sent.

    Raises OrdersBlocked for a run that comes later than its bar allows; the decisions stay in the ledger.
    """
    with connect(job.home) as store:
        standing, mandate = settled_standing(store, job), mandate_of(store, job)
        decisions = ledger.decisions_on(store, job.account, job.as_of)
        planned = planned_orders(store, job, (standing, mandate), decisions)
        _demand_in_time(job, _unwritten(store, job, planned))
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
    """The orders that the decisions ask for, at the closes of `as_of`; a halted account's only reduce."""
    standing, mandate = account
    bars = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=2)
    planned = plan_orders(standing, decisions, tape(bars, job.as_of, job.as_of).on(job.as_of), mandate)
    # A day that was ordered under a halt stays so when it is run again after the account has been resumed.
    if risk_state.load(store, job.account).halted or withheld(ledger.orders_on(store, job.account, job.as_of)):
        return tuple(reduced(order, standing.account.quantity(order.symbol)) for order in planned)
    return planned


def withheld(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """The orders that a halt has skipped or cut."""
    return tuple(order for order in orders if order.reason.startswith(HALTED))


def demand_nothing_withheld(job: Job) -> None:
    """None; raises OrdersBlocked if the halt withheld an order of the day: reported and reconciled, but not done."""
    with connect(job.home) as store:
        orders = withheld(ledger.orders_on(store, job.account, job.as_of))
        risk = risk_state.load(store, job.account)
    if orders:
        since = f"since {risk.since}: {risk.reason}" if risk.halted else "when the day was ordered"
        raise OrdersBlocked(
            f"{len(orders)} orders of {job.as_of} were withheld, account {job.account} was halted {since}; once you "
            f"know why, `turbodmt resume --account {job.account} --reason TEXT` lets the next day trade"
        )


def _unwritten(store: Connection, job: Job, planned: tuple[Order, ...]) -> tuple[Order, ...]:
    """The orders to send that no earlier run of the day has written."""
    written = {order.order_id for order in ledger.orders_on(store, job.account, job.as_of)}
    return tuple(order for order in planned if order.state is OrderState.INTENDED and order.order_id not in written)


def _demand_in_time(job: Job, fresh: tuple[Order, ...]) -> None:
    if fresh and job.sends_until is not None and job.now > job.sends_until:
        raise OrdersBlocked(
            f"the run for {job.as_of} comes at {job.now:%Y-%m-%d %H:%M} UTC, after {job.sends_until:%Y-%m-%d %H:%M}, "
            "so no order was sent; the next scheduled run trades, or raise max_lateness_hours"
        )
