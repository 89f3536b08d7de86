"""Plan of a broker takeover: the entries to be booked, in values and in words, before anything is written."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal

from exchange.ports import Balances, Broker
from storage.database import Connection
from storage.ledger import broker_events, takeovers
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger.broker_events import BrokerBaseline
from storage.ledger.takeovers import KeptPositions
from strategy.account.orders import OrderState, ReasonCode
from strategy.broker.takeover import Books, Cause, Change, Found, Takeover
from tasks.broker.account_books import (
    NO_EVENTS,
    UnrecordedEvents,
    baseline,
    books_of,
    expected,
    first_open_day,
    found_of,
    unreported_orders,
)
from tasks.report.markup import exactly, money
from tasks.run.answers import Answer, Exact
from tasks.run.job import Customer

log = logging.getLogger(__name__)

#: Reason with which an unsent order ends at a takeover.
UNSENT = "the broker was adopted before it left"

#: The rule that changes an account's books: `taken_over` by hand, `given_back` after a reset.
Law = Callable[[Books, Found], Takeover]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The effect of a takeover on an account; `takeover` and `before` are None before its first day.

    `delisted` are the symbols that the broker lists no longer because they are delisted.
    """

    baseline: BrokerBaseline
    as_of: date
    found: Found
    before: Books | None
    takeover: Takeover | None
    delisted: frozenset[str] = frozenset()

    @property
    def broker(self) -> str:
        """Return the broker's name."""
        return self.baseline.broker

    @property
    def changes(self) -> tuple[tuple[Change, str], ...]:
        """Return the changes to be booked, each with its reason."""
        return tuple((change, self._reason(change)) for change in self.takeover.changes) if self.takeover else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notes on balances that differ and stay as they are."""
        owned = self.before.positions if self.before else {}
        gone = {change.symbol: change.quantity for change, _ in self.changes}
        told = list[str]()
        for symbol, balance in sorted(self.found.positions.items()):
            beyond = balance - self.found.due(symbol) - gone.get(symbol, Decimal(0))
            if beyond and symbol not in self.delisted:
                shared = (
                    "; on margin it shares one position with the account's, whose orders still count alone"
                    if self.found.on_margin
                    else ""
                )
                told.append(
                    f"{exactly(beyond)} of {symbol} at {self.broker} did not come from the account's orders: it is not "
                    f"the account's and stays as it is{shared}"
                )
        told += [
            f"{self.broker} tells of no {symbol}, which is no proof that it is gone: the account keeps "
            f"{exactly(quantity)} of it"
            for symbol, quantity in sorted(owned.items())
            if symbol not in self.found.positions
        ]
        return tuple(told)

    def _reason(self, change: Change) -> str:
        assert self.before is not None, "an account without a day has nothing to change"
        found = self.found
        if change.cause is Cause.FILL:
            return self._taken(change)
        if change.cause is Cause.POSITION:
            cost = f", at their cost of {money(change.cash)}" if found.on_margin else ""
            if change.symbol in self.delisted:
                return (
                    f"{change.symbol} is delisted and {self.broker} lists it no longer: {exactly(change.quantity)} to "
                    f"the account's {exactly(self.before.positions[change.symbol])}{cost}; what it brought is in the "
                    f"cash of {self.broker}"
                )
            return (
                f"{self.broker} holds {exactly(found.positions[change.symbol])} of {change.symbol} where "
                f"{exactly(found.due(change.symbol))} is due: {exactly(change.quantity)} to the account's "
                f"{exactly(self.before.positions[change.symbol])}{cost}"
            )
        if change.cause is Cause.RESET:
            return (
                f"{self.broker} holds none of the account's {exactly(-change.quantity)} {change.symbol} since its "
                f"reset: {money(change.cash)} in cash for it, at the last mark"
            )
        if change.cause is Cause.LIMIT:
            return (
                f"{self.broker} has {money(found.available)} in cash to spend, less than the account would own: "
                f"{money(change.cash)} to its cash, so that its orders can be paid"
            )
        return (
            f"{self.broker} holds {exactly(found.cash)} in cash where our trades and charges give "
            f"{exactly(found.expected.cash)}: {exactly(change.cash)} to the account's cash"
        )

    def _taken(self, change: Change) -> str:
        """Return why a mismatch is taken for a trade of the account, and at which price."""
        assert self.before is not None, "an account without a day has nothing to change"
        found, owned = self.found, self.before.positions.get(change.symbol, Decimal(0))
        ids = ", ".join(order.order_id for order in found.unknown if order.symbol == change.symbol)
        price = money(abs(change.cash / change.quantity))
        paid = (
            f"at their cost of {money(-change.cash)}"
            if found.on_margin
            else f"at {price} each, as cash is {exactly(found.cash)} where {exactly(found.expected.cash)} is due"
        )
        return (
            f"{self.broker} holds {exactly(found.positions[change.symbol])} of {change.symbol} where "
            f"{exactly(found.due(change.symbol))} is due, no more than order {ids} of unknown outcome may have traded: "
            f"{exactly(change.quantity)} to the account's {exactly(owned)}, {paid}"
        )


def planned(
    store: Connection,
    current: BrokerBaseline,
    holdings: Balances,
    law: Law,
    events: UnrecordedEvents = NO_EVENTS,
) -> Plan:
    """Return what taking the broker over will do by the law, once the events are recorded; write nothing."""
    account = current.account
    found = found_of(holdings, expected(store, current, events), unreported_orders(store, current, events))
    books = books_of(store, current, events)
    snapshot = position_store.latest_snapshot(store, account)
    day = first_open_day(store, account, snapshot.account.as_of, events) if snapshot else current.adopted_at.date()
    return Plan(
        baseline=current,
        as_of=day,
        found=found,
        before=books,
        takeover=law(books, found) if books is not None else None,
        delisted=holdings.delisted,
    )


def take_over(store: Connection, broker: Broker, plan: Plan, holdings: Balances, reason: str) -> None:
    """Record a new baseline as planned; call it within a transaction in which the old baseline is still current.

    Orders decided before it and not sent yet expire.
    """
    account, now = plan.baseline.account, broker.now()
    for order in order_store.open_orders(store, account):
        ended = replace(order, state=OrderState.EXPIRED, reason=UNSENT, code=ReasonCode.OVERTAKEN)
        if order.state is OrderState.INTENDED and order_store.claim_order(store, account, ended):
            broker_events.record_step(store, account, ended, now)
    taken = baseline(account, broker, plan.baseline.number + 1, reason, holdings)
    broker_events.record_baseline(store, taken)
    if plan.takeover is not None:
        after = plan.takeover.books
        kept = KeptPositions(positions=after.positions, costs=after.costs)
        takeovers.record_kept_positions(store, taken, kept)
        takeovers.record_changes(store, taken, plan.as_of, plan.changes)
    log.warning("Account %s adopts %s anew.", account, broker.name)
    for _, words in plan.changes:
        log.warning("%s.", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """Result of a takeover, done or planned: `number` of the baseline then current; `changed` if it is a new one."""

    plan: Plan
    number: int
    reason: str
    holdings: Balances
    changed: bool
    dry: bool = False


class BooksAnswer(Answer):
    """The account's books."""

    cash: Exact
    positions: dict[str, Exact]
    equity: Exact


