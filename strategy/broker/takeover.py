"""Taking a broker's books over: which positions an account keeps, and what the difference does to its cash.

The account owns what its orders made. A position on which ledger and broker agree stays; what the broker no longer has
is gone, and what it holds beyond is not the account's, unless an order of unknown outcome accounts for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from strategy.account.money import quantised
from strategy.account.orders import Order
from strategy.broker.daily_booking import Holding

#: Venues state cash in eight decimals: less than that is no difference.
CASH_STEP = Decimal("1e-8")
#: How far from its mark a symbol may have traded, as a share: beyond, something else has moved the cash as well.
PRICE_SPAN = Decimal("0.5")
ZERO = Decimal(0)


class Cause(StrEnum):
    """Why a takeover changes the ledger."""

    POSITION = "position"
    FILL = "fill"
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
    `unknown` are the orders of which it never said what became, each with the quantity that no trade tells;
    `entry_prices` what a unit of each position on margin cost, where it says so.
    """

    expected: Holding
    cash: Decimal
    available: Decimal
    positions: Mapping[str, Decimal]
    on_margin: bool
    unknown: Sequence[Order] = ()
    entry_prices: Mapping[str, Decimal] = field(default_factory=dict)

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

    What orders of unknown outcome may have traded comes first and is the account's. Then a position moves towards zero
    by what the broker lacks, never beyond, and at its cost where it is on margin; a symbol of which the broker does not
    tell stays. The difference in cash is the account's, down to all that it has, unless others' units alone have moved;
    in the end it owns no more cash than can be spent.

    >>> books = Books(cash=Decimal(40), positions={"A": Decimal(2)}, marks={"A": Decimal(30)}, costs={})
    >>> there = Found(
    ...     expected=Holding(cash=Decimal(40), positions={"A": Decimal(2)}), cash=Decimal("40.5"),
    ...     available=Decimal("40.5"), positions={"A": Decimal(2)}, on_margin=False,
    ... )
    >>> [(str(one.cause), str(one.cash)) for one in taken_over(books, there).changes]
    [('cash', '0.500000000000')]
    """
    fills = _fills(books, found)
    if not fills:
        return _lacking(books, found)
    rest = _lacking(_changed(books, fills, found), _with_fills(found, fills))
    return Takeover(changes=(*fills, *rest.changes), books=rest.books)


def _lacking(books: Books, found: Found) -> Takeover:
    """The changes by what the broker lacks, and by its cash."""
    changes, others, moved_by_others = list[Change](), ZERO, False
    for symbol, there in sorted(found.positions.items()):
        owned, missing = books.positions.get(symbol, ZERO), there - found.due(symbol)
        kept = _towards_zero(owned, owned + missing)
        beyond = missing - (kept - owned)
        if not found.on_margin:
            # Less is there than was due even before, as where commissions were taken from it: nobody paid for that.
            kept = min(kept, max(there, ZERO))
        if kept != owned:
            cost = quantised(books.costs.get(symbol, ZERO) * (owned - kept) / owned)
            changes.append(Change(symbol=symbol, cash=cost, quantity=kept - owned, cause=Cause.POSITION))
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
    after = _changed(books, changes, found)
    excess = quantised(after.claim - found.available)
    if excess <= CASH_STEP:
        return Takeover(changes=tuple(changes), books=after)
    changes = [*changes, Change(symbol="", cash=-excess, quantity=ZERO, cause=Cause.LIMIT)]
    return Takeover(changes=tuple(changes), books=_changed(books, changes, found))


def _changed(books: Books, changes: Sequence[Change], found: Found) -> Books:
    cash, positions, costs, marks = books.cash, dict(books.positions), dict(books.costs), dict(books.marks)
    for one in changes:
        cash += one.cash
        if not one.quantity:
            continue
        positions[one.symbol] = positions.get(one.symbol, ZERO) + one.quantity
        marks.setdefault(one.symbol, abs(one.cash / one.quantity))
        if found.on_margin:
            cost = costs.get(one.symbol, ZERO)
            costs[one.symbol] = cost - one.cash if positions[one.symbol] else ZERO
    held = {symbol: quantity for symbol, quantity in positions.items() if quantity}
    kept = {symbol: cost for symbol, cost in costs.items() if symbol in held}
    return Books(cash=cash, positions=held, marks=marks, costs=kept)


def _fills(books: Books, found: Found) -> tuple[Change, ...]:
    """What the orders of unknown outcome have traded, where the broker's balances differ by no more than that."""
    gaps = {one: there - found.due(one) for one, there in sorted(found.positions.items()) if there != found.due(one)}
    gained = {symbol: gap for symbol, gap in gaps.items() if _is_of_unknown(books, found, symbol, gap)}
    marks = {one.symbol: one.mark for one in found.unknown if one.mark} | dict(books.marks)
    if found.on_margin:
        paid = {one: _cost(books, found, one, marks.get(one)) for one in gained if one in {*marks, *found.entry_prices}}
    elif gained == gaps:
        paid = _paid(gained, marks, found.expected.cash - found.cash)
    else:
        paid = {one: quantised(gap * marks[one]) for one, gap in gained.items() if one in marks}
    fills = tuple(Change(symbol=one, cash=-cost, quantity=gained[one], cause=Cause.FILL) for one, cost in paid.items())
    return fills if found.on_margin or _changed(books, fills, found).claim >= ZERO else ()


