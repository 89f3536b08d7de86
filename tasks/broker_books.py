"""The broker's books beside the ledger's: what was adopted, what our trades made of it, and what is there.

Two statements must hold to the last digit. The broker's balances are those that it had at adoption, changed by our
trades and charges alone. The ledger's positions are the sum of the same trades.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from exchange.ports import Broker, Holdings
from storage import ledger, venues
from storage import orders as order_store
from storage.database import Connection, connect, transaction
from storage.venues import Adoption
from strategy.booking import Holding, closed_by_rebase, realised, traded
from strategy.executions import PaidIn, booking_day
from strategy.orders import NEVER_ARRIVED, OrderState
from tasks.job import Job

log = logging.getLogger(__name__)

#: The venue states its cash in eight decimals.
CASH_STEP = Decimal("1e-8")


class BrokerDisagrees(Exception):
    """Ledger and broker do not hold the same: nothing may be ordered until a person has looked (exit 7)."""


def difference(job: Job, broker: Broker, adopted: Adoption) -> str:
    """In what the books differ, in words, if only because another run trades at this moment; empty if in nothing."""
    with connect(job.home) as store:
        own = _owned(store, job.account)
    symbols = tuple(sorted({*job.symbols, *adopted.positions, *own}))
    holdings = holdings_of(broker, symbols)
    with connect(job.home) as store, transaction(store):
        if not stands(store, job.account, broker, adopted):
            return f"{broker.name} was adopted anew by another run at this moment"
        # A symbol that joins later is taken over as it stands now: nothing of it is ours yet.
        joined = {symbol: held for symbol, held in holdings.positions.items() if symbol not in adopted.positions}
        late = replace(adopted, positions=joined, adopted_at=broker.now())
        venues.adopt(store, job.account, broker.name, late)
        whole = replace(adopted, positions={**adopted.positions, **joined})
        ours = _ledger_difference(store, job, adopted, _owned(store, job.account))
        theirs = _difference(holdings, _expected(store, job, whole))
    if ours:
        return f"the ledger of account {job.account} {ours}"
    return f"{broker.name} {theirs}" if theirs else ""


def settle_difference(job: Job, broker: Broker, adopted: Adoption, found: str) -> str:
    """What to warn of where the books differ because the venue was reset. Raises BrokerDisagrees otherwise."""
    if not found.startswith(broker.name) or not _was_reset(job, broker, adopted):
        raise BrokerDisagrees(f"{found}; {_remedy(job)}")
    symbols = tuple(sorted({*job.symbols, *adopted.positions}))
    holdings = holdings_of(broker, symbols)
    with connect(job.home) as store, transaction(store):
        if stands(store, job.account, broker, adopted):
            rebase(store, (job.account, broker, adopted), holdings, "the venue was reset")
    return f"{broker.name} was reset since the last run: its balances were adopted anew, what it took away is cash"


def stands(store: Connection, account: str, broker: Broker, adopted: Adoption) -> bool:
    """Whether that is the account's newest adoption: another run may have adopted the broker anew meanwhile."""
    newest = venues.adoption(store, account, broker.name)
    return newest is not None and newest.number == adopted.number


def rebase(store: Connection, standing: tuple[str, Broker, Adoption], holdings: Holdings, reason: str) -> None:
    """None; the account adopts the broker anew, within a transaction in which its adoption still stands.

    It owns none of what the broker holds but cash, and its positions become cash. What was ordered for them and has not
    left never will.
    """
    account, broker, before = standing
    for order in order_store.open_orders(store, account):
        ended = replace(order, state=OrderState.EXPIRED, reason="the broker was adopted before it left")
        if order.state is OrderState.INTENDED and order_store.claim_order(store, account, ended):
            venues.record_step(store, account, ended, broker.now())
    snapshot = ledger.latest_snapshot(store, account)
    taken = Adoption(
        number=before.number + 1,
        reason=reason,
        adopted_at=broker.now(),
        cash=holdings.cash,
        positions=holdings.positions,
    )
    venues.adopt(store, account, broker.name, taken)
    if snapshot is not None:
        fresh = venues.executions_after(store, account, snapshot.account.as_of)
        # The first open day, but none before the trades whose position it takes away.
        day = max([booking_day(one.executed_at, snapshot.account.as_of) for one in fresh], default=date.min)
        day = max(day, snapshot.account.as_of + timedelta(days=1))
        marks = {one.symbol: one.price for one in fresh}
        marks |= {symbol: position.mark for symbol, position in snapshot.account.positions.items()}
        ledger.record_entries(store, account, closed_by_rebase(_owned(store, account), marks, day))
    log.warning("Account %s adopts %s anew.", account, broker.name)


