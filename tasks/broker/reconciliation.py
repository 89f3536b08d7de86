"""Reconciliation: before a day is settled, the ledger learns the outcome of its orders, and the books must agree."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from exchange.ports import Broker, BrokerRefused, BrokerUnavailable, FundingPayment, NotTrading
from storage.bars import instruments as instrument_store
from storage.database import connect, transaction
from storage.ledger import broker_events
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.broker.fills import PaidIn, booking_day
from strategy.market.instruments import Instrument
from tasks.broker.account_books import baseline, baseline_holdings, delisted_by, is_current_baseline
from tasks.broker.balances import BrokerDisagrees, Difference, differ_by_fills, difference, settle_difference
from tasks.broker.funding import FUNDING_LOOKS_S, past_funding
from tasks.broker.resets import judged
from tasks.broker.unknown_orders import close_absent, is_late, remedy, sync_orders, waited_for
from tasks.report.markup import exactly
from tasks.run.job import FUTURES, PAPER, Customer, Job

log = logging.getLogger(__name__)

#: Comparisons of the books before a mismatch counts: another run may be trading at this moment.
LOOKS = 3
#: How long the venue's answers may lag behind an order, and the waits between comparisons during that time.
LAG = timedelta(minutes=3)
LATE_LOOKS_S = (1.0, 4.0, 25.0, 150.0, 0.0)

#: Overlap with the newest known funding payment when querying: a venue may report one after a later one.
CHARGES_OVERLAP = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Result of a reconciliation: the symbols that the broker will not trade today, with reasons, and warnings."""

    barred: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def reconcile_broker(job: Job, broker: Broker) -> Agreement:
    """Bring the ledger up to date with the broker, demand that their books agree, and return the symbols barred today.

    A venue that was reset gets a new baseline: positions it removed are booked as cash at the last marks, not as a
    loss. Raises BrokerDisagrees, BrokerUnavailable, BrokerRefused.
    """
    _demand_same_broker(job)
    expire_unsent(job)
    if job.broker == PAPER:
        return Agreement()
    barred = _listed(job, broker)
    elsewhere = (*_paid_elsewhere(job, broker), *_kept_though_gone(job, barred))
    past_funding(broker)
    for wait_s in _looks_s(job, broker):
        current, unknown, found = _compared(job, broker)
        if found is None:
            _demand_capital(job, broker)
            return Agreement(barred=barred | close_absent(job, broker, current, unknown), warnings=elsewhere)
        if wait_s:
            broker.wait(wait_s)
    assert found is not None, "books that agree were answered above"
    waited = waited_for(broker, unknown)
    doubted = (
        f"what became of order {order.order_id} of {order.as_of} is not known ({order.reason})" for order in unknown
    )
    found = replace(found, words="; ".join((found.words, *doubted, *elsewhere)))
    if (
        unknown
        and differ_by_fills(job, broker, current, unknown)
        and not _reset_met(job, broker, current, unknown, found)
    ):
        return Agreement(barred=barred | waited, warnings=elsewhere)
    told = settle_difference(job, broker, current, found)
    for _ in range(LOOKS):
        current, unknown, found = _compared(job, broker)
        if found is None:
            break
    if found is not None:
        raise BrokerUnavailable(f"{found.words}, while another run was at work; run the same command again after it")
    _demand_capital(job, broker)
    return Agreement(barred=barred | close_absent(job, broker, current, unknown), warnings=(*told, *elsewhere))


def _reset_met(job: Job, broker: Broker, current: BrokerBaseline, unknown: Sequence[Order], found: Difference) -> bool:
    """Return whether the mismatch, which fills of the unknown orders would make, comes from a reset.

    A fill explains it, even if the venue has forgotten the order, until it should have been told; then only a reset
    that other orders show does. Raises BrokerDisagrees without one.
    """
    if not is_late(job, broker, unknown):
        return False
    verdict = judged(job, broker, current, {order.order_id for order in unknown})
    if verdict.reset:
        return True
    way = f"nothing was ordered; look, then {remedy(job)} takes the broker over as it stands"
    raise BrokerDisagrees(f"{found.words}; {verdict.words}; {way}")


