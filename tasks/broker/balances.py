"""Comparison of the broker's balances with the ledger: the baseline, the trades since, and the balances now.

Two statements must hold to the last digit. The broker's balances are those of the baseline, changed by our trades and
funding payments alone. The ledger's positions are the sum of the same trades.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from exchange.ports import Balances, Broker
from storage.bars import instruments as instrument_store
from storage.database import connect, transaction
from storage.ledger import broker_events, resets
from storage.ledger.broker_events import BrokerBaseline
from strategy.account.orders import Order
from strategy.broker.daily_booking import Holding
from strategy.broker.takeover import CASH_STEP, Cause, given_back
from strategy.exit_codes import Exit
from tasks.broker.account_books import (
    account_now,
    baseline_holdings,
    expected,
    holdings_of,
    is_current_baseline,
    traded_since,
)
from tasks.broker.resets import Verdict, judged
from tasks.broker.takeover_plan import Plan, planned, take_over
from tasks.report.markup import exactly
from tasks.run.job import Job

log = logging.getLogger(__name__)


class BrokerDisagrees(Exception):
    """Ledger and broker hold different balances: nothing may be ordered until a person has looked (exit 7)."""

    exit_code = Exit.RECONCILIATION


class BookSide(StrEnum):
    """The side whose books contradict our trades, ledger or broker, or a change made by another run meanwhile."""

    LEDGER = "ledger"
    BROKER = "broker"
    MEANWHILE = "meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A balance mismatch: whose side, and the description."""

    side: BookSide
    words: str


def difference(job: Job, broker: Broker, baseline: BrokerBaseline) -> Difference | None:
    """Return the balance mismatch, even one caused by another run that trades right now; None if the books agree."""
    with connect(job.home) as store:
        now = account_now(store, job.account)
        symbols = sorted({*job.symbols, *baseline.positions, *(now.positions if now else ())})
        cash = instrument_store.quote(store, broker.name, symbols)
    holdings = holdings_of(broker, symbols, cash)
    with connect(job.home) as store, transaction(store):
        if not is_current_baseline(store, baseline):
            words = f"{broker.name} was taken over by another run at the same time"
            return Difference(side=BookSide.MEANWHILE, words=words)
        # A symbol added later joins the baseline as it stands now: the account owns none of it yet.
        joined = {symbol: held for symbol, held in holdings.positions.items() if symbol not in baseline.positions}
        late = replace(baseline, positions=joined, adopted_at=broker.now())
        broker_events.record_baseline(store, late)
        whole = replace(baseline, positions={**baseline.positions, **joined})
        now = account_now(store, job.account)
        owned = {symbol: position.quantity for symbol, position in now.positions.items()} if now else {}
        due = traded_since(store, baseline).positions
        ours = ledger_difference(owned, due)
        theirs = broker_difference(holdings, expected(store, whole))
    if ours:
        return Difference(side=BookSide.LEDGER, words=f"the ledger of account {job.account} {ours}")
    return Difference(side=BookSide.BROKER, words=f"{broker.name} {theirs}") if theirs else None


def differ_by_fills(job: Job, broker: Broker, baseline: BrokerBaseline, unknown: Sequence[Order]) -> bool:
    """Return whether the books differ by no more than fills of these orders of unknown outcome would make."""
    symbols = tuple(sorted({*job.symbols, *baseline.positions, *(order.symbol for order in unknown)}))
    with connect(job.home) as store:
        cash = instrument_store.quote(store, broker.name, symbols)
    holdings = holdings_of(broker, symbols, cash)
    with connect(job.home) as store:
        now = account_now(store, job.account)
        owned = {symbol: position.quantity for symbol, position in now.positions.items()} if now else {}
        if ledger_difference(owned, traded_since(store, baseline).positions):
            return False
        there_due = expected(store, baseline).positions
    moved = False
    for symbol, balance in holdings.positions.items():
        gap = balance - there_due.get(symbol, Decimal(0))
        quantities = [order.signed_quantity for order in unknown if order.symbol == symbol]
        sold = sum((quantity for quantity in quantities if quantity < 0), Decimal(0))
        bought = sum((quantity for quantity in quantities if quantity > 0), Decimal(0))
        if not sold <= gap <= bought:
            return False
        moved = moved or gap != 0
    return moved


