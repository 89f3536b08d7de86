"""One market order at a testnet: sent once, asked for as often as it takes, and told in our words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from exchange.ports import BrokerRefused, BrokerUnavailable, Execution, Receipt, VenueOrder
from exchange.testnet_client import WINDOW
from exchange.testnet_session import TestnetSession
from exchange.venue_errors import ARCHIVED_ORDER, UNKNOWN_ORDER, Duplicate, Uncertain, VenueRefusal
from strategy.orders import FORGOTTEN, NEVER_ARRIVED, Order, OrderState, Side

#: How long after its claim an order may still leave.
PROMPT = timedelta(seconds=2)
#: Past this age a request that has not arrived is refused by the venue, whatever happened on its way.
CERTAIN_AFTER = PROMPT + WINDOW + timedelta(seconds=3)
#: The venue tells trades a moment later than orders: how often they are asked for, and the wait in between.
ASKED = 5
WAIT_S = 1.0
#: The most trades that one answer tells; one order has not had as many.
MOST_TRADES = 1_000

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
    """Called with the order as the venue told it."""
    remembers: timedelta = timedelta.max
    """How long the venue tells of an order."""


def submit(session: TestnetSession, desk: Desk, order: Order, sent_at: datetime) -> Receipt:
    """The order as the venue took it; UNKNOWN where nobody knows whether it did. It leaves once, within PROMPT.

    Raises BrokerUnavailable, BrokerRefused where it was certainly not taken.
    """
    # Who was asleep since may have been declared lost by another run: an order that leaves late could be the second.
    if session.now() - sent_at > PROMPT:
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
        return Receipt(order=replace(order, state=OrderState.REJECTED, reason=str(refusal)))
    except (Uncertain, Duplicate) as error:
        return Receipt(order=_unknown(order, str(error)))
    # It was taken: no failure after that may read as if it had not been.
    return _confirmed(session, desk, order, (taken, sent_at))


def enquire(session: TestnetSession, desk: Desk, order: Order, sent_at: datetime) -> Receipt:
    """What became of an order that was sent at that instant of the venue's clock.

    One that the venue does not know is waited for until no request of then would be taken any more; then it never
    arrived. Raises BrokerUnavailable.
    """
    asked = {"symbol": order.symbol, "origClientOrderId": order.order_id}
    for _ in range(2):
        # What counts is when the venue was asked, and an answer may be slow.
        age = session.now() - sent_at
        try:
            found = session.ask(lambda client: desk.find(client, asked))
            return _confirmed(session, desk, order, (found, sent_at))
        except VenueRefusal as refusal:
            if refusal.code == ARCHIVED_ORDER:
                return Receipt(order=replace(order, state=OrderState.EXPIRED, reason=str(refusal)))
            if refusal.code not in UNKNOWN_ORDER:
                raise BrokerUnavailable(f"order {order.order_id} cannot be asked for ({refusal})") from None
        if age > desk.remembers:
            return Receipt(order=_unknown(order, f"{FORGOTTEN} {desk.remembers.days} days"))
        if age >= CERTAIN_AFTER:
            reason = f"{NEVER_ARRIVED}: the venue knows no such order"
            return Receipt(order=replace(order, state=OrderState.REJECTED, reason=reason))
        session.wait((CERTAIN_AFTER - age).total_seconds() + 1.0)
    return Receipt(order=_unknown(order, "the venue does not know it yet"))


def cancel(session: TestnetSession, desk: Desk, order: Order, sent_at: datetime) -> Receipt:
    """The order with its remainder cancelled, or as it ended before. Raises BrokerUnavailable."""
    named = {"symbol": order.symbol, "origClientOrderId": order.order_id}
    try:
        session.ask(lambda client: desk.cancel(client, named))
    except VenueRefusal as refusal:
        if refusal.code not in UNKNOWN_ORDER:
            raise BrokerUnavailable(f"order {order.order_id} cannot be cancelled ({refusal})") from None
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
        return Receipt(order=_unknown(order, str(error)), venue=venue)


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
        state, filled = _STATES[told["status"]], Decimal(told["executedQty"])
    except (KeyError, TypeError, ArithmeticError):
        raise BrokerUnavailable(f"order {order.order_id} is told in a way that is not known here; ask later") from None
    executions: tuple[Execution, ...] = ()
    for count in range(ASKED if filled else 0):
        if count:
            session.wait(WAIT_S)
        try:
            executions = session.ask(lambda client: tuple(_execution(order, one) for one in desk.trades(client, told)))
        except VenueRefusal as refusal:
            raise BrokerUnavailable(f"trades of {order.order_id} cannot be asked for ({refusal})") from None
        if sum((one.quantity for one in executions), Decimal(0)) >= filled:
            break
    else:
        if filled:
            return Receipt(order=_unknown(order, f"filled {plain(filled)}, but not all its trades are told yet"))
    reason = "" if state is OrderState.FILLED else f"the venue says {told['status']}"
    return Receipt(order=replace(order, state=state, reason=reason), executions=executions)


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


def _unknown(order: Order, reason: str) -> Order:
    return replace(order, state=OrderState.UNKNOWN, reason=reason)