def _compared(job: Job, broker: Broker) -> tuple[BrokerBaseline, tuple[Order, ...], Difference | None]:
    """Return the current baseline, the orders of unknown outcome, and the balance mismatch if there is one."""
    # Another run may have recorded a first or a new baseline since the last comparison.
    current = _adopted(job, broker) or _adopt_first(job, broker)
    return current, _catch_up(job, broker, current), difference(job, broker, current)


def _looks_s(job: Job, broker: Broker) -> tuple[float, ...]:
    """Return the waits after each comparison: funding changes a balance seconds before or after it is reported."""
    if _sent_lately(job, broker):
        return LATE_LOOKS_S
    return FUNDING_LOOKS_S if broker.name == FUTURES else (0.0,) * LOOKS


def _sent_lately(job: Job, broker: Broker) -> bool:
    """Return whether an order was sent so recently that cached balances may not include its trades yet."""
    with connect(job.home) as store:
        at = broker_events.last_sent_at(store, job.account)
    return at is not None and broker.now() - at < LAG


def expire_unsent(job: Job) -> None:
    """Expire the orders of earlier days that were never sent."""
    with connect(job.home) as store:
        for order in order_store.open_orders(store, job.account):
            if order.state is OrderState.INTENDED and order.as_of < job.as_of:
                reason = f"not sent on {order.as_of}, which is over"
                over = replace(order, state=OrderState.EXPIRED, reason=reason, code=ReasonCode.NOT_SENT)
                order_store.claim_order(store, job.account, over)


def _demand_same_broker(job: Job) -> None:
    """Raise BrokerRefused unless the account stays with its first broker and no other account trades at this one."""
    with connect(job.home) as store:
        began = broker_events.broker_of(store, job.account)
        snapshot = position_store.latest_snapshot(store, job.account)
        holder = broker_events.account_at(store, job.broker)
    if began is None and snapshot is not None:
        began = PAPER
    if began is not None and began != job.broker:
        raise BrokerRefused(
            f"account {job.account} trades at {began}, not at {job.broker}; go on with --broker {began}, or open "
            f"another account with --account"
        )
    if holder is not None and holder != job.account:
        raise BrokerRefused(
            f"account {holder} already trades at {job.broker}, and one balance serves one account; use --account "
            f"{holder}, or another home with keys of its own"
        )


def _listed(job: Job, broker: Broker) -> dict[str, str]:
    """Return the symbols that the broker does not trade today, with reasons; store the terms of the others.

    A day on which all of its symbols are halted there, or delisted, still runs. Raises BrokerRefused if it has none of
    the symbols.
    """
    with connect(job.home) as store:
        known = instrument_store.load(store, job.source, (*job.symbols, *job.besides))
    terms, barred, halted = list[Instrument](), dict[str, str](), 0
    for symbol, instrument in known.items():
        try:
            terms += broker.instruments((instrument,))
        except BrokerRefused as error:
            barred[symbol] = str(error)
            halted += isinstance(error, NotTrading)
    ended = sum(each.delisted_from is not None and each.delisted_from <= job.as_of for each in known.values())
    if known and not terms and not halted and ended < len(known):
        raise BrokerRefused(next(iter(barred.values())))
    with connect(job.home) as store:
        instrument_store.save(store, broker.name, terms)
    return barred


def _adopted(job: Job, broker: Broker) -> BrokerBaseline | None:
    with connect(job.home) as store:
        return broker_events.newest_baseline(store, job.account, broker.name)


def _adopt_first(job: Job, broker: Broker) -> BrokerBaseline:
    """Record the broker's balances as the first baseline: the account owns only cash, up to its capital."""
    holdings = baseline_holdings(broker, job.symbols)
    with connect(job.home) as store, transaction(store):
        # Another first run may have recorded a baseline meanwhile and traded: then the balances are not untouched.
        if (other := broker_events.newest_baseline(store, job.account, broker.name)) is not None:
            return other
        _demand(job, broker, holdings.cash)
        current = baseline(job.account, broker, 1, "first run", holdings)
        broker_events.record_baseline(store, current)
    log.info(
        "Account %s adopts %s with %s in cash, %s of it its own.",
        job.account,
        broker.name,
        holdings.cash,
        job.policy.capital,
    )
    return current


