"""Money and positions that enter or leave an account from outside, and the unit value that is free of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Context, Decimal
from enum import StrEnum
from types import MappingProxyType

from strategy.account.money import quantised
from strategy.account.state import Account, Entry, EntryKind, Position

_NOTHING = Decimal(0)
#: Digits that hold the product of two amounts of the ledger.
_EXACT = Context(prec=80)


class FlowKind(StrEnum):
    """What moves: cash in, cash out, or a long position in."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"


class FlowRefusal(StrEnum):
    """The reason why a flow was not booked.

    BEYOND_FREE: it exceeds the equity beyond the gross value of the positions. WORTHLESS: the account's unit value is
    not above 0, so that no return could be told from then on. NO_CLOSE: no close of the symbol is known.
    """

    BEYOND_FREE = "beyond_free"
    WORTHLESS = "worthless"
    NO_CLOSE = "no_close"


ENTRY_KINDS = {
    FlowKind.DEPOSIT: EntryKind.DEPOSIT,
    FlowKind.WITHDRAWAL: EntryKind.WITHDRAWAL,
    FlowKind.TRANSFER: EntryKind.TRANSFER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CashFlow:
    """A flow: `cash` of a deposit or withdrawal, or `quantity` of a symbol; both are at least 0."""

    kind: FlowKind
    symbol: str = ""
    cash: Decimal = _NOTHING
    quantity: Decimal = _NOTHING

    def __post_init__(self) -> None:
        moved = self.quantity if self.kind is FlowKind.TRANSFER else self.cash
        if not (moved.is_finite() and moved > 0):
            raise ValueError(f"a {self.kind} is {moved}; it must be above 0")
        if bool(self.symbol) != (self.kind is FlowKind.TRANSFER):
            raise ValueError(f"a {self.kind} has symbol {self.symbol!r}; only a transfer has one")

    @property
    def signed_cash(self) -> Decimal:
        """Return the change of the account's cash."""
        return -self.cash if self.kind is FlowKind.WITHDRAWAL else self.cash


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position to transfer: its quantity, above 0, and what a unit of it had cost (None: unknown), for the record."""

    symbol: str
    quantity: Decimal
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What became of a flow: its signed `value` at the close, or the reason why it was not booked."""

    flow: CashFlow
    value: Decimal | None = None
    refusal: FlowRefusal | None = None


def free_equity(account: Account, paid_in: Decimal = _NOTHING) -> Decimal:
    """Return what may be withdrawn once `paid_in` is there too: max(0, E − L − S), as short proceeds are collateral.

    L is the value of the long positions, S what the short ones would cost to close.
    """
    gross = sum((abs(position.value) for position in account.positions.values()), _NOTHING)
    return max(_NOTHING, account.equity + paid_in - gross)


def grown(unit_value: Decimal, since: Decimal, equity: Decimal) -> Decimal:
    """Return the unit value after the equity went from `since`, after the last flows, to `equity`, before the next.

    U[t] = U[t − 1] · E[t] / E[t − 1]. Without flows so far it is the equity itself; an emptied account keeps it.

    >>> grown(Decimal(100), Decimal(100), Decimal(110)), grown(Decimal(100), Decimal(50), Decimal(55))
    (Decimal('110'), Decimal('110.000000000000'))
    """
    if unit_value == since:
        return equity
    if not since:
        return unit_value
    return quantised(_EXACT.divide(_EXACT.multiply(unit_value, equity), since))


def booked(
    account: Account, flows: Sequence[CashFlow], marks: Mapping[str, Position], unit_value: Decimal
) -> tuple[Account, tuple[Booking, ...]]:
    """Return the account after the flows, in their order, and what became of each.

    The account is marked at the closes of its day; `marks` holds for symbols that are transferred the last close and
    its session, whatever their quantity.
    """
    bookings = []
    for flow in flows:
        refusal = _refusal(account, flow, marks, unit_value)
        if refusal is not None:
            bookings.append(Booking(flow=flow, refusal=refusal))
            continue
        before = account.equity
        account = _with_flow(account, flow, marks)
        bookings.append(Booking(flow=flow, value=account.equity - before))
    return account, tuple(bookings)


def flow_entries(bookings: Sequence[Booking], as_of: date) -> tuple[Entry, ...]:
    """Return the booked flows as entries of the day, those of one kind and symbol together, by kind and symbol."""
    sums: dict[tuple[EntryKind, str], tuple[Decimal, Decimal]] = {}
    for booking in bookings:
        if booking.value is not None:
            key = (ENTRY_KINDS[booking.flow.kind], booking.flow.symbol)
            cash, quantity = sums.get(key, (_NOTHING, _NOTHING))
            sums[key] = (cash + booking.flow.signed_cash, quantity + booking.flow.quantity)
    return tuple(
        Entry(as_of=as_of, kind=kind, symbol=symbol, cash=cash, quantity=quantity)
        for (kind, symbol), (cash, quantity) in sorted(sums.items())
    )


def _refusal(
    account: Account, flow: CashFlow, marks: Mapping[str, Position], unit_value: Decimal
) -> FlowRefusal | None:
    if unit_value <= 0:
        return FlowRefusal.WORTHLESS
    if flow.kind is FlowKind.WITHDRAWAL and flow.cash > free_equity(account):
        return FlowRefusal.BEYOND_FREE
    if flow.kind is FlowKind.TRANSFER and flow.symbol not in marks:
        return FlowRefusal.NO_CLOSE
    return None


def _with_flow(account: Account, flow: CashFlow, marks: Mapping[str, Position]) -> Account:
    positions = dict(account.positions)
    if flow.kind is FlowKind.TRANSFER:
        mark = marks[flow.symbol]
        held = quantised(account.quantity(flow.symbol) + flow.quantity)
        positions[flow.symbol] = replace(mark, quantity=held)
        positions = {symbol: positions[symbol] for symbol in sorted(positions) if positions[symbol].quantity}
    return Account(as_of=account.as_of, cash=account.cash + flow.signed_cash, positions=MappingProxyType(positions))
