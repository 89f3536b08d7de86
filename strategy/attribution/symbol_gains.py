"""What a symbol gained on a day, by direction and by source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from strategy.account.money import quantised
from strategy.account.orders import Fill
from strategy.account.quotes import Quote
from strategy.account.state import Entry, EntryKind, Position
from strategy.attribution.gains import Gain
from strategy.evaluation.costs import slipped
from strategy.sleeves.shares import shares

_NOTHING = Decimal(0)


class Direction(StrEnum):
    """What earned: positions above 0, positions below 0, or the account's cash."""

    LONG = "long"
    SHORT = "short"
    CASH = "cash"


def direction_of(amount: Decimal) -> Direction:
    """Return the direction of a position of this quantity or value."""
    return Direction.LONG if amount > 0 else Direction.SHORT if amount < 0 else Direction.CASH


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolDay:
    """A symbol's day: its positions at the close before and at the close, what was booked, and its bar if it had one.

    A position is None where nothing was held.
    """

    before: Position | None
    after: Position | None
    fills: Sequence[Fill]
    entries: Sequence[Entry]
    quote: Quote | None


def symbol_gains(day: SymbolDay) -> Iterator[tuple[Direction, Gain]]:
    """Yield what a symbol gained on the day, by direction."""
    fills, entries, quote, position = day.fills, day.entries, day.quote, day.after
    held, value_before = (day.before.quantity, day.before.value) if day.before else (_NOTHING, _NOTHING)
    left, value = (position.quantity, position.value) if position else (_NOTHING, _NOTHING)
    change = value - value_before
    if not fills and not entries:
        if change:
            yield direction_of(held), Gain(price=change)
        return
    fees = -sum((fill.fee for fill in fills), _NOTHING)
    cash = sum((entry.cash for entry in entries), _NOTHING)
    gained = change + fees + cash - sum((fill.paid for fill in fills), _NOTHING) - _transferred(entries, position)
    slippage = -sum((slipped(fill, quote) for fill in fills), _NOTHING)
    funding = sum((entry.cash for entry in entries if entry.kind is EntryKind.FUNDING), _NOTHING)
    fx = sum((entry.profit for entry in entries), _NOTHING)
    price = gained - fees - slippage - funding - fx
    whole = Gain(price=price, fees=fees, slippage=slippage, funding=funding, fx=fx)
    if held * left >= 0 or quote is None or position is None:
        yield direction_of(held or left or _traded(fills)), whole
        return
    closed = held + sum((entry.quantity for entry in entries if entry.kind is EntryKind.FACTOR), _NOTHING)
    worth = quantised(closed * quote.open * position.fx_rate)
    by = [abs(closed), abs(left)]
    old = Gain(
        price=worth - value_before - fx,
        fees=shares(fees, by)[0],
        slippage=shares(slippage, by)[0],
        funding=shares(funding, by)[0],
        fx=fx,
    )
    yield direction_of(held), old
    yield direction_of(left), whole - old


def _traded(fills: Sequence[Fill]) -> Decimal:
    """Return what the first fill of a day bought or sold, for a position that was opened and closed on it."""
    return fills[0].signed_quantity if fills else _NOTHING


def _transferred(entries: Sequence[Entry], position: Position | None) -> Decimal:
    """Return the value at the close of what was transferred, which is not earned."""
    moved = sum((entry.quantity for entry in entries if entry.kind is EntryKind.TRANSFER), _NOTHING)
    if not moved or position is None:
        return _NOTHING
    return position.value - quantised((position.quantity - moved) * position.mark * position.fx_rate)
