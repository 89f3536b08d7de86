"""Adopting a broker by hand: a person has looked at what is there, and says that the difference is not ours."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from exchange.ports import Broker
from storage import venues
from storage.database import connect
from tasks.broker_books import holdings_of, rebase
from tasks.halts import ReasonMissing
from tasks.job import PAPER
from tasks.results import Json, text


class NothingToAdopt(ValueError):
    """The account has no broker outside whose books could differ (exit 2)."""


def adopt(home: Path, account: str, reason: str, open_broker: Callable[[datetime], Broker], now: datetime) -> Json:
    """The answer of `turbodmt adopt`: the account's positions become cash at their marks, and it owns nothing else.

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
    if broker.name == PAPER or before is None:
        raise NothingToAdopt(
            f"account {account} has never traded at {broker.name}; its first `turbodmt daily` there adopts it"
        )
    rebase(home, (account, broker, before), holdings_of(broker, tuple(before.positions)), reason.strip())
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
