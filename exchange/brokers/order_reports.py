"""What a testnet tells of one order, in our words: its state, what was confirmed of it, and all its trades."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from exchange.brokers.amounts import amount
from exchange.brokers.error_codes import VenueRefusal
from exchange.brokers.testnet_session import TestnetSession
from exchange.ports import BrokerFill, BrokerRefused, BrokerUnavailable, OrderReport, VenueOrder
from strategy.account.orders import Order, OrderState, ReasonCode, Side

#: The venue tells trades a moment later than orders: how often they are asked for, and the wait in between.
ASKED = 5
WAIT_S = 1.0
#: The most trades that one answer tells, and the most answers that are read of one order.
MOST_TRADES = 1_000
MOST_PAGES = 100
#: How far from the instant at which a market order was taken its trades may be.
AT_ONCE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STATES = {
    "NEW": OrderState.ACKNOWLEDGED,
    "PENDING_NEW": OrderState.ACKNOWLEDGED,
    "PENDING_CANCEL": OrderState.ACKNOWLEDGED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEndpoints:
    """The calls of one venue about orders; each takes python-binance's client and the parameters."""

    create: Callable[[Any, Json], Json]
    find: Callable[[Any, Json], Json]
    cancel: Callable[[Any, Json], Json]
    trades: Callable[[Any, Json], Sequence[Json]]
    """Called with the order as the venue told it: its newest trades, as many as one answer tells."""
    trades_from: Callable[[Any, Json, int], Sequence[Json]]
    """Called with a number too: the order's trades of that number and above, oldest first."""
    open_orders: Callable[[Any, str], Sequence[Json]]
    all_orders: Callable[[Any, Json], Sequence[Json]]
    all_trades: Callable[[Any, Json], Sequence[Json]]
    longest_span: timedelta
    """The longest time between the ends of what the two before may be asked for."""
    remembers: timedelta = timedelta.max
    """How long the venue tells of an order."""


def confirmed(session: TestnetSession, desk: OrderEndpoints, order: Order, told: tuple[Json, datetime]) -> OrderReport:
    """The order as told, with what the venue confirmed; UNKNOWN where the rest of what it tells cannot be read."""
    answer, sent_at = told
    venue = _venue_order(answer, sent_at)
    try:
        return replace(_receipt(session, desk, order, answer), venue=venue)
    except (BrokerUnavailable, BrokerRefused) as error:
        return OrderReport(order=unknown(order, ReasonCode.UNTOLD, str(error)), venue=venue)