def _is_of_unknown(books: Books, found: Found, symbol: str, gap: Decimal) -> bool:
    """Whether orders of unknown outcome account for all that the broker holds beside what is due."""
    asked = [one.signed_quantity for one in found.unknown if one.symbol == symbol]
    sold, bought = sum((min(one, ZERO) for one in asked), ZERO), sum((max(one, ZERO) for one in asked), ZERO)
    owned = books.positions.get(symbol, ZERO) + gap
    return sold <= gap <= bought and (found.on_margin or ZERO <= owned <= found.positions[symbol])


def _paid(gained: Mapping[str, Decimal], marks: Mapping[str, Decimal], spent: Decimal) -> dict[str, Decimal]:
    """What was paid for each, fees included: `spent` in all; nothing where the cash did not move the other way.

    It is the marks where the cash implies prices too far from them: something else has moved it as well.
    """
    if len(gained) == 1 and not marks.keys() & gained.keys():
        return {one: spent for one, gap in gained.items() if gap * spent > 0}
    worth = {one: quantised(gap * marks[one]) for one, gap in gained.items() if one in marks}
    total, volume = sum(worth.values(), ZERO), sum((abs(one) for one in worth.values()), ZERO)
    if len(worth) < len(gained) or total * spent <= 0:
        return {}
    beyond = (spent - total) / volume
    if abs(beyond) > PRICE_SPAN:
        return worth
    paid = {one: quantised(value + beyond * abs(value)) for one, value in worth.items()}
    last = max(paid)
    return paid | {last: paid[last] + spent - sum(paid.values(), ZERO)}


def _cost(books: Books, found: Found, symbol: str, mark: Decimal | None) -> Decimal:
    """What the ledger books as paid for what was gained on margin, where the wallet moves by realised profit alone.

    What it closes leaves at its cost. What it opens costs its entry price, which is known where the whole position is
    the account's; else it is taken at the mark.
    """
    owned, cost, there = books.positions.get(symbol, ZERO), books.costs.get(symbol, ZERO), found.positions[symbol]
    after = owned + there - found.due(symbol)
    kept = _towards_zero(owned, after)
    left = cost * kept / owned if owned else ZERO
    price = found.entry_prices.get(symbol, ZERO)
    paid = (after - kept) * (mark or price)
    if price and there == after != kept:
        paid = there * price - left
    return quantised(paid + left - cost)


def _with_fills(found: Found, fills: Sequence[Change]) -> Found:
    """The same, with the fills among what is expected: on margin they cost nothing of the wallet."""
    positions = {one.symbol: found.due(one.symbol) + one.quantity for one in fills}
    cash = ZERO if found.on_margin else sum((one.cash for one in fills), ZERO)
    due = Holding(cash=found.expected.cash + cash, positions={**found.expected.positions, **positions})
    return replace(found, expected=due)


def _towards_zero(owned: Decimal, wanted: Decimal) -> Decimal:
    """`wanted`, but between zero and what is owned."""
    return max(min(owned, ZERO), min(wanted, max(owned, ZERO)))
