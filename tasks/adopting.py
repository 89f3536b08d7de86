"""Adopting a broker by hand: a person has looked at what is there, and says that the difference is not ours."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from exchange.ports import Broker, BrokerUnavailable
from storage import ledger, venues
from storage import orders as order_store
from storage.database import Connection, connect, transaction
from storage.venues import Adoption
from strategy.executions import booking_day
from strategy.orders import FORGOTTEN, Order, OrderState
from tasks.agreement import LOOKS, record_charges
from tasks.broker_books import holdings_of, rebase, stands
from tasks.halts import ReasonMissing
from tasks.job import PAPER
from tasks.results import Json, text
from tasks.sending import resolve

log = logging.getLogger(__name__)


class NothingToAdopt(ValueError):
    """The account has no broker outside whose books could differ (exit 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopter:
    """The account that takes its broker over at the instant `now`: the customer whose orders are asked for."""

    home: Path
    account: str
    broker: str
    now: datetime


def adopt(home: Path, account: str, reason: str, open_broker: Callable[[datetime], Broker], now: datetime) -> Json:
    """The answer of `turbodmt adopt`: the account's positions become cash at their marks, and it owns nothing else.

    What became of its orders is asked for first, and what still rests at the broker is cancelled; nothing is sent, and
    what has not left yet never will.
    An order of which the broker will never say what became ends here: whatever it traded is among the balances.
    Raises ReasonMissing, NothingToAdopt, BrokerUnavailable.
    """
    if not reason.strip():
        raise ReasonMissing(f"--reason is {reason!r}; say in a few words why, for whoever reads it later")
    broker = open_broker(now)
    with connect(home) as store:
        before = venues.adoption(store, account, broker.name)
        began = venues.broker_of(store, account)
    if before is None and began is not None:
        raise NothingToAdopt(
            f"account {account} trades at {began}, not at {broker.name}; adopt it with --broker {began}"
        )
    if broker.name == PAPER:
        raise NothingToAdopt(
            "--broker is 'paper', whose books are the ledger's own; name testnet-spot or testnet-futures"
        )
    if before is None:
        raise NothingToAdopt(
            f"account {account} has never traded at {broker.name}; its first `turbodmt daily` there adopts it"
        )
    adopter = Adopter(home=home, account=account, broker=broker.name, now=now)
    for _ in range(LOOKS):
        _catch_up(adopter, broker, before)
        if _took_over(adopter, broker, before, reason.strip()):
            break
    else:
        raise BrokerUnavailable(
            f"orders of account {account} leave or trade at this moment; nothing was adopted: run the same command "
            "again once no run is at work"
        )
    with connect(home) as store:
        taken = venues.adoption(store, account, broker.name)
    assert taken is not None, "it was adopted before"
    return {
        "account": account,
        "broker": broker.name,
        "number": taken.number,
        "reason": taken.reason,
        "cash": text(taken.cash),
        "positions": {symbol: text(quantity) for symbol, quantity in sorted(taken.positions.items())},
    }


def _catch_up(adopter: Adopter, broker: Broker, adopted: Adoption) -> None:
    """None; every order that left has ended, or will never be told of, and every charge is on record."""
    unknown = [one for one in resolve(adopter, broker, date.max) if not _forgotten(one)]
    if unknown:
        raise BrokerUnavailable(
            f"{broker.name} does not say yet what became of order {unknown[0].order_id} of {unknown[0].as_of}; nothing "
            "was adopted: run the same command again in a minute"
        )
    record_charges(adopter, broker, adopted, adopter.now.date() - timedelta(days=1))


def _took_over(adopter: Adopter, broker: Broker, before: Adoption, reason: str) -> bool:
    """Whether the balances are the account's new beginning, by this adoption or by one of another run meanwhile.

    They are not where an order of ours traded while they were asked for, or may yet: they would count that or not.
    """
    account = adopter.account
    with connect(adopter.home) as store:
        known = venues.executions(store, account, before.number)
    holdings = holdings_of(broker, tuple(before.positions))
    with connect(adopter.home) as store, transaction(store):
        if not stands(store, account, broker, before):
            return True
        out = [one for one in order_store.open_orders(store, account) if one.state is not OrderState.INTENDED]
        forgotten = [one for one in out if _forgotten(one)]
        if out != forgotten or venues.executions(store, account, before.number) != known:
            return False
        rebase(store, (account, broker, before), holdings, reason)
        for one in forgotten:
            what = f"{one.reason}; what it may have traded is in the balances of adoption {before.number + 1}"
            _end(store, account, replace(one, state=OrderState.EXPIRED, reason=what), broker.now())
    return True


def _forgotten(order: Order) -> bool:
    return order.state is OrderState.UNKNOWN and order.reason.startswith(FORGOTTEN)


def _end(store: Connection, account: str, ended: Order, now: datetime) -> None:
    """None; the order has ended without a trade of its own: none is known, and none is made up."""
    snapshot = ledger.latest_snapshot(store, account)
    settled = snapshot.account.as_of if snapshot else ended.as_of
    order_store.update_orders(store, account, [ended], day=booking_day(now, settled))
    venues.record_step(store, account, ended, now)
    log.warning("Order %s has ended as %s: %s.", ended.order_id, ended.state, ended.reason)