class EntryAnswer(Answer):
    """An entry that the takeover books, with its cause as a code and in words."""

    as_of: date
    symbol: str
    cash: Exact
    quantity: Exact
    cause: str
    reason: str


class AdoptAnswer(Answer):
    """The answer of `turbodmt adopt`, with and without --dry-run: what the broker holds, and what is booked for it."""

    account: str
    broker: str
    number: int
    reason: str
    cash: Exact
    positions: dict[str, Exact]
    dry_run: bool
    changed: bool
    entries: tuple[EntryAnswer, ...]
    notes: tuple[str, ...]
    before: BooksAnswer | None
    after: BooksAnswer | None


def answered(customer: Customer, adopted: Adopted) -> AdoptAnswer:
    """Return the answer of `turbodmt adopt`, with and without --dry-run."""
    plan = adopted.plan
    after = plan.takeover.books if plan.takeover else None
    return AdoptAnswer(
        account=customer.account,
        broker=plan.broker,
        number=adopted.number,
        reason=adopted.reason,
        cash=adopted.holdings.cash,
        positions={
            symbol: quantity
            for symbol, quantity in sorted(adopted.holdings.positions.items())
            if symbol not in adopted.holdings.delisted
        },
        dry_run=adopted.dry,
        changed=adopted.changed,
        entries=tuple(
            EntryAnswer.model_validate({**asdict(change), "as_of": plan.as_of, "reason": words})
            for change, words in plan.changes
        ),
        notes=tuple(plan.notes),
        before=_books_answer(plan.before),
        after=_books_answer(after),
    )


def _books_answer(books: Books | None) -> BooksAnswer | None:
    if books is None:
        return None
    return BooksAnswer(cash=books.cash, positions=dict(sorted(books.positions.items())), equity=books.equity)
