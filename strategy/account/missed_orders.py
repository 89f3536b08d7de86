"""Orders that did not trade as decided: rejected, lost, cut and so on, each with a code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from strategy.account.orders import OPEN_STATES, Fill, Order, OrderState, ReasonCode


class Miss(StrEnum):
    """The way in which an order fell short of its decision."""

    REFUSED = "refused"
    LOST = "lost"
    UNKNOWN = "unknown"
    NOT_SENT = "not sent"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedOrder:
    """An order that fell short, the way it did, and the fraction of its quantity that traded."""

    order: Order
    miss: Miss
    share: float


def classify_miss(order: Order, filled: Decimal) -> Miss | None:
    """Return how the order fell short, given the quantity `filled`; None if it did not, or may still trade.

    A SKIPPED order is below the market's minimum, which was known when it was decided; it does not count.
    """
    if order.state in (OrderState.FILLED, OrderState.SKIPPED):
        return None
    if order.state is OrderState.UNKNOWN:
        return Miss.UNKNOWN
    if filled:
        return Miss.CUT
    if order.state in OPEN_STATES:
        return None
    if order.code in (ReasonCode.ABSENT, ReasonCode.NEVER_ARRIVED):
        return Miss.LOST
    if order.state is OrderState.REJECTED:
        return Miss.REFUSED
    if order.code in (ReasonCode.NOT_SENT, ReasonCode.HALTED):
        return Miss.NOT_SENT
    return Miss.EXPIRED if order.state is OrderState.EXPIRED else Miss.CANCELLED


def missed_orders(orders: Sequence[Order], filled: Mapping[str, Decimal]) -> tuple[MissedOrder, ...]:
    """Return the orders that fell short, by day and symbol; all attempts at one intent count as one.

    `filled` is the quantity traded by order id, in the units of the order's own day.
    """
    intents: dict[tuple[date, str], list[Order]] = {}
    for order in orders:
        intents.setdefault((order.as_of, order.symbol), []).append(order)
    found = []
    for _, attempts in sorted(intents.items()):
        judged = [(order, classify_miss(order, filled.get(order.order_id, Decimal(0)))) for order in attempts]
        if any(miss is None for _, miss in judged):
            continue
        # Report an attempt that reached the broker rather than one that was lost.
        order, how = next(((order, miss) for order, miss in judged if miss is not Miss.LOST), judged[-1])
        assert how is not None, "an order that missed nothing was passed over"
        share = float(filled.get(order.order_id, Decimal(0)) / order.quantity) if order.quantity else 0.0
        found.append(MissedOrder(order=order, miss=how, share=share))
    return tuple(found)


def filled_quantities(fills: Sequence[Fill], factors: Mapping[tuple[str, date], Decimal]) -> dict[str, Decimal]:
    """Return the quantity traded by order id, in the units of the order's own day.

    `factors` holds, by symbol and day of a fill, the factor by which a split has multiplied the order; absent if none.
    """
    filled: dict[str, Decimal] = {}
    for fill in fills:
        units = fill.quantity / factors.get((fill.symbol, fill.as_of), Decimal(1))
        filled[fill.order_id] = filled.get(fill.order_id, Decimal(0)) + units
    return filled


def cuts(missed: Sequence[MissedOrder]) -> dict[str, list[float]]:
    """Return of the orders of each symbol that the volume of the fill bars cut the fractions filled, lowest first.

    An order of which the bar filled nothing counts as cut to 0, unless its symbol was delisted. Symbols are sorted.
    """
    shares: dict[str, list[float]] = {}
    for missed_order in missed:
        if missed_order.miss is Miss.CUT or (
            missed_order.miss is Miss.CANCELLED and missed_order.order.code is not ReasonCode.DELISTED
        ):
            shares.setdefault(missed_order.order.symbol, []).append(missed_order.share)
    return {symbol: sorted(some) for symbol, some in sorted(shares.items())}