def settle_difference(job: Job, broker: Broker, baseline: BrokerBaseline, found: Difference) -> tuple[str, ...]:
    """Record a new baseline if the broker was reset, and return warnings; return none if another run did so first.

    Positions that the reset removed become cash at the last marks, as far as the broker's own cash suffices.
    Raises BrokerDisagrees if the broker was not reset.
    """
    if found.side is BookSide.MEANWHILE:
        return ()
    if found.side is BookSide.LEDGER:
        raise BrokerDisagrees(f"{found.words}; {_remedy(job)}")
    verdict = judged(job, broker, baseline)
    symbols = sorted({*job.symbols, *baseline.positions})
    with connect(job.home) as store:
        cash = instrument_store.quote(store, broker.name, symbols)
    holdings = baseline_holdings(broker, symbols, cash)
    with connect(job.home) as store, transaction(store):
        # The mismatch may come from orders that another run sent after it recorded a new baseline.
        if not is_current_baseline(store, baseline):
            return ()
        if not verdict.reset:
            raise BrokerDisagrees(f"{found.words}; {verdict.words}; {_remedy(job)}")
        plan = planned(store, baseline, holdings, given_back)
        take_over(store, broker, plan, holdings, verdict.reason)
        if verdict.met:
            resets.record_reset(store, job.account, broker.name, baseline.number + 1, broker.now())
    lacking = "".join(f"; {words}" for change, words in plan.changes if change.cause is Cause.LIMIT)
    return (f"{_described(job, broker, verdict, plan)}{lacking}",)


def _described(job: Job, broker: Broker, verdict: Verdict, plan: Plan) -> str:
    """Return in words what was found and done."""
    if not verdict.met:
        return f"{broker.name} was adopted anew: its balances have changed, and {verdict.words}"
    gone = [change for change, _ in plan.changes if change.cause is Cause.RESET]
    lost = ", ".join(f"{exactly(-change.quantity)} {change.symbol}" for change in gone)
    given = f"what it took away, {lost}, is cash of account {job.account} now, at the last marks"
    given = given if lost else f"account {job.account} had no position there"
    return (
        f"{broker.name} was reset: {verdict.words}; Binance resets its testnet about once a month and without notice. "
        f"Its balances were adopted anew, and {given}"
    )


def broker_difference(holdings: Balances, due_there: Holding) -> str:
    """Return how the broker's balances differ from those expected; empty if they do not.

    A symbol that the broker no longer lists is missing from its balances, and not compared.
    """
    for symbol, balance in sorted(holdings.positions.items()):
        due = due_there.positions.get(symbol, Decimal(0))
        if balance != due:
            return f"holds {balance:f} of {symbol} where our trades since its adoption give {due:f}"
    if abs(holdings.cash - due_there.cash) > CASH_STEP:
        return f"holds {holdings.cash:f} in cash where our trades since its adoption give {due_there.cash:f}"
    return ""


def ledger_difference(positions: Mapping[str, Decimal], due: Mapping[str, Decimal]) -> str:
    """Return how the ledger's positions differ from the sum of its trades; empty if they do not."""
    for symbol in sorted({*positions, *due}):
        held, told = positions.get(symbol, Decimal(0)), due.get(symbol, Decimal(0))
        if held != told:
            return f"holds {held:f} of {symbol} where its trades give {told:f}"
    return ""


def _remedy(job: Job) -> str:
    return (
        f"nothing was ordered; look for trades or transfers by hand or by another program, then `turbodmt adopt "
        f"--account {job.account} --broker {job.broker} --reason TEXT` takes the broker over as it stands"
    )