def _demand_capital(job: Job, broker: Broker) -> None:
    """Raise BrokerRefused for an account that has not opened yet if its capital exceeds the baseline's cash."""
    current = _adopted(job, broker)
    with connect(job.home) as store:
        opened = position_store.latest_snapshot(store, job.account) is not None
    if current is not None and not opened:
        _demand(job, broker, current.cash)


def _demand(job: Job, broker: Broker, cash: Decimal) -> None:
    if cash < job.policy.capital:
        raise BrokerRefused(
            f"capital is {job.policy.capital}, but {broker.name} holds {cash:f} in cash; name at most that with "
            "--capital, or reset the testnet account"
        )


def _catch_up(job: Job, broker: Broker, current: BrokerBaseline) -> tuple[Order, ...]:
    """Return the orders of unknown outcome, after all others have ended and funding payments are recorded.

    Raises BrokerDisagrees for an order whose outcome will never be known.
    """
    unknown = sync_orders(job, broker, job.as_of)
    for order in unknown:
        if order.code is ReasonCode.FORGOTTEN:
            raise BrokerDisagrees(
                f"{broker.name} no longer reports what became of order {order.order_id} of {order.as_of}; nothing was "
                f"ordered; look, then {remedy(job)} ends it and takes the broker over as it stands"
            )
    record_charges(job, broker, current, job.as_of)
    return unknown


def record_charges(customer: Customer, broker: Broker, current: BrokerBaseline, opened: date) -> None:
    """Record every funding payment since the baseline, on days after `opened` while the account has no day yet.

    Raises BrokerUnavailable.
    """
    with connect(customer.home) as store:
        snapshot = position_store.latest_snapshot(store, customer.account)
    settled = snapshot.account.as_of if snapshot else opened
    charges = charges_since(customer, broker, current)
    with connect(customer.home) as store, transaction(store):
        # If another run has recorded a newer baseline meanwhile, that run books the later funding payments.
        for charge in charges if is_current_baseline(store, current) else ():
            broker_events.record_charge(
                store, customer.account, current.number, charge, booking_day(charge.charged_at, settled)
            )


def charges_since(customer: Customer, broker: Broker, current: BrokerBaseline) -> tuple[FundingPayment, ...]:
    """Return the newest funding payments since the baseline; some may be recorded already. Raises BrokerUnavailable."""
    with connect(customer.home) as store:
        known = broker_events.charges(store, customer.account, current.number)
    since = current.charges_from or current.adopted_at
    charges = broker.charges(max([since, *(charge.charged_at - CHARGES_OVERLAP for charge in known)]))
    return tuple(charge for charge in charges if charge.charge_id not in current.charges_held)


def _kept_though_gone(job: Job, barred: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning for each position in a delisted symbol that the broker does not trade: no run changes it."""
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
        delisted = delisted_by(store, job.account, sorted(barred), job.as_of)
    held = snapshot.account.positions if snapshot else {}
    return tuple(
        f"{symbol} is delisted, and {exactly(held[symbol].quantity)} of it stay in the books until {remedy(job)} takes "
        f"{job.broker} over as it stands"
        for symbol in sorted(delisted & set(held))
    )


def _paid_elsewhere(job: Job, broker: Broker) -> tuple[str, ...]:
    """Return a warning if fees were taken from an asset that the account does not own."""
    with connect(job.home) as store:
        current = broker_events.newest_baseline(store, job.account, broker.name)
        executions = broker_events.executions(store, job.account, current.number) if current else ()
    assets = sorted({execution.fee_asset for execution in executions if execution.paid_in is PaidIn.ELSEWHERE})
    return (
        (f"fees were paid in {', '.join(assets)}, which the ledger does not count; switch that off at {broker.name}",)
        if assets
        else ()
    )
