"""Broker takeover by hand: after a person has looked, the ledger is made to match what the broker holds."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from exchange.ports import Balances, Broker, BrokerUnavailable
from storage.bars import instruments as instrument_store
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events
from storage.ledger import order_evidence as evidence
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.broker.fills import booking_day
from strategy.broker.takeover import taken_over
from strategy.exit_codes import UsageError
from tasks.broker.account_books import (
    NO_EVENTS,
    UnrecordedEvents,
    account_now,
    as_recorded,
    baseline_holdings,
    delisted_by,
    expected,
    is_current_baseline,
    traded_since,
    without_delisted,
)
from tasks.broker.balances import broker_difference, ledger_difference
from tasks.broker.reconciliation import LOOKS, charges_since, record_charges
from tasks.broker.takeover_plan import AdoptAnswer, Adopted, answered, planned, take_over
from tasks.broker.unknown_orders import WAITED_FOR, sync_orders, unresolved
from tasks.operations.halt import demand_reason
from tasks.run.job import PAPER, BrokerCustomer

log = logging.getLogger(__name__)

#: How long after a trade the reported balances may not include it.
BALANCES_AFTER = timedelta(seconds=90)


def adopt(
    home: Path, account: str, reason: str, open_broker: Callable[[datetime], Broker], now: datetime
) -> AdoptAnswer:
    """Return the answer of `turbodmt adopt`: match the ledger to the broker, each difference booked as an entry.

    First the outcome of its orders is queried, and orders still resting at the broker are cancelled; nothing is sent,
    and unsent orders expire. Right after a takeover, if nothing differs, nothing is written. An order whose outcome the
    broker will never report ends here: whatever it traded is in the balances, and counts as the account's as far as
    they differ by no more than it may have traded.
    Raises UsageError, BrokerUnavailable.
    """
    demand_reason(reason)
    broker, adopter = _adopter(home, account, open_broker, now)
    for _ in range(LOOKS):
        before = _newest(adopter)
        _catch_up(adopter, broker, before)
        taken = _took_over(adopter, broker, before, reason.strip())
        if taken is not None:
            return answered(adopter, taken)
    raise BrokerUnavailable(
        f"orders of account {account} leave or trade at this moment; nothing was adopted: run the same command again "
        "once no run is at work"
    )


def foresee(home: Path, account: str, open_broker: Callable[[datetime], Broker], now: datetime) -> AdoptAnswer:
    """Return the answer that `adopt` would give now; write, send and cancel nothing.

    Raises UsageError, BrokerUnavailable.
    """
    broker, adopter = _adopter(home, account, open_broker, now)
    before = _newest(adopter)
    with connect(home) as store:
        waiting = [order for order in order_store.open_orders(store, account) if order.state is not OrderState.INTENDED]
        sent = {order.order_id: broker_events.sent_at(store, account, order.order_id) or now for order in waiting}
        known = {
            (execution.order_id, execution.trade_id)
            for execution in broker_events.executions(store, account, before.number)
        }
        charged = {charge.charge_id for charge in broker_events.charges(store, account, before.number)}
        confirmed = {
            order.order_id: evidence.evidence_of(store, account, broker.name, order.order_id) for order in waiting
        }
    receipts = [broker.enquire(order, sent[order.order_id], confirmed[order.order_id]) for order in waiting]
    _demand_told(adopter, [report.order for report in receipts], broker)
    executions = [execution for receipt in receipts for execution in receipt.executions]
    fresh = [execution for execution in executions if (execution.order_id, execution.trade_id) not in known]
    charges = tuple(charge for charge in charges_since(adopter, broker, before) if charge.charge_id not in charged)
    with connect(home) as store:
        events = UnrecordedEvents(executions=as_recorded(store, adopter, fresh), charges=charges)
    holdings = _holdings(adopter, broker, before, events)
    now_there = broker.now()
    with connect(home) as store:
        forgotten = [report.order for report in receipts if unresolved(store, account, report.order, now_there)]
        events = replace(events, unknown=tuple(forgotten))
        plan = planned(store, before, holdings, taken_over, events)
        due = bool(forgotten) or bool(plan.changes) or _due(store, before, holdings, events)
    number = before.number + due
    return answered(adopter, Adopted(plan=plan, number=number, reason="", holdings=holdings, changed=due, dry=True))


def _adopter(
    home: Path, account: str, open_broker: Callable[[datetime], Broker], now: datetime
) -> tuple[Broker, BrokerCustomer]:
    """Return the broker, and the account that has a baseline there. Raises UsageError."""
    broker = open_broker(now)
    with connect(home) as store:
        before = broker_events.newest_baseline(store, account, broker.name)
        began = broker_events.broker_of(store, account)
    if before is None and began is not None:
        raise UsageError(f"account {account} trades at {began}, not at {broker.name}; adopt it with --broker {began}")
    if broker.name == PAPER:
        raise UsageError("--broker is 'paper', whose books are the ledger's own; name testnet-spot or testnet-futures")
    if before is None:
        raise UsageError(
            f"account {account} has never traded at {broker.name}; its first `turbodmt daily` there adopts it"
        )
    return broker, BrokerCustomer(home=home, account=account, broker=broker.name, now=now)


def _newest(adopter: BrokerCustomer) -> BrokerBaseline:
    with connect(adopter.home) as store:
        newest = broker_events.newest_baseline(store, adopter.account, adopter.broker)
    assert newest is not None, "it was adopted before"
    return newest


def _holdings(
    adopter: BrokerCustomer, broker: Broker, before: BrokerBaseline, events: UnrecordedEvents = NO_EVENTS
) -> Balances:
    """Return the broker's balances, after waiting until they must include our newest trade."""
    with connect(adopter.home) as store:
        now = account_now(store, adopter.account)
        executions = (*broker_events.executions(store, adopter.account, before.number), *events.executions)
        symbols = sorted({*before.positions, *(now.positions if now else ())})
        cash = instrument_store.quote(store, broker.name, symbols)
        delisted = delisted_by(store, adopter.account, symbols, adopter.now.date())
    young = broker.now() - max((execution.executed_at for execution in executions), default=before.adopted_at)
    if timedelta(0) <= young < BALANCES_AFTER:
        broker.wait((BALANCES_AFTER - young).total_seconds())
    holdings = baseline_holdings(broker, symbols, cash)
    with connect(adopter.home) as store:
        owned = account_now(store, adopter.account, events)
        return without_delisted(holdings, delisted, expected(store, before, events), owned)


