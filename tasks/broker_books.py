"""The broker's books beside the ledger's: what was adopted, what our trades made of it, and what is there.

Two statements must hold to the last digit. The broker's balances are those that it had at adoption, changed by our
trades and charges alone. The ledger's positions are the sum of the same trades.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from exchange.ports import Broker, Holdings
from storage import orders as order_store
from storage import venues
from storage.database import connect, transaction
from storage.venues import Adoption
from strategy.booking import Holding
from strategy.orders import Order, OrderState, ReasonCode
from strategy.takeover import CASH_STEP, given_back
from tasks.account_books import expected, holdings_of, standing_now, stands, traded_since
from tasks.job import Job
from tasks.takeovers import planned, take_over

log = logging.getLogger(__name__)


class BrokerDisagrees(Exception):
    """Ledger and broker do not hold the same: nothing may be ordered until a person has looked (exit 7)."""


def difference(job: Job, broker: Broker, adopted: Adoption) -> str:
    """In what the books differ, in words, if only because another run trades at this moment; empty if in nothing."""
    with connect(job.home) as store:
        now = standing_now(store, job.account)
    holdings = holdings_of(broker, sorted({*job.symbols, *adopted.positions, *(now.positions if now else ())}))
    with connect(job.home) as store, transaction(store):
        if not stands(store, job.account, broker, adopted):
            return f"{broker.name} was adopted anew by another run at this moment"
        # A symbol that joins later is taken over as it stands now: nothing of it is ours yet.
        joined = {symbol: held for symbol, held in holdings.positions.items() if symbol not in adopted.positions}
        late = replace(adopted, positions=joined, adopted_at=broker.now())
        venues.adopt(store, job.account, broker.name, late)
        whole = replace(adopted, positions={**adopted.positions, **joined})
        now = standing_now(store, job.account)
        owned = {symbol: position.quantity for symbol, position in now.positions.items()} if now else {}
        due = traded_since(store, job.account, broker.name, adopted).positions
        ours = ledger_difference(owned, due)
        theirs = broker_difference(holdings, expected(store, job.account, whole))
    if ours:
        return f"the ledger of account {job.account} {ours}"
    return f"{broker.name} {theirs}" if theirs else ""


def differ_by_fills(job: Job, broker: Broker, adopted: Adoption, unknown: Sequence[Order]) -> bool:
    """Return whether the books differ by no more than fills of these orders, whose outcome is unknown, would make."""
    symbols = tuple(sorted({*job.symbols, *adopted.positions, *(one.symbol for one in unknown)}))
    holdings = holdings_of(broker, symbols)
    with connect(job.home) as store:
        now = standing_now(store, job.account)
        owned = {symbol: position.quantity for symbol, position in now.positions.items()} if now else {}
        if ledger_difference(owned, traded_since(store, job.account, broker.name, adopted).positions):
            return False
        there_due = expected(store, job.account, adopted).positions
    moved = False
    for symbol, there in holdings.positions.items():
        gap = there - there_due.get(symbol, Decimal(0))
        asked = [one.signed_quantity for one in unknown if one.symbol == symbol]
        sold = sum((one for one in asked if one < 0), Decimal(0))
        bought = sum((one for one in asked if one > 0), Decimal(0))
        if not sold <= gap <= bought:
            return False
        moved = moved or gap != 0
    return moved


def settle_difference(job: Job, broker: Broker, adopted: Adoption, found: str) -> str:
    """What to warn of where the books differ because the venue was reset. Raises BrokerDisagrees otherwise."""
    if not found.startswith(broker.name) or not _was_reset(job, broker, adopted):
        raise BrokerDisagrees(f"{found}; {_remedy(job)}")
    symbols = tuple(sorted({*job.symbols, *adopted.positions}))
    holdings = holdings_of(broker, symbols)
    with connect(job.home) as store, transaction(store):
        if stands(store, job.account, broker, adopted):
            plan = planned(store, (job.account, broker.name, adopted), holdings, given_back)
            take_over(store, (job.account, broker, adopted), holdings, (plan, "the venue was reset"))
    return f"{broker.name} was reset since the last run: its balances were adopted anew, what it took away is cash"


def broker_difference(holdings: Holdings, due_there: Holding) -> str:
    """In what the broker's balances differ from those expected; empty if in nothing.

    A symbol that it lists no longer is not told, and not compared.
    """
    for symbol, there in sorted(holdings.positions.items()):
        due = due_there.positions.get(symbol, Decimal(0))
        if there != due:
            return f"holds {there:f} of {symbol} where our trades since its adoption give {due:f}"
    if abs(holdings.cash - due_there.cash) > CASH_STEP:
        return f"holds {holdings.cash:f} in cash where our trades since its adoption give {due_there.cash:f}"
    return ""


def ledger_difference(positions: Mapping[str, Decimal], due: Mapping[str, Decimal]) -> str:
    """In what the ledger's positions differ from the trades they come from; empty if in nothing."""
    for symbol in sorted({*positions, *due}):
        held, told = positions.get(symbol, Decimal(0)), due.get(symbol, Decimal(0))
        if held != told:
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
    found = broker.enquire(replace(order, state=OrderState.SENT, reason="", code=None), sent_at).order
    return found.code is ReasonCode.UNSEEN


def _remedy(job: Job) -> str:
    return (
        f"nothing was ordered; look for trades or transfers by hand or by another program, then `turbodmt adopt "
        f"--account {job.account} --broker {job.broker} --reason TEXT` takes the broker over as it stands"
    )
