"""One market order at a testnet: sent once, asked for as often as it takes, and told in our words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from exchange.ports import BrokerRefused, BrokerUnavailable, Execution, Receipt, VenueOrder
from exchange.testnet_session import TestnetSession
from exchange.venue_errors import ARCHIVED_ORDER, UNKNOWN_ORDER, Duplicate, Uncertain, VenueRefusal
from strategy.orders import Order, OrderState, ReasonCode, Side

#: How long after its claim an order may still leave.
PROMPT = timedelta(seconds=2)
#: The venue tells trades a moment later than orders: how often they are asked for, and the wait in between.
ASKED = 5
WAIT_S = 1.0
#: The most trades that one answer tells, and the most answers that are read of one order.
MOST_TRADES = 1_000
MOST_PAGES = 100

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
class Desk:
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


def submit(session: TestnetSession, desk: Desk, order: Order, sent_at: datetime) -> Receipt:
    """The order as the venue took it; UNKNOWN where nobody knows whether it did. It leaves once, within PROMPT.

    Raises BrokerUnavailable, BrokerRefused where it was certainly not taken.
    """
    # Who was asleep since may have been declared lost by another run: an order that leaves late could be the second. A
    # clock that was set back says nothing about how long it was.
    if abs(session.now() - sent_at) > PROMPT:
        raise BrokerUnavailable(f"order {order.order_id} was held up on its way out; it did not leave", 0.0)
    wanted = {
        "symbol": order.symbol,
        "side": order.side.upper(),
        "type": "MARKET",
        "quantity": plain(order.quantity),
        "newClientOrderId": order.order_id,
    }
    try:
        taken = session.send(lambda client: desk.create(client, wanted))
    except VenueRefusal as refusal:
        return Receipt(order=_known(order, OrderState.REJECTED, str(refusal)))
    except (Uncertain, Duplicate) as error:
        return Receipt(order=_unknown(order, ReasonCode.UNSEEN, str(error)))
    # It was taken: no failure after that may read as if it had not been.
    return _confirmed(session, desk, order, (taken, sent_at))


def enquire(
    session: TestnetSession, desk: Desk, order: Order, sent_at: datetime, venue: VenueOrder | None = None
) -> Receipt:
    """Return what became of an order that was sent at that instant of the venue's clock; it is asked for once.

    It is asked for by its id, then by the number that the venue once confirmed. That the venue knows neither says
    nothing: recvWindow is checked before a request is passed on to the engine, and answers come from memory and
    databases that lag behind it. https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-api-information
    Raises BrokerUnavailable.
    """
    named = [{"symbol": order.symbol, "origClientOrderId": order.order_id}]
    if venue is not None and venue.venue_order_id:
        named.append({"symbol": order.symbol, "orderId": venue.venue_order_id})
    for asked in named:
        try:
            found: Any = session.ask(partial(_found, desk, asked))
        except VenueRefusal as refusal:
            if refusal.code in UNKNOWN_ORDER:
                continue
            if refusal.code == ARCHIVED_ORDER:
                return Receipt(order=_known(order, OrderState.EXPIRED, str(refusal)))
            return Receipt(order=_unknown(order, ReasonCode.UNTOLD, f"the venue refuses to tell of it ({refusal})"))
        # A testnet that was reset counts its numbers from one again: that number may be another order's by now.
        if asked is named[0] or (isinstance(found, Mapping) and found.get("clientOrderId") == order.order_id):
            return _confirmed(session, desk, order, (found, sent_at))
    if session.now() - sent_at > desk.remembers:
        reason = f"the venue tells of no order after {desk.remembers.days} days"
        return Receipt(order=_unknown(order, ReasonCode.FORGOTTEN, reason))
    return Receipt(order=_unknown(order, ReasonCode.UNSEEN, "the venue knows no such order"))


def cancel(session: TestnetSession, desk: Desk, order: Order, sent_at: datetime) -> Receipt:
    """The order with its remainder cancelled, or as it ended before. Raises BrokerUnavailable."""
    named = {"symbol": order.symbol, "origClientOrderId": order.order_id}
    try:
        session.ask(lambda client: desk.cancel(client, named))
    except VenueRefusal as refusal:
        if refusal.code not in UNKNOWN_ORDER:
            return Receipt(order=_unknown(order, ReasonCode.UNTOLD, f"it cannot be cancelled ({refusal})"))
    return enquire(session, desk, order, sent_at)


def plain(quantity: Decimal) -> str:
    """The quantity without exponent and trailing zeros, as venues read it.

    >>> plain(Decimal("0.500000000000")), plain(Decimal("1E+2"))
    ('0.5', '100')
    """
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _confirmed(session: TestnetSession, desk: Desk, order: Order, told: tuple[Json, datetime]) -> Receipt:
    """The order as told, with what the venue confirmed; UNKNOWN where the rest of what it tells cannot be read."""
    answer, sent_at = told
    venue = _venue_order(answer, sent_at)
    try:
        return replace(_receipt(session, desk, order, answer), venue=venue)
    except (BrokerUnavailable, BrokerRefused) as error:
        return Receipt(order=_unknown(order, ReasonCode.UNTOLD, str(error)), venue=venue)


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


def _receipt(session: TestnetSession, desk: Desk, order: Order, told: Json) -> Receipt:
    """The order as told, with all its trades; UNKNOWN while the venue tells fewer trades than it has filled."""
    try:
        status, filled = str(told["status"]), Decimal(told["executedQty"])
    except (KeyError, TypeError, ArithmeticError):
        raise BrokerUnavailable("the venue tells of it in a way that is not known here") from None
    if status not in _STATES:
        raise BrokerUnavailable(f"the venue says {status}, a state that is not known here")
    executions: tuple[Execution, ...] = ()
    for count in range(ASKED if filled else 0):
        if count:
            session.wait(WAIT_S)
        executions = _trades(session, desk, order, told)
        if sum((one.quantity for one in executions), Decimal(0)) >= filled:
            break
    else:
        if filled:
            untold = f"filled {plain(filled)}, but not all its trades are told yet"
            return Receipt(order=_unknown(order, ReasonCode.UNTOLD, untold))
    reason = "" if status == "FILLED" else f"the venue says {status}"
    return Receipt(order=_known(order, _STATES[status], reason), executions=executions)


def _trades(session: TestnetSession, desk: Desk, order: Order, told: Json) -> tuple[Execution, ...]:
    """All trades of an order as told, oldest first, however many answers they fill. Raises BrokerUnavailable."""
    try:
        page = session.ask(lambda client: _executions(order, desk.trades(client, told)))
        if len(page) < MOST_TRADES:
            return page
        # One answer tells the newest: those before it are found by going through the numbers from the first.
        found, first = dict[str, Execution](), 0
        for _ in range(MOST_PAGES):
            page = session.ask(partial(_page_from, desk, order, (told, first)))
            found |= {one.trade_id: one for one in page}
            if len(page) < MOST_TRADES:
                return tuple(found.values())
            first = max(int(one.trade_id) for one in page) + 1
    except VenueRefusal as refusal:
        raise BrokerUnavailable(f"its trades cannot be asked for ({refusal})") from None
    raise BrokerUnavailable(f"its trades do not end within {MOST_PAGES * MOST_TRADES:,}")


def _page_from(desk: Desk, order: Order, wanted: tuple[Json, int], client: Any) -> tuple[Execution, ...]:
    told, first = wanted
    return _executions(order, desk.trades_from(client, told, first))


def _found(desk: Desk, asked: Json, client: Any) -> Json:
    return desk.find(client, asked)


def _executions(order: Order, told: Sequence[Json]) -> tuple[Execution, ...]:
    return tuple(_execution(order, one) for one in told)


def _execution(order: Order, told: Json) -> Execution:
    realised = told.get("realizedPnl")
    return Execution(
        order_id=order.order_id,
        trade_id=str(told["id"]),
        symbol=order.symbol,
        executed_at=datetime.fromtimestamp(int(told["time"]) / 1000, tz=UTC),
        # Spot says isBuyer, futures say buyer.
        side=Side.BUY if told["isBuyer" if "isBuyer" in told else "buyer"] else Side.SELL,
        quantity=Decimal(told["qty"]),
        price=Decimal(told["price"]),
        # The documentation shows what futures took as a negative number.
        fee=abs(Decimal(told["commission"])),
        fee_asset=str(told["commissionAsset"]),
        realised=None if realised is None else Decimal(realised),
    )


def _known(order: Order, state: OrderState, reason: str) -> Order:
    return replace(order, state=state, reason=reason, code=None)


def _unknown(order: Order, code: ReasonCode, reason: str) -> Order:
    return replace(order, state=OrderState.UNKNOWN, reason=reason, code=code)
