"""Warnings about delistings: positions that one has closed or paid out, and symbols of which one is not known."""

from datetime import date

from storage.database import Connection
from storage.ledger import days as ledger
from strategy.account.orders import client_order_id
from strategy.account.state import Entry, EntryKind
from strategy.portfolio.decision import Status
from tasks.report.markup import exactly, money


def settled_delistings(store: Connection, account: str, day: date) -> list[str]:
    """Return a sentence of each position that a delisting has paid out, or closed at its last close, on the day."""
    paid = [in_words(entry) for entry in ledger.entries_on(store, account, day) if entry.kind is EntryKind.DELISTING]
    closed = [
        f"{fill.symbol} is delisted, as its source says: {exactly(-fill.signed_quantity)} of it closed at its last "
        f"close, {exactly(fill.price)}"
        for fill in ledger.fills_on(store, account, day)
        if fill.order_id == client_order_id(account, "delisted", fill.symbol, day)
    ]
    return [*paid, *closed]


def in_words(entry: Entry) -> str:
    """Return what a delisting has paid for a position, or what a short position has paid.

    >>> from decimal import Decimal
    >>> values = {"as_of": date(2020, 6, 11), "kind": EntryKind.DELISTING, "symbol": "A"}
    >>> in_words(Entry(cash=Decimal(190), quantity=Decimal(-2), **values))
    'A is delisted: 2 of it paid out for 190.00'
    >>> in_words(Entry(cash=Decimal(-190), quantity=Decimal(2), **values))
    'A is delisted: the short position of 2 closed for 190.00'
    """
    if entry.quantity > 0:
        short = f"the short position of {exactly(entry.quantity)} closed for {money(-entry.cash)}"
        return f"{entry.symbol} is delisted: {short}"
    return f"{entry.symbol} is delisted: {exactly(-entry.quantity)} of it paid out for {money(entry.cash)}"


def silent_symbols(store: Connection, account: str, day: date) -> dict[str, str]:
    """Return a sentence of each symbol whose bars have ended without a delisting, by symbol: what to do about it.

    Nobody is to guess: a source without an answer may just be out of order.
    """
    return {
        decision.symbol: f"{decision.symbol}: its {decision.reason}, and its source does not say that it is delisted; "
        "it is not ordered before its next one; if it is delisted, "
        f"`turbodmt delist {decision.symbol} --account {account} --on DATE --price P` turns its position into cash"
        for decision in ledger.decisions_on(store, account, day)
        if decision.status is Status.STALE
    }
