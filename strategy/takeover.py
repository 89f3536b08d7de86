"""Taking a broker's books over: which positions an account keeps, and what the difference does to its cash.

The account owns what its orders made. A position on which ledger and broker agree stays; what the broker no longer has
is gone, and what it holds beyond is not the account's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from strategy.booking import Holding
from strategy.money import quantised

#: Venues state cash in eight decimals: less than that is no difference.
CASH_STEP = Decimal("1e-8")
ZERO = Decimal(0)


class Cause(StrEnum):
    """Why a takeover changes the ledger."""

    POSITION = "position"
    CASH = "cash"
    LIMIT = "limit"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """An account by its ledger: cash, signed quantities, their marks, and what positions on margin cost.

    `costs` is empty where trades are paid in full. On margin the wallet holds the cash and the costs: what was bought
    there was booked as paid, and is not.
    """

    cash: Decimal
    positions: Mapping[str, Decimal]
    marks: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]

    @property
    def equity(self) -> Decimal:
        """Cash and the value of all positions at their marks."""
        held = (quantised(quantity * self.marks[symbol]) for symbol, quantity in self.positions.items())
        return self.cash + sum(held, ZERO)

    @property
    def claim(self) -> Decimal:
        """How much of the broker's cash is the account's."""
        return self.cash + sum((self.costs.get(symbol, ZERO) for symbol in self.positions), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a broker holds beside what it is expected to hold.

    `positions` are those that it tells of, zeros too; `available` is the part of its cash that can be spent.
    """

    expected: Holding
    cash: Decimal
    available: Decimal
    positions: Mapping[str, Decimal]
    on_margin: bool

    def due(self, symbol: str) -> Decimal:
        """Return the signed quantity that it is expected to hold."""
        return self.expected.positions.get(symbol, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the ledger books without a trade; the symbol is empty where it is cash alone."""

    symbol: str
    cash: Decimal
    quantity: Decimal
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """The changes, and the books after them."""

    changes: tuple[Change, ...]
    books: Books


def taken_over(books: Books, found: Found) -> Takeover:
    """Return what makes the ledger say what the broker holds of the account's.

    A position moves towards zero by what the broker lacks, never beyond, and at its cost where it is on margin; a
    symbol of which the broker does not tell stays. The difference in cash is the account's, down to all that it has,
    unless others' units alone have moved; in the end it owns no more cash than can be spent.

    >>> books = Books(cash=Decimal(40), positions={"A": Decimal(2)}, marks={"A": Decimal(30)}, costs={})
    >>> there = Found(
    ...     expected=Holding(cash=Decimal(40), positions={"A": Decimal(2)}), cash=Decimal("40.5"),
    ...     available=Decimal("40.5"), positions={"A": Decimal(2)}, on_margin=False,
    ... )
    >>> [(str(one.cause), str(one.cash)) for one in taken_over(books, there).changes]
    [('cash', '0.500000000000')]
    """
    changes, others, moved_by_others = list[Change](), ZERO, False
    for symbol, there in sorted(found.positions.items()):
        owned, missing = books.positions.get(symbol, ZERO), there - found.due(symbol)
        kept = _towards_zero(owned, owned + missing)
        if not found.on_margin:
            kept = min(kept, max(there, ZERO))
        if kept != owned:
            cost = quantised(books.costs.get(symbol, ZERO) * (owned - kept) / owned)
            changes.append(Change(symbol=symbol, cash=cost, quantity=kept - owned, cause=Cause.POSITION))
        beyond = missing - (kept - owned)
        if beyond and not found.on_margin:
            moved_by_others, others = True, others + beyond * books.marks.get(symbol, ZERO)
    if not moved_by_others or changes:
        moved = max(quantised(found.cash - found.expected.cash + others), -max(books.claim, ZERO))
        if abs(moved) > CASH_STEP:
            changes.append(Change(symbol="", cash=moved, quantity=ZERO, cause=Cause.CASH))
    return _limited(books, changes, found)


def given_back(books: Books, found: Found) -> Takeover:
    """Return what becomes of an account whose broker was reset: each position is cash at its mark.

    That is neither profit nor loss, unless the broker has less cash than that.
    """
    changes = [
        Change(symbol=symbol, cash=quantised(quantity * books.marks[symbol]), quantity=-quantity, cause=Cause.RESET)
        for symbol, quantity in sorted(books.positions.items())
    ]
    return _limited(books, changes, found)


def _limited(books: Books, changes: list[Change], found: Found) -> Takeover:
    """The changes, and one more where the account would own more cash than can be spent."""
    after = _changed(books, changes)
    excess = quantised(after.claim - found.available)
    if excess <= CASH_STEP:
        return Takeover(changes=tuple(changes), books=after)
    changes = [*changes, Change(symbol="", cash=-excess, quantity=ZERO, cause=Cause.LIMIT)]
    return Takeover(changes=tuple(changes), books=_changed(books, changes))


def _changed(books: Books, changes: list[Change]) -> Books:
    cash, positions, costs = books.cash, dict(books.positions), dict(books.costs)
    for one in changes:
        cash += one.cash
        if not one.quantity:
            continue
        positions[one.symbol] += one.quantity
        if one.symbol in costs:
            costs[one.symbol] -= one.cash if positions[one.symbol] else costs[one.symbol]
    held = {symbol: quantity for symbol, quantity in positions.items() if quantity}
    kept = {symbol: cost for symbol, cost in costs.items() if symbol in held}
    return Books(cash=cash, positions=held, marks=books.marks, costs=kept)


def _towards_zero(owned: Decimal, wanted: Decimal) -> Decimal:
    """`wanted`, but between zero and what is owned."""
    return max(min(owned, ZERO), min(wanted, max(owned, ZERO)))
