"""A delisting that the source does not say: the position is paid out at a price, and the symbol is ordered no more."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from storage.bars import delistings
from storage.bars import instruments as instrument_store
from storage.bars.delistings import Delisting
from storage.database import Connection, connect, transaction
from storage.ledger import broker_events
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from strategy.account.state import EntryKind
from strategy.exit_codes import UsageError
from tasks.report.markup import exactly
from tasks.run.account_names import none_of
from tasks.run.answers import Answer, Exact
from tasks.run.job import PAPER


@dataclass(frozen=True, slots=True, kw_only=True)
class DelistRequest:
    """What a person says: the account whose source has the symbol, its last day, and what a unit is paid out at."""

    account: str
    symbol: str
    day: date
    price: Decimal
    reason: str
    at: datetime


class DelistAnswer(Answer):
    """The answer of `turbodmt delist`; `recorded` is false if the same was recorded before.

    With --undo, `undone` is true and the rest says what was taken back.
    `held` is what the account held at its last close, and `paid_out` what it is worth at the price, negative for a
    short position, which pays; null at a broker outside, whose books say what became of it.
    """

    account: str
    source: str
    symbol: str
    day: date
    price: Exact
    reason: str
    recorded: bool
    undone: bool
    held: Exact
    paid_out: Exact | None
    warnings: tuple[str, ...]


def delist(home: Path, request: DelistRequest) -> DelistAnswer:
    """Record the delisting, once for every account on the source; return the answer of `turbodmt delist`.

    Raises UsageError for an unknown account or symbol, a day to come, or a delisting that is recorded otherwise.
    """
    if request.day > request.at.date():
        raise UsageError(
            f"--on is {request.day}, after today; record the delisting on its day, {request.at.date()} at most"
        )
    with connect(home) as store, transaction(store):
        source = _source(store, request.account, request.symbol)
        told = Delisting(
            symbol=request.symbol,
            day=request.day,
            price=request.price,
            reason=request.reason.strip(),
            recorded_at=request.at,
        )
        known = delistings.load(store, source, request.symbol)
        if known is not None and (known.day, known.price) != (told.day, told.price):
            raise UsageError(
                f"SYMBOL is {request.symbol!r}, whose delisting on {known.day} at {exactly(known.price)} is recorded "
                f"already; take it back first, with `turbodmt delist {request.symbol} --account {request.account} "
                "--undo`"
            )
        recorded = delistings.record(store, source, told)
        return _answer(store, request, source).model_copy(update={"recorded": recorded})


def undo(home: Path, account: str, symbol: str) -> DelistAnswer:
    """Take back the delisting of the symbol that a person has recorded; return the answer of `turbodmt delist --undo`.

    Raises UsageError for an unknown account or symbol, where none is recorded, and once an account has acted on it.
    """
    with connect(home) as store, transaction(store):
        source = _source(store, account, symbol)
        known = delistings.load(store, source, symbol)
        if known is None:
            recorded = ", ".join(delistings.symbols(store, source)) or "none"
            raise UsageError(
                f"SYMBOL is {symbol!r}, of which no delisting is recorded for {source}; recorded are: {recorded}"
            )
        if (acted := ledger.first_delisted(store, source, symbol)) is not None:
            raise UsageError(_settled(store, known, *acted))
        delistings.forget(store, source, symbol)
        told = DelistRequest(
            account=account,
            symbol=symbol,
            day=known.day,
            price=known.price,
            reason=known.reason,
            at=known.recorded_at,
        )
        undone = {"recorded": False, "undone": True, "paid_out": None, "warnings": ()}
        return _answer(store, told, source).model_copy(update=undone)


def _settled(store: Connection, known: Delisting, account: str, day: date) -> str:
    """Return why a delisting cannot be taken back any more, and what corrects what it has done."""
    paid = sum(
        (
            entry.cash
            for entry in ledger.entries_on(store, account, day)
            if entry.kind is EntryKind.DELISTING and entry.symbol == known.symbol
        ),
        Decimal(0),
    )
    done = f"has paid {exactly(paid)} into" if paid > 0 else f"has taken {exactly(-paid)} out of"
    return (
        f"SYMBOL is {known.symbol!r}, whose delisting on {known.day} {done if paid else 'was settled by'} account "
        f"{account} on {day}, and a settled day never changes; `turbodmt deposit` or `turbodmt withdraw` corrects what "
        "a wrong price has paid, and a symbol that is listed after all trades on from another source, such as a file"
    )


def _source(store: Connection, account: str, symbol: str) -> str:
    """Return the source of the account's bars. Raises UsageError if it is unknown, or has no such symbol."""
    source, _ = ledger.newest_panel(store, account)
    if source is None:
        held = none_of(ledger.accounts(store), account, "the ledger holds no account yet")
        raise UsageError(f"--account is {account!r}, which has decided no day; {held}")
    if symbol not in instrument_store.load(store, source, [symbol]):
        raise UsageError(
            f"SYMBOL is {symbol!r}, which no run has taken from {source}; name it as `turbodmt status` does"
        )
    return source


def _answer(store: Connection, request: DelistRequest, source: str) -> DelistAnswer:
    snapshot = position_store.latest_snapshot(store, request.account)
    assert snapshot is not None, "the account has decided a day"
    broker = broker_events.broker_of(store, request.account) or PAPER
    held = snapshot.account.quantity(request.symbol)
    warnings = []
    if not held:
        warnings.append(f"account {request.account} holds no {request.symbol}: nothing is paid out")
    elif broker != PAPER:
        warnings.append(
            f"what becomes of the position is in the books of {broker}: once it is gone there, `turbodmt adopt "
            f"--account {request.account} --broker {broker} --reason TEXT` books it"
        )
    elif snapshot.account.as_of >= request.day:
        warnings.append(
            f"account {request.account} stands at {snapshot.account.as_of}, and its past stays: the position is paid "
            "out with its next day"
        )
    return DelistAnswer(
        account=request.account,
        source=source,
        symbol=request.symbol,
        day=request.day,
        price=request.price,
        reason=request.reason.strip(),
        recorded=True,
        undone=False,
        held=held,
        paid_out=held * request.price if broker == PAPER else None,
        warnings=tuple(warnings),
    )