def _expected(store: Connection, job: Job, adopted: Adoption) -> Holding:
    """What the broker must hold: what was adopted, changed by our trades and charges."""
    executions = venues.executions(store, job.account, adopted.number)
    on_margin = any(one.realised is not None for one in executions)
    ours = realised(executions) if on_margin else traded(executions)
    charged = sum((one.cash for one in venues.charges(store, job.account, adopted.number)), Decimal(0))
    symbols = {*adopted.positions, *ours.positions}
    zero = Decimal(0)
    return Holding(
        cash=adopted.cash + ours.cash + charged,
        positions={one: adopted.positions.get(one, zero) + ours.positions.get(one, zero) for one in symbols},
    )


def _difference(holdings: Holdings, expected: Holding) -> str:
    """In what the broker's balances differ from those expected; empty if in nothing.

    A symbol that it lists no longer is not told, and not compared.
    """
    for symbol, there in sorted(holdings.positions.items()):
        due = expected.positions.get(symbol, Decimal(0))
        if there != due:
            return f"holds {there:f} of {symbol} where our trades since its adoption give {due:f}"
    if abs(holdings.cash - expected.cash) > CASH_STEP:
        return f"holds {holdings.cash:f} in cash where our trades since its adoption give {expected.cash:f}"
    return ""


def _owned(store: Connection, account: str) -> dict[str, Decimal]:
    """The ledger's signed quantities: the last snapshot's, changed by what has been booked after it."""
    snapshot = ledger.latest_snapshot(store, account)
    if snapshot is None:
        return {}
    owned = {symbol: position.quantity for symbol, position in snapshot.account.positions.items()}
    for symbol, quantity in ledger.units_after(store, account, snapshot.account.as_of).items():
        owned[symbol] = owned.get(symbol, Decimal(0)) + quantity
    for one in venues.executions_after(store, account, snapshot.account.as_of):
        owned[one.symbol] = owned.get(one.symbol, Decimal(0)) - (one.fee if one.paid_in is PaidIn.UNITS else 0)
    return {symbol: quantity for symbol, quantity in owned.items() if quantity}


def _ledger_difference(store: Connection, job: Job, adopted: Adoption, own: Mapping[str, Decimal]) -> str:
    """In what the ledger's positions differ from the trades they come from; empty if in nothing."""
    due = traded(venues.executions(store, job.account, adopted.number)).positions
    for symbol in sorted({*own, *due}):
        if own.get(symbol, Decimal(0)) != due.get(symbol, Decimal(0)):
            held, told = own.get(symbol, Decimal(0)), due.get(symbol, Decimal(0))
            return f"holds {held:f} of {symbol} where its trades give {told:f}"
    return ""


def _was_reset(job: Job, broker: Broker, adopted: Adoption) -> bool:
    """Whether the venue has forgotten our newest trade, or we never traded and nothing of ours can be wrong."""
    with connect(job.home) as store:
        executions = venues.executions(store, job.account, adopted.number)
        if not executions:
            return True
        order = order_store.order(store, job.account, executions[-1].order_id)
        sent_at = venues.sent_at(store, job.account, order.order_id) or job.now
    found = broker.enquire(replace(order, state=OrderState.SENT, reason=""), sent_at).order
    return found.state is OrderState.REJECTED and found.reason.startswith(NEVER_ARRIVED)


def holdings_of(broker: Broker, symbols: tuple[str, ...]) -> Holdings:
    """What the broker outside holds. Raises BrokerUnavailable, BrokerRefused."""
    holdings = broker.holdings(symbols)
    assert holdings is not None, "a broker outside the process has books of its own"
    return holdings


def _remedy(job: Job) -> str:
    return (
        f"nothing was ordered; look for trades or transfers by hand or by another program, then `turbodmt adopt "
        f"--account {job.account} --broker {job.broker} --reason TEXT` takes the broker over as it stands"
    )
