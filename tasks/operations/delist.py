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
from strategy.exit_codes import UsageError
from tasks.report.markup import exactly
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
        source = _source(store, request)
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
                "already; it stands, so leave out what differs"
            )
        recorded = delistings.record(store, source, told)
        return _answer(store, request, source).model_copy(update={"recorded": recorded})


def _source(store: Connection, request: DelistRequest) -> str:
    """Return the source of the account's bars. Raises UsageError if it is unknown, or has no such symbol."""
    source, _ = ledger.newest_panel(store, request.account)
    if source is None:
        raise UsageError(f"--account is {request.account!r}, which has decided no day; name one that has")
    if request.symbol not in instrument_store.load(store, source, [request.symbol]):
        raise UsageError(
            f"SYMBOL is {request.symbol!r}, which no run has taken from {source}; name it as `turbodmt status` does"
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
        held=held,
        paid_out=held * request.price if broker == PAPER else None,
        warnings=tuple(warnings),
    )