def _catch_up(adopter: BrokerCustomer, broker: Broker, baseline: BrokerBaseline) -> None:
    """Record the outcome of every sent order, as far as it will ever be known, and every funding payment."""
    _demand_told(adopter, sync_orders(adopter, broker, date.max), broker)
    record_charges(adopter, broker, baseline, adopter.now.date() - timedelta(days=1))


def _demand_told(adopter: BrokerCustomer, orders: Sequence[Order], broker: Broker) -> None:
    now = broker.now()
    with connect(adopter.home) as store:
        unknown = [
            order
            for order in orders
            if order.state is OrderState.UNKNOWN and not unresolved(store, adopter.account, order, now)
        ]
    if unknown:
        raise BrokerUnavailable(
            f"{broker.name} does not say yet what became of order {unknown[0].order_id} of {unknown[0].as_of}; nothing "
            f"was adopted: run the same command again in {WAITED_FOR // timedelta(minutes=1)} minutes"
        )


def _took_over(adopter: BrokerCustomer, broker: Broker, before: BrokerBaseline, reason: str) -> Adopted | None:
    """Record the takeover, or that nothing differs, and return it; None if a run was active meanwhile: try again.

    The balances cannot be used if an order of ours traded while they were queried, or still may: they may or may not
    include that trade.
    """
    account = adopter.account
    with connect(adopter.home) as store:
        known = broker_events.executions(store, account, before.number)
    holdings = _holdings(adopter, broker, before)
    with connect(adopter.home) as store, transaction(store):
        if not is_current_baseline(store, before):
            return None
        out = [order for order in order_store.open_orders(store, account) if order.state is not OrderState.INTENDED]
        forgotten = [order for order in out if unresolved(store, account, order, broker.now())]
        if out != forgotten or broker_events.executions(store, account, before.number) != known:
            return None
        plan = planned(store, before, holdings, taken_over, UnrecordedEvents(unknown=tuple(forgotten)))
        if not (forgotten or plan.changes or _due(store, before, holdings)):
            return Adopted(plan=plan, number=before.number, reason=before.reason, holdings=holdings, changed=False)
        take_over(store, broker, plan, holdings, reason)
        for order in forgotten:
            what = f"{order.reason}; what it may have traded is in the balances of adoption {before.number + 1}"
            ended = replace(order, state=OrderState.EXPIRED, reason=what, code=ReasonCode.ADOPTED)
            _end(store, account, ended, broker.now())
    return Adopted(plan=plan, number=before.number + 1, reason=reason, holdings=holdings, changed=True)


def _due(store: Connection, before: BrokerBaseline, holdings: Balances, events: UnrecordedEvents = NO_EVENTS) -> bool:
    """Return whether a takeover has an effect: the books differ, even in what is not ours, or something happened."""
    account = before.account
    traded = (*broker_events.executions(store, account, before.number), *events.executions)
    if before.number == 1 or traded or order_store.open_orders(store, account):
        return True
    now = account_now(store, account, events)
    owned = {symbol: position.quantity for symbol, position in now.positions.items()} if now else {}
    due = traded_since(store, before, events).positions
    there = expected(store, before, events)
    return bool(ledger_difference(owned, due) or broker_difference(holdings, there))


def _end(store: Connection, account: str, ended: Order, now: datetime) -> None:
    """End the order without a trade of its own: none is known, and none is invented."""
    snapshot = position_store.latest_snapshot(store, account)
    settled = snapshot.account.as_of if snapshot else ended.as_of
    order_store.update_orders(store, account, [ended], day=booking_day(now, settled))
    broker_events.record_step(store, account, ended, now)
    log.warning("Order %s has ended as %s: %s.", ended.order_id, ended.state, ended.reason)
