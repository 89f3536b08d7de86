"""Order: turn target exposures into lot-sized orders, check them, record them, then send them."""

import logging
from collections.abc import Callable
from datetime import datetime

from exchange.ports import Broker
from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import risk_state
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.account.quotes import quotes_by_date
from strategy.backtest.closing_orders import closing_orders
from strategy.backtest.day_loop import AccountState, plan_orders
from strategy.backtest.halted_orders import only_reducing
from strategy.exit_codes import Exit
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import ORDERED, Decision
from strategy.portfolio.flattening import is_flattened
from tasks.broker.submission import send_all
from tasks.daily.account_state import account_config
from tasks.daily.flattening import cancel_waiting, closing_config
from tasks.daily.signals import settled_state
from tasks.report.markup import exactly
from tasks.run.job import Job

log = logging.getLogger(__name__)


class OrdersBlocked(Exception):
    """Orders that may not be sent: the run is late, or the account is halted (exit 5)."""

    exit_code = Exit.BLOCKED


class AccountHalted(OrdersBlocked):
    """Orders of the day that a halt withheld as intended; the day is settled, decided and reported (exit 5).

    The run's final state has the name `state_name` on Prefect's page.
    """

    state_name = "Halted"


def trade(job: Job, open_broker: Callable[[datetime], Broker]) -> tuple[Order, ...]:
    """Record the day's orders, then send them; return them in the state in which the broker left them.

    Raises OrdersBlocked if the run is later than its bar allows; the decisions stay in the ledger.
    """
    with connect(job.home) as store:
        state, config = settled_state(store, job), account_config(store, job)
        # A run may have been killed before it recorded the orders of an earlier pass.
        planned = tuple(
            order
            for day_pass in ledger.passes_on(store, job.account, job.as_of)
            for order in planned_orders(
                store,
                job,
                (settled_state(store, job, day_pass.number), config),
                ledger.decisions_in(store, job.account, job.as_of, day_pass.number),
            )
        )
        closes = is_flattened(ledger.decisions_on(store, job.account, job.as_of))
        config = closing_config(config, job.broker) if closes else config
        written = order_store.orders_on(store, job.account, job.as_of)
        _demand_in_time(job, _unwritten(planned, written))
        if closes:
            cancel_waiting(store, job)
        order_store.record_orders(store, job.account, _under_their_ids(planned, written))
    send_all(job, open_broker(job.now), (state, config))
    with connect(job.home) as store:
        orders = order_store.orders_on(store, job.account, job.as_of)
    for order in orders:
        log.info(
            "%s %s %s: %s.", order.side.capitalize(), exactly(order.quantity), order.symbol, order.reason or order.state
        )
    return orders


def planned_orders(
    store: Connection, job: Job, account: tuple[AccountState, AccountConfig], decisions: tuple[Decision, ...]
) -> tuple[Order, ...]:
    """Return the orders that the decisions ask for, at the closes of `as_of`; a halted account only reduces positions.

    Orders already recorded for the decisions' symbols decide whether the day counts as halted, even if the account was
    halted or resumed since. The orders of a day on which the account is flattened close its positions.
    """
    state, config = account
    decided = sorted({*job.symbols, *(decision.symbol for decision in decisions)})
    bars = bar_store.load(store, job.source, decided, until=job.as_of, last_bars=2)
    quotes = quotes_by_date(bars, job.as_of, job.as_of).on(job.as_of)
    if is_flattened(decisions):
        return closing_orders(state, decisions, quotes, closing_config(config, job.broker))
    planned = plan_orders(state, decisions, quotes, config)
    ordered = {decision.symbol for decision in decisions if decision.status in ORDERED}
    written = tuple(order for order in order_store.orders_on(store, job.account, job.as_of) if order.symbol in ordered)
    if withheld(written) if written else risk_state.load(store, job.account).halted:
        return only_reducing(planned, state, config)
    return planned


def withheld(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Return the orders that a halt has skipped or cut."""
    return tuple(order for order in orders if order.code is ReasonCode.HALTED or order.cut_by_halt)


def demand_nothing_withheld(job: Job) -> None:
    """Raise OrdersBlocked if an order of the day was withheld: the day is reported and checked, but not done.

    Raises AccountHalted, a subclass, if a halt withheld it.
    """
    today = _of_the_day(job)
    kept = [order for order in today if order.code is ReasonCode.NOT_SENT]
    orders = [order for order in withheld(today) if order not in kept]
    with connect(job.home) as store:
        risk = risk_state.load(store, job.account)
    if orders:
        halted = (
            f"has been halted since {risk.since}: {risk.reason}" if risk.halted else "was halted when they were made"
        )
        raise AccountHalted(
            f"orders of {job.as_of} were withheld ({len(orders)}), account {job.account} {halted}; once you "
            f"know why, `turbodmt resume --account {job.account} --reason TEXT` lets the next day trade"
        )
    if kept:
        raise OrdersBlocked(
            f"orders of {job.as_of} did not leave ({len(kept)}), {kept[0].symbol} was {kept[0].reason}; the next day "
            "decides again: correct what it names before"
        )


def _of_the_day(job: Job) -> tuple[Order, ...]:
    with connect(job.home) as store:
        return order_store.orders_on(store, job.account, job.as_of)


def _unwritten(planned: tuple[Order, ...], written: tuple[Order, ...]) -> tuple[Order, ...]:
    """Return the orders to send that no earlier run of the day has recorded."""
    known = {order.symbol for order in written}
    return tuple(order for order in planned if order.state is OrderState.INTENDED and order.symbol not in known)


def _under_their_ids(planned: tuple[Order, ...], written: tuple[Order, ...]) -> tuple[Order, ...]:
    """Return the orders, less those that an earlier run recorded under another id, which keep that id.

    Such a run preceded a new takeover of the broker, or had a version that derived ids differently.
    """
    ids: dict[str, set[str]] = {}
    for order in written:
        ids.setdefault(order.symbol, set()).add(order.order_id)
    return tuple(order for order in planned if order.order_id in ids.get(order.symbol, {order.order_id}))


def _demand_in_time(job: Job, fresh: tuple[Order, ...]) -> None:
    if fresh and job.sends_until is not None and job.now > job.sends_until:
        raise OrdersBlocked(
            f"the run for {job.as_of} comes at {job.now:%Y-%m-%d %H:%M} UTC, after {job.sends_until:%Y-%m-%d %H:%M}, "
            "so no order was sent; the next scheduled run trades, or raise max_lateness_hours"
        )
