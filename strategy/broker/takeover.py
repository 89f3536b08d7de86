"""Takeover of a broker's balances: which positions an account keeps, and how the difference changes its cash.

The account owns the results of its own orders. A position on which ledger and broker agree is kept; what the broker no
longer holds is removed; any excess at the broker does not belong to the account, unless an order of unknown outcome
accounts for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from strategy.account.money import quantised
from strategy.account.orders import Order
from strategy.broker.daily_booking import Holding

#: Venues report cash with eight decimals: a smaller difference is ignored.
CASH_STEP = Decimal("1e-8")
#: Largest relative distance between trade price and mark: beyond it, something else must have moved the cash as well.
PRICE_SPAN = Decimal("0.5")
ZERO = Decimal(0)


class Cause(StrEnum):
    """Reason for a ledger change in a takeover."""

    POSITION = "position"
    FILL = "fill"
    CASH = "cash"
    LIMIT = "limit"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """An account according to its ledger: cash, signed quantities, their marks, and the costs of positions on margin.

    `costs` is empty if trades are paid in full. On margin, the wallet holds cash plus costs: the ledger books a
    purchase as paid, but the wallet still holds the money.
    """

    cash: Decimal
    positions: Mapping[str, Decimal]
    marks: Mapping[str, Decimal]
    costs: Mapping[str, Decimal]

    @property
    def equity(self) -> Decimal:
        """Return cash plus the value of all positions at their marks."""
        held = (quantised(quantity * self.marks[symbol]) for symbol, quantity in self.positions.items())
        return self.cash + sum(held, ZERO)

    @property
    def claim(self) -> Decimal:
        """Return how much of the broker's cash belongs to the account."""
        return self.cash + sum((self.costs.get(symbol, ZERO) for symbol in self.positions), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A broker's balances, together with those expected of it.

    `positions` are the positions that it reports, zeros included; `available` is the part of its cash that can be
    spent. `unknown` are the orders of unknown outcome, each with the quantity that no reported trade covers;
    `entry_prices` are the unit costs of positions on margin, where the broker reports them.
    """

    expected: Holding
    cash: Decimal
    available: Decimal
    positions: Mapping[str, Decimal]
    on_margin: bool
    unknown: Sequence[Order] = ()
    entry_prices: Mapping[str, Decimal] = field(default_factory=dict)

    def due(self, symbol: str) -> Decimal:
        """Return the signed quantity of the symbol that the broker is expected to hold."""
        return self.expected.positions.get(symbol, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that the ledger books without a trade; the symbol is empty if only cash changes."""

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
    """Return the changes that bring the ledger into line with the broker's balances.

    First, what orders of unknown outcome may have traded is credited to the account. Then each position moves towards
    zero by the quantity that the broker lacks, never beyond zero, and at its cost if on margin; a symbol that the
    broker does not report is kept. The account takes the difference in cash, at most losing all it has, unless only
    units outside the account have moved. Finally, its cash is limited to what can be spent.

    >>> books = Books(cash=Decimal(40), positions={"A": Decimal(2)}, marks={"A": Decimal(30)}, costs={})
    >>> there = Found(
    ...     expected=Holding(cash=Decimal(40), positions={"A": Decimal(2)}), cash=Decimal("40.5"),
    ...     available=Decimal("40.5"), positions={"A": Decimal(2)}, on_margin=False,
    ... )
    >>> [(str(change.cause), str(change.cash)) for change in taken_over(books, there).changes]
    [('cash', '0.500000000000')]
    """
    fills = _fills(books, found)
    if not fills:
        return _lacking(books, found)
    rest = _lacking(_changed(books, fills, found), _with_fills(found, fills))
    return Takeover(changes=(*fills, *rest.changes), books=rest.books)


def _lacking(books: Books, found: Found) -> Takeover:
    """Return the changes for quantities that the broker lacks, and for its difference in cash."""
    changes, others, moved_by_others = list[Change](), ZERO, False
    for symbol, balance in sorted(found.positions.items()):
        owned, missing = books.positions.get(symbol, ZERO), balance - found.due(symbol)
        kept = _towards_zero(owned, owned + missing)
        beyond = missing - (kept - owned)
        if not found.on_margin:
            # The broker held less than due even before, for instance after commissions in units: that earned no cash.
            kept = min(kept, max(balance, ZERO))
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
    """Return the takeover after the broker was reset: each position becomes cash at its mark.

    That is neither profit nor loss, unless the broker has less cash than the result.
    """
    changes = [
        Change(symbol=symbol, cash=quantised(quantity * books.marks[symbol]), quantity=-quantity, cause=Cause.RESET)
        for symbol, quantity in sorted(books.positions.items())
    ]
    return _limited(books, changes, found)


def _limited(books: Books, changes: list[Change], found: Found) -> Takeover:
    """Return the changes, plus one that reduces cash if the account would own more than can be spent."""
    after = _changed(books, changes, found)
    excess = quantised(after.claim - found.available)
    if excess <= CASH_STEP:
        return Takeover(changes=tuple(changes), books=after)
    changes = [*changes, Change(symbol="", cash=-excess, quantity=ZERO, cause=Cause.LIMIT)]
    return Takeover(changes=tuple(changes), books=_changed(books, changes, found))


def _changed(books: Books, changes: Sequence[Change], found: Found) -> Books:
    cash, positions, costs, marks = books.cash, dict(books.positions), dict(books.costs), dict(books.marks)
    for change in changes:
        cash += change.cash
        if not change.quantity:
            continue
        positions[change.symbol] = positions.get(change.symbol, ZERO) + change.quantity
        marks.setdefault(change.symbol, abs(change.cash / change.quantity))
        if found.on_margin:
            cost = costs.get(change.symbol, ZERO)
            costs[change.symbol] = cost - change.cash if positions[change.symbol] else ZERO
    held = {symbol: quantity for symbol, quantity in positions.items() if quantity}
    kept = {symbol: cost for symbol, cost in costs.items() if symbol in held}
    return Books(cash=cash, positions=held, marks=marks, costs=kept)


def _fills(books: Books, found: Found) -> tuple[Change, ...]:
    """Return what orders of unknown outcome have traded, where they explain the whole gap in the broker's balances."""
    gaps = {
        symbol: balance - found.due(symbol)
        for symbol, balance in sorted(found.positions.items())
        if balance != found.due(symbol)
    }
    gained = {symbol: gap for symbol, gap in gaps.items() if _is_of_unknown(books, found, symbol, gap)}
    marks = {order.symbol: order.mark for order in found.unknown if order.mark} | dict(books.marks)
    if found.on_margin:
        paid = {
            symbol: _cost(books, found, symbol, marks.get(symbol))
            for symbol in gained
            if symbol in {*marks, *found.entry_prices}
        }
    elif gained == gaps:
        paid = _paid(gained, marks, found.expected.cash - found.cash)
    else:
        paid = {symbol: quantised(gap * marks[symbol]) for symbol, gap in gained.items() if symbol in marks}
    fills = tuple(
        Change(symbol=symbol, cash=-cost, quantity=gained[symbol], cause=Cause.FILL) for symbol, cost in paid.items()
    )
    return fills if found.on_margin or _changed(books, fills, found).claim >= ZERO else ()


def _is_of_unknown(books: Books, found: Found, symbol: str, gap: Decimal) -> bool:
    """Return whether orders of unknown outcome explain the whole gap between the broker's balance and the one due."""
    quantities = [order.signed_quantity for order in found.unknown if order.symbol == symbol]
    sold, bought = (
        sum((min(quantity, ZERO) for quantity in quantities), ZERO),
        sum((max(quantity, ZERO) for quantity in quantities), ZERO),
    )
    owned = books.positions.get(symbol, ZERO) + gap
    return sold <= gap <= bought and (found.on_margin or ZERO <= owned <= found.positions[symbol])


def _paid(gained: Mapping[str, Decimal], marks: Mapping[str, Decimal], spent: Decimal) -> dict[str, Decimal]:
    """Return what was paid for each symbol, fees included, `spent` in total; empty if cash and units do not match.

    They match if cash moved in the opposite direction. If the cash implies prices too far from the marks, something
    else has moved it as well, and the marks are used.
    """
    if len(gained) == 1 and not marks.keys() & gained.keys():
        return {symbol: spent for symbol, gap in gained.items() if gap * spent > 0}
    worth = {symbol: quantised(gap * marks[symbol]) for symbol, gap in gained.items() if symbol in marks}
    total, volume = sum(worth.values(), ZERO), sum((abs(value) for value in worth.values()), ZERO)
    if len(worth) < len(gained) or total * spent <= 0:
        return {}
    beyond = (spent - total) / volume
    if abs(beyond) > PRICE_SPAN:
        return worth
    paid = {symbol: quantised(value + beyond * abs(value)) for symbol, value in worth.items()}
    last = max(paid)
    return paid | {last: paid[last] + spent - sum(paid.values(), ZERO)}


def _cost(books: Books, found: Found, symbol: str, mark: Decimal | None) -> Decimal:
    """Return what the ledger books as paid for units gained on margin, where only realised profit moves the wallet.

    The part that closes a position is booked at its cost. The part that opens one costs its entry price, which is known
    only if the whole position belongs to the account; otherwise it is booked at the mark.
    """
    owned, cost, balance = books.positions.get(symbol, ZERO), books.costs.get(symbol, ZERO), found.positions[symbol]
    after = owned + balance - found.due(symbol)
    kept = _towards_zero(owned, after)
    left = cost * kept / owned if owned else ZERO
    price = found.entry_prices.get(symbol, ZERO)
    paid = (after - kept) * (mark or price)
    if price and balance == after != kept:
        paid = balance * price - left
    return quantised(paid + left - cost)


def _with_fills(found: Found, fills: Sequence[Change]) -> Found:
    """Return the balances with the fills added to what is expected; on margin they take no cash from the wallet."""
    positions = {change.symbol: found.due(change.symbol) + change.quantity for change in fills}
    cash = ZERO if found.on_margin else sum((change.cash for change in fills), ZERO)
    due = Holding(cash=found.expected.cash + cash, positions={**found.expected.positions, **positions})
    return replace(found, expected=due)


def _towards_zero(owned: Decimal, wanted: Decimal) -> Decimal:
    """Return `wanted`, clipped to lie between zero and what is owned."""
    return max(min(owned, ZERO), min(wanted, max(owned, ZERO)))
