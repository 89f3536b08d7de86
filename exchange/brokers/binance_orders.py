"""Market orders at a testnet: sent once, queried as often as necessary, and translated to our order states."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from exchange.brokers.error_codes import ARCHIVED_ORDER, UNKNOWN_ORDER, Duplicate, Uncertain, VenueRefusal
from exchange.brokers.order_reports import MOST_TRADES as MOST_TRADES
from exchange.brokers.order_reports import Json as Json
from exchange.brokers.order_reports import OrderEndpoints as OrderEndpoints
from exchange.brokers.order_reports import confirmed, known, plain, traded_under, unknown
from exchange.brokers.testnet_session import TestnetSession
from exchange.ports import BrokerUnavailable, OrderReport, VenueOrder
from strategy.account.orders import Order, OrderState, ReasonCode

#: Longest time after its claim for which an order may still be sent.
PROMPT = timedelta(seconds=2)


def submit(session: TestnetSession, endpoints: OrderEndpoints, order: Order, sent_at: datetime) -> OrderReport:
    """Submit the order once, within PROMPT; the report is UNKNOWN if the venue may or may not have accepted it.

    Raises BrokerUnavailable or BrokerRefused if it was certainly not accepted.
    """
    # If this process was suspended, another run may have declared the order lost and sent it again: an order sent late
    # could be the second. If the clock was set back, the delay is unknown, hence the absolute value.
    if abs(session.now() - sent_at) > PROMPT:
        raise BrokerUnavailable(f"order {order.order_id} was held up on its way out; it did not leave", 0.0)
    wanted = {
        "symbol": order.symbol,
        "side": order.side.upper(),
        "type": "MARKET",
        "quantity": plain(order.quantity),
        "newClientOrderId": order.order_id,
        **(endpoints.reducing if order.reduce_only else {}),
    }
    try:
        taken = session.send(lambda client: endpoints.create(client, wanted))
    except VenueRefusal as refusal:
        return OrderReport(order=known(order, OrderState.REJECTED, str(refusal)))
    except (Uncertain, Duplicate) as error:
        return OrderReport(order=unknown(order, ReasonCode.UNSEEN, str(error)))
    # It was accepted: no later failure may be reported as if it had not been.
    return confirmed(session, endpoints, order, (taken, sent_at))


def enquire(
    session: TestnetSession, endpoints: OrderEndpoints, order: Order, sent_at: datetime, venue: VenueOrder | None = None
) -> OrderReport:
    """Return the current state of an order that was sent at that instant of the venue's clock; it is queried once.

    It is queried by its id, then by the number that the venue once confirmed. If the venue knows neither, the outcome
    is still unknown: recvWindow is checked before a request is passed on to the engine, and answers come from memory
    and databases that lag behind it.
    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-api-information
    Raises BrokerUnavailable.
    """
    named = [{"symbol": order.symbol, "origClientOrderId": order.order_id}]
    if venue is not None and venue.venue_order_id:
        named.append({"symbol": order.symbol, "orderId": venue.venue_order_id})
    for query in named:
        try:
            found: Any = session.ask(partial(_found, endpoints, query))
        except VenueRefusal as refusal:
            if refusal.code in UNKNOWN_ORDER:
                continue
            if refusal.code == ARCHIVED_ORDER:
                return OrderReport(order=known(order, OrderState.EXPIRED, str(refusal)))
            return OrderReport(order=unknown(order, ReasonCode.UNTOLD, f"the venue refuses to report it ({refusal})"))
        # After a reset, a testnet numbers from one again: the number may now be another order's.
        if query is named[0] or (isinstance(found, Mapping) and found.get("clientOrderId") == order.order_id):
            return confirmed(session, endpoints, order, (found, sent_at))
    if venue is not None and venue.venue_order_id and (traded := traded_under(session, endpoints, order, venue)):
        return traded
    if session.now() - sent_at > endpoints.remembers:
        reason = f"the venue reports no order older than {endpoints.remembers.days} days"
        return OrderReport(order=unknown(order, ReasonCode.FORGOTTEN, reason))
    return OrderReport(order=unknown(order, ReasonCode.UNSEEN, "the venue has no such order"))


def cancel(session: TestnetSession, endpoints: OrderEndpoints, order: Order, sent_at: datetime) -> OrderReport:
    """Cancel the rest of the order, and return its state, or the state in which it had already ended.

    Raises BrokerUnavailable.
    """
    named = {"symbol": order.symbol, "origClientOrderId": order.order_id}
    try:
        session.ask(lambda client: endpoints.cancel(client, named))
    except VenueRefusal as refusal:
        if refusal.code not in UNKNOWN_ORDER:
            return OrderReport(order=unknown(order, ReasonCode.UNTOLD, f"it cannot be cancelled ({refusal})"))
    return enquire(session, endpoints, order, sent_at)


def _found(endpoints: OrderEndpoints, query: Json, client: Any) -> Json:
    return endpoints.find(client, query)