def _venue_order(told: Json, sent_at: datetime) -> VenueOrder | None:
    """What an answer about an order confirms; taken when it was sent, where it tells no time.

    A new spot order tells `transactTime`, a query `time`, a new futures order `updateTime` alone.
    """
    try:
        number = str(told["orderId"])
        stated = next((told[name] for name in ("transactTime", "time", "updateTime") if name in told), None)
        at = sent_at if stated is None else datetime.fromtimestamp(int(stated) / 1000, tz=UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    return VenueOrder(venue_order_id=number, transacted_at=at)


def _receipt(session: TestnetSession, desk: OrderEndpoints, order: Order, told: Json) -> OrderReport:
    """The order as told, with all its trades; UNKNOWN while the venue tells fewer trades than it has filled."""
    try:
        status, filled = str(told["status"]), amount(told["executedQty"])
    except (KeyError, TypeError, ArithmeticError):
        raise BrokerUnavailable("the venue tells of it in a way that is not known here") from None
    executions: tuple[BrokerFill, ...] = ()
    for count in range(ASKED if filled else 0):
        if count:
            session.wait(WAIT_S)
        executions = _trades(session, desk, order, told)
        if sum((one.quantity for one in executions), Decimal(0)) >= filled:
            break
    else:
        if filled:
            untold = f"filled {plain(filled)}, but not all its trades are told yet"
            return OrderReport(order=unknown(order, ReasonCode.UNTOLD, untold))
    if whole := _whole(order, executions):
        return whole
    if status not in _STATES:
        odd = unknown(order, ReasonCode.UNTOLD, f"the venue says {status}, a state that is not known here")
        return OrderReport(order=odd, executions=executions)
    reason = "" if status == "FILLED" else f"the venue says {status}"
    return OrderReport(order=known(order, _STATES[status], reason), executions=executions)


def _whole(order: Order, executions: Sequence[BrokerFill]) -> OrderReport | None:
    """The order as filled, whatever is said of it, where its trades are all that it asked for; else None."""
    if sum((one.quantity for one in executions), Decimal(0)) != order.quantity:
        return None
    return OrderReport(order=known(order, OrderState.FILLED, ""), executions=tuple(executions))


def traded_under(session: TestnetSession, desk: OrderEndpoints, order: Order, venue: VenueOrder) -> OrderReport | None:
    """The order by the trades under the number that was once confirmed, at that instant; None if none is told.

    Only there and then: a testnet that was reset counts its numbers from one again. Raises BrokerUnavailable.
    """
    named = {"symbol": order.symbol, "orderId": venue.venue_order_id}
    taken_ms = (venue.transacted_at - _EPOCH) // timedelta(milliseconds=1)
    executions = tuple(
        one
        for one in _trades(session, desk, order, {**named, "time": taken_ms, "updateTime": taken_ms})
        if one.side is order.side and abs(one.executed_at - venue.transacted_at) <= AT_ONCE
    )
    if not executions:
        return None
    untold = unknown(order, ReasonCode.UNTOLD, "its trades are told, and it is not")
    return _whole(order, executions) or OrderReport(order=untold, executions=executions)


def _trades(session: TestnetSession, desk: OrderEndpoints, order: Order, told: Json) -> tuple[BrokerFill, ...]:
    """All trades of an order as told, oldest first, however many answers they fill. Raises BrokerUnavailable."""
    try:
        page = session.ask(lambda client: _executions(order, desk.trades(client, told)))
        if len(page) < MOST_TRADES:
            return page
        # One answer tells the newest: those before it are found by going through the numbers from the first.
        found, first = dict[str, BrokerFill](), 0
        for _ in range(MOST_PAGES):
            page = session.ask(partial(_page_from, desk, order, (told, first)))
            found |= {one.trade_id: one for one in page}
            if len(page) < MOST_TRADES:
                return tuple(found.values())
            first = max(int(one.trade_id) for one in page) + 1
    except VenueRefusal as refusal:
        raise BrokerUnavailable(f"its trades cannot be asked for ({refusal})") from None
    raise BrokerUnavailable(f"its trades do not end within {MOST_PAGES * MOST_TRADES:,}")


def _page_from(desk: OrderEndpoints, order: Order, wanted: tuple[Json, int], client: Any) -> tuple[BrokerFill, ...]:
    told, first = wanted
    return _executions(order, desk.trades_from(client, told, first))


def _executions(order: Order, told: Sequence[Json]) -> tuple[BrokerFill, ...]:
    return tuple(_execution(order, one) for one in told)


def _execution(order: Order, told: Json) -> BrokerFill:
    realised = told.get("realizedPnl")
    return BrokerFill(
        order_id=order.order_id,
        trade_id=str(told["id"]),
        symbol=order.symbol,
        executed_at=datetime.fromtimestamp(int(told["time"]) / 1000, tz=UTC),
        # Spot says isBuyer, futures say buyer.
        side=Side.BUY if told["isBuyer" if "isBuyer" in told else "buyer"] else Side.SELL,
        quantity=amount(told["qty"]),
        price=amount(told["price"]),
        # The documentation shows what futures took as a negative number.
        fee=abs(amount(told["commission"])),
        fee_asset=str(told["commissionAsset"]),
        realised=None if realised is None else amount(realised),
        # A wallet on margin moves by the realised profit alone.
        amount=amount(told["quoteQty"]) if realised is None and "quoteQty" in told else None,
    )


def known(order: Order, state: OrderState, reason: str) -> Order:
    """Return the order in a state that the venue tells, with the reason."""
    return replace(order, state=state, reason=reason, code=None)


def unknown(order: Order, code: ReasonCode, reason: str) -> Order:
    """Return the order of which it is not known what became, with how that comes, in a code and in words."""
    return replace(order, state=OrderState.UNKNOWN, reason=reason, code=code)


def plain(quantity: Decimal) -> str:
    """The quantity without exponent and trailing zeros, as venues read it.

    >>> plain(Decimal("0.500000000000")), plain(Decimal("1E+2"))
    ('0.5', '100')
    """
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
