"""Virtual ledgers: what the sleeves of one account hold and have earned, as shares of the account's own bookings.

Every fill and every entry of the account is shared among its sleeves, so that their quantities add up to the account's,
and their profits to its profit, to the last digit. A sleeve holds a symbol only while the account does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from strategy.account.money import quantised
from strategy.account.orders import Fill
from strategy.account.state import Account, Entry, EntryKind
from strategy.sleeves.shares import EXACT, balanced, filled, shares

_NOTHING = Decimal(0)
#: Money that comes and goes without being earned.
_FLOWS = frozenset({EntryKind.DEPOSIT, EntryKind.WITHDRAWAL})
#: Entries in the order in which a day books them; fills come after the second step.
_STEPS: Mapping[EntryKind, int] = {
    EntryKind.UNIT: 0,
    EntryKind.REBASE: 0,
    EntryKind.FINANCING: 1,
    EntryKind.INTEREST: 1,
    EntryKind.SHORT_FEE: 1,
    EntryKind.FACTOR: 2,
    EntryKind.FX: 2,
    EntryKind.FEE: 3,
    EntryKind.DELISTING: 3,
    EntryKind.FUNDING: 3,
    EntryKind.DEPOSIT: 4,
    EntryKind.WITHDRAWAL: 4,
    EntryKind.TRANSFER: 4,
}
_BEFORE_FILLS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveLedger:
    """The ledger of one sleeve: its cash, which starts at 0, the signed quantities it holds, and the fees it paid.

    `entered` is its part of entries by kind: money, below 0 where it paid, and of `fx` what exchange rates brought it.
    """

    cash: Decimal = _NOTHING
    quantities: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    fees: Decimal = _NOTHING
    entered: Mapping[EntryKind, Decimal] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveLedgers:
    """The ledgers of an account's sleeves at the close of a day.

    `unallocated` is the cash that belongs to none of them: the capital, and what was paid in and out since. `filled`
    holds each sleeve's part of the day's fills, by order.
    """

    account: Account
    ledgers: tuple[SleeveLedger, ...]
    unallocated: Decimal
    filled: Mapping[str, tuple[Decimal, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def held(self, symbol: str) -> tuple[Decimal, ...]:
        """Return the signed quantity of the symbol that each sleeve holds."""
        return tuple(ledger.quantities.get(symbol, _NOTHING) for ledger in self.ledgers)

    def values(self, symbol: str) -> tuple[Decimal, ...]:
        """Return what each sleeve's quantity of the symbol is worth at the mark; they add up to the account's value."""
        position = self.account.positions.get(symbol)
        held = self.held(symbol)
        if position is None:
            return (_NOTHING,) * len(held)
        split = [quantised(quantity * position.mark * position.fx_rate) for quantity in held]
        return balanced(position.value, split, held)

    @property
    def profits(self) -> tuple[Decimal, ...]:
        """Return what each sleeve has earned: its cash and what it holds; together what the account has earned."""
        result = [ledger.cash for ledger in self.ledgers]
        for symbol in self.account.positions:
            result = [profit + value for profit, value in zip(result, self.values(symbol), strict=True)]
        return tuple(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWish:
    """What the sleeves wanted of an order, beside its own signed quantity.

    `worth` is the signed money that each wanted to hold at the `mark`, and `held` what each held then, at the exchange
    rate `fx_rate` (None: nothing was held). `whole` is True for an order that was filled whole, whatever a split has
    made of its quantity since.
    """

    quantity: Decimal
    worth: tuple[Decimal, ...]
    held: tuple[Decimal, ...]
    mark: Decimal
    whole: bool
    fx_rate: Decimal | None = None

    def changes(self, quantity: Decimal, fx_rate: Decimal) -> list[Decimal]:
        """Return the change that each sleeve wanted, in the units of a fill of this quantity.

        `fx_rate` is the rate of the fill: it counts where none was known when the change was wanted.
        """
        unit = EXACT.divide(quantity, self.quantity) if self.whole and self.quantity else Decimal(1)
        price = EXACT.multiply(self.mark, self.fx_rate or fx_rate)
        wanted = [EXACT.divide(worth, price) - held for worth, held in zip(self.worth, self.held, strict=True)]
        return [quantised(EXACT.multiply(change, unit)) for change in wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedDay:
    """A day as the account has booked it: the account at the close, with fills, entries, and wishes by order."""

    account: Account
    fills: Sequence[Fill]
    entries: Sequence[Entry]
    wishes: Mapping[str, OrderWish]


def opened(account: Account, weights: Sequence[Decimal]) -> SleeveLedgers:
    """Return the ledgers of sleeves that begin at the close: what is held is shared by weight, nothing is earned."""
    quantities: list[dict[str, Decimal]] = [{} for _ in weights]
    for symbol, position in account.positions.items():
        for own, part in zip(quantities, shares(position.quantity, weights), strict=True):
            own[symbol] = part
    empty = SleeveLedgers(
        account=account,
        ledgers=tuple(SleeveLedger(quantities=MappingProxyType(own)) for own in quantities),
        unallocated=account.equity,
    )
    paid = empty.profits
    ledgers = tuple(
        SleeveLedger(cash=-value, quantities=ledger.quantities)
        for ledger, value in zip(empty.ledgers, paid, strict=True)
    )
    return SleeveLedgers(account=account, ledgers=ledgers, unallocated=account.equity)


def booked(before: SleeveLedgers, day: BookedDay, weights: Sequence[Decimal]) -> SleeveLedgers:
    """Return the ledgers after a day; `weights` are those of the sleeves when it began.

    A fill is shared as `filled` says and crosses inside at its price; its fee in proportion to what each sleeve got.
    Financing goes to the sleeves in proportion to what they held at the last marks, the fee of short positions to what
    they held short, interest to their weights; splits and payments on a symbol to what they hold of it, funding to what
    they hold when it is due, before or after the day's fills. Money paid in and out is no sleeve's. Positions that were
    transferred are shared by weight.
    """
    draft = _Draft(before, weights)
    entries = sorted(day.entries, key=lambda entry: (_STEPS[entry.kind], entry.kind, entry.symbol))
    for entry in entries:
        if _STEPS[entry.kind] <= _BEFORE_FILLS:
            draft.enter(entry, day.account)
    for order_id, fills in _by_order(day.fills).items():
        draft.fill(fills, day.wishes.get(order_id))
    for entry in entries:
        if _STEPS[entry.kind] > _BEFORE_FILLS:
            draft.enter(entry, day.account)
    return draft.closed(day.account)


def _by_order(fills: Sequence[Fill]) -> dict[str, list[Fill]]:
    """Return the fills by order, in the order of their symbols."""
    found: dict[str, list[Fill]] = {}
    for fill in sorted(fills, key=lambda fill: (fill.symbol, fill.order_id, fill.trade_id)):
        found.setdefault(fill.order_id, []).append(fill)
    return found


class _Draft:
    """Ledgers while a day is booked."""

    def __init__(self, before: SleeveLedgers, weights: Sequence[Decimal]) -> None:
        self._before = before
        self._weights = weights
        self._cash = [ledger.cash for ledger in before.ledgers]
        self._fees = [ledger.fees for ledger in before.ledgers]
        self._entered = [dict(ledger.entered) for ledger in before.ledgers]
        self._quantities = [dict(ledger.quantities) for ledger in before.ledgers]
        self._unallocated = before.unallocated
        self._filled: dict[str, tuple[Decimal, ...]] = {}

    def enter(self, entry: Entry, account: Account) -> None:
        """Share an entry."""
        if entry.kind in _FLOWS:
            self._unallocated += entry.cash
            return
        if entry.kind is EntryKind.TRANSFER:
            self._transfer(entry, account)
            return
        by = self._shares_of(entry)
        parts = shares(entry.cash - entry.before_fills, by)
        if entry.before_fills:
            earlier = shares(entry.before_fills, self._before.held(entry.symbol))
            parts = tuple(old + new for old, new in zip(earlier, parts, strict=True))
        self._pay(parts)
        brought = shares(entry.profit, by) if entry.profit else parts
        for own, part in zip(self._entered, brought, strict=True):
            own[entry.kind] = own.get(entry.kind, _NOTHING) + part
        if entry.quantity:
            self._add(entry.symbol, shares(entry.quantity, by))

    def fill(self, fills: Sequence[Fill], wish: OrderWish | None) -> None:
        """Share the fills of one order."""
        symbol = fills[0].symbol
        quantity = sum((fill.signed_quantity for fill in fills), _NOTHING)
        held = self._held(symbol)
        if sum(held, _NOTHING) + quantity == 0:
            parts = tuple(-own for own in held)
        elif wish is None:
            parts = shares(quantity, held if sum(held, _NOTHING) else self._weights)
        else:
            parts = filled(quantity, wish.changes(quantity, fills[0].fx_rate))
        self._add(symbol, parts)
        self._filled[fills[0].order_id] = tuple(parts)
        paid, fee = (sum(each, _NOTHING) for each in ([one.paid for one in fills], [one.fee for one in fills]))
        price = fills[0].price * fills[0].fx_rate
        if quantity and (len(fills) > 1 or fills[0].amount is not None):
            price = EXACT.divide(paid, quantity)
        split = [quantised(EXACT.multiply(part, price)) for part in parts]
        self._pay([-each for each in balanced(paid, split, parts)])
        fees = shares(fee, [abs(part) for part in parts])
        self._pay([-each for each in fees])
        self._fees = [before + each for before, each in zip(self._fees, fees, strict=True)]

    def closed(self, account: Account) -> SleeveLedgers:
        """Return the ledgers at the close."""
        after = SleeveLedgers(
            account=account,
            ledgers=tuple(
                SleeveLedger(
                    cash=cash,
                    quantities=MappingProxyType({name: each for name, each in own.items() if each}),
                    fees=fees,
                    entered=MappingProxyType(entered),
                )
                for cash, own, fees, entered in zip(
                    self._cash, self._quantities, self._fees, self._entered, strict=True
                )
            ),
            unallocated=self._unallocated,
            filled=MappingProxyType(self._filled),
        )
        _demand_balance(after)
        return after

    def _held(self, symbol: str) -> list[Decimal]:
        return [own.get(symbol, _NOTHING) for own in self._quantities]

    def _shares_of(self, entry: Entry) -> Sequence[Decimal]:
        """Return in proportion to what the entry is shared."""
        if entry.kind is EntryKind.INTEREST:
            return self._weights
        if entry.kind in (EntryKind.FINANCING, EntryKind.SHORT_FEE):
            values = [self._before.values(symbol) for symbol in self._before.account.positions]
            if entry.kind is EntryKind.SHORT_FEE:
                values = [tuple(min(value, _NOTHING) for value in each) for each in values]
            gross = [sum(map(abs, each), _NOTHING) for each in zip(*values, strict=True)]
            return gross if any(gross) else self._weights
        # Where the day has closed the position, what was held before it.
        held = self._held(entry.symbol)
        held = held if sum(held, _NOTHING) else list(self._before.held(entry.symbol))
        return held if sum(held, _NOTHING) else self._weights

    def _transfer(self, entry: Entry, account: Account) -> None:
        """Share a position that was transferred at the close; a sleeve pays for its part what that is worth."""
        position = account.positions.get(entry.symbol)
        before = self._held(entry.symbol)
        held = sum(before, _NOTHING)
        parts = shares(entry.quantity, before if held and held + entry.quantity == 0 else self._weights)
        self._add(entry.symbol, parts)
        value = _NOTHING
        if position is not None:
            value = position.value - quantised((position.quantity - entry.quantity) * position.mark * position.fx_rate)
        self._pay([-each for each in shares(value, [abs(part) for part in parts])])
        self._unallocated += value + entry.cash

    def _pay(self, amounts: Sequence[Decimal]) -> None:
        self._cash = [cash + amount for cash, amount in zip(self._cash, amounts, strict=True)]

    def _add(self, symbol: str, parts: Sequence[Decimal]) -> None:
        """Add the parts to what the sleeves hold; where the account then holds none, no sleeve does."""
        for own, part in zip(self._quantities, parts, strict=True):
            own[symbol] = own.get(symbol, _NOTHING) + part
        if not sum(self._held(symbol), _NOTHING):
            for own in self._quantities:
                own.pop(symbol)


def _demand_balance(after: SleeveLedgers) -> None:
    """Raise AssertionError unless the ledgers add up to the account, which they do by construction."""
    cash = sum((ledger.cash for ledger in after.ledgers), after.unallocated)
    assert cash == after.account.cash, f"the cash of sleeves is {cash}, of the account {after.account.cash}"
    symbols = {*after.account.positions, *(symbol for ledger in after.ledgers for symbol in ledger.quantities)}
    for symbol in symbols:
        held = sum(after.held(symbol), _NOTHING)
        assert held == after.account.quantity(symbol), f"sleeves hold {held} of {symbol}"
