"""Order reports from a testnet's answers: an order's state, its confirmation, and all its trades."""

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

#: The venue reports trades a moment later than orders: the number of queries, and the wait between them.
ASKED = 5
WAIT_S = 1.0
#: Most trades in one answer, and most answers that are read for one order.
MOST_TRADES = 1_000
MOST_PAGES = 100
#: Largest time between the acceptance of a market order and its trades.
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
    """Order endpoints of one venue; each takes python-binance's client and the parameters."""

    create: Callable[[Any, Json], Json]
    reducing: Json
    """What an order is sent with that may only reduce a position; empty where the venue knows no such order."""
    find: Callable[[Any, Json], Json]
    cancel: Callable[[Any, Json], Json]
    trades: Callable[[Any, Json], Sequence[Json]]
    """Called with the venue's answer about the order: its newest trades, as many as fit in one answer."""
    trades_from: Callable[[Any, Json, int], Sequence[Json]]
    """Called with a trade id as well: the order's trades from that id on, oldest first."""
    open_orders: Callable[[Any, str], Sequence[Json]]
    all_orders: Callable[[Any, Json], Sequence[Json]]
    all_trades: Callable[[Any, Json], Sequence[Json]]
    longest_span: timedelta
    """The longest time span that the previous two accept."""
    remembers: timedelta = timedelta.max
    """How long the venue reports an order."""


def confirmed(
    session: TestnetSession, endpoints: OrderEndpoints, order: Order, told: tuple[Json, datetime]
) -> OrderReport:
    """Return the report of an order from the venue's answer; UNKNOWN, with the confirmation, if it cannot be read."""
    answer, sent_at = told
    venue = _venue_order(answer, sent_at)
    try:
        return replace(_receipt(session, endpoints, order, answer), venue=venue)
    except (BrokerUnavailable, BrokerRefused) as error:
        return OrderReport(order=unknown(order, ReasonCode.UNTOLD, str(error)), venue=venue)


def _venue_order(reply: Json, sent_at: datetime) -> VenueOrder | None:
    """Return the confirmation in an answer about an order; None if it cannot be read.

    Without a time in the answer, the order counts as accepted at `sent_at`. A new spot order has `transactTime`, a
    query has `time`, a new futures order only `updateTime`.
    """
    try:
        number = str(reply["orderId"])
        stated = next((reply[name] for name in ("transactTime", "time", "updateTime") if name in reply), None)
        at = sent_at if stated is None else datetime.fromtimestamp(int(stated) / 1000, tz=UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    return VenueOrder(venue_order_id=number, transacted_at=at)


def _receipt(session: TestnetSession, endpoints: OrderEndpoints, order: Order, reply: Json) -> OrderReport:
    """Return the order's state with all its trades; UNKNOWN while the venue reports fewer trades than were filled."""
    try:
        status, filled = str(reply["status"]), amount(reply["executedQty"])
    except (KeyError, TypeError, ArithmeticError):
        raise BrokerUnavailable("the venue reports it in an unknown format") from None
    executions: tuple[BrokerFill, ...] = ()
    for count in range(ASKED if filled else 0):
        if count:
            session.wait(WAIT_S)
        executions = _trades(session, endpoints, order, reply)
        if sum((execution.quantity for execution in executions), Decimal(0)) >= filled:
            break
    else:
        if filled:
            untold = f"filled {plain(filled)}, but not all its trades are reported yet"
            return OrderReport(order=unknown(order, ReasonCode.UNTOLD, untold))
    if whole := _whole(order, executions):
        return whole
    if status not in _STATES:
        odd = unknown(order, ReasonCode.UNTOLD, f"the venue says {status}, an unknown state")
        return OrderReport(order=odd, executions=executions)
    reason = "" if status == "FILLED" else f"the venue says {status}"
    return OrderReport(order=known(order, _STATES[status], reason), executions=executions)


def _whole(order: Order, executions: Sequence[BrokerFill]) -> OrderReport | None:
    """Return the order as FILLED, whatever its reported state, if its trades add up to its quantity; else None."""
    if sum((execution.quantity for execution in executions), Decimal(0)) != order.quantity:
        return None
    return OrderReport(order=known(order, OrderState.FILLED, ""), executions=tuple(executions))


def traded_under(
    session: TestnetSession, endpoints: OrderEndpoints, order: Order, venue: VenueOrder
) -> OrderReport | None:
    """Return the report from trades under the order number and at the time once confirmed; None if there are none.

    Number and time must both match: after a reset, a testnet numbers from one again. Raises BrokerUnavailable.
    """
    named = {"symbol": order.symbol, "orderId": venue.venue_order_id}
    taken_ms = (venue.transacted_at - _EPOCH) // timedelta(milliseconds=1)
    executions = tuple(
        execution
        for execution in _trades(session, endpoints, order, {**named, "time": taken_ms, "updateTime": taken_ms})
        if execution.side is order.side and abs(execution.executed_at - venue.transacted_at) <= AT_ONCE
    )
    if not executions:
        return None
    untold = unknown(order, ReasonCode.UNTOLD, "its trades are reported, but the order is not")
    return _whole(order, executions) or OrderReport(order=untold, executions=executions)


def _trades(session: TestnetSession, endpoints: OrderEndpoints, order: Order, reply: Json) -> tuple[BrokerFill, ...]:
    """Return all trades of an order, oldest first, however many answers they fill. Raises BrokerUnavailable."""
    try:
        page = session.ask(lambda client: _executions(order, endpoints.trades(client, reply)))
        if len(page) < MOST_TRADES:
            return page
        # One answer has only the newest trades: to find the others, go through the trade ids from the first.
        found, first = dict[str, BrokerFill](), 0
        for _ in range(MOST_PAGES):
            page = session.ask(partial(_page_from, endpoints, order, (reply, first)))
            found |= {execution.trade_id: execution for execution in page}
            if len(page) < MOST_TRADES:
                return tuple(found.values())
            first = max(int(execution.trade_id) for execution in page) + 1
    except VenueRefusal as refusal:
        raise BrokerUnavailable(f"its trades cannot be queried ({refusal})") from None
    raise BrokerUnavailable(f"its trades do not end within {MOST_PAGES * MOST_TRADES:,}")


def _page_from(
    endpoints: OrderEndpoints, order: Order, wanted: tuple[Json, int], client: Any
) -> tuple[BrokerFill, ...]:
    reply, first = wanted
    return _executions(order, endpoints.trades_from(client, reply, first))


def _executions(order: Order, told: Sequence[Json]) -> tuple[BrokerFill, ...]:
    return tuple(_execution(order, trade) for trade in told)


def _execution(order: Order, reply: Json) -> BrokerFill:
    realised = reply.get("realizedPnl")
    return BrokerFill(
        order_id=order.order_id,
        trade_id=str(reply["id"]),
        symbol=order.symbol,
        executed_at=datetime.fromtimestamp(int(reply["time"]) / 1000, tz=UTC),
        # The field is isBuyer on spot, buyer on futures.
        side=Side.BUY if reply["isBuyer" if "isBuyer" in reply else "buyer"] else Side.SELL,
        quantity=amount(reply["qty"]),
        price=amount(reply["price"]),
        # The documentation shows the futures commission as a negative number.
        fee=abs(amount(reply["commission"])),
        fee_asset=str(reply["commissionAsset"]),
        realised=None if realised is None else amount(realised),
        # Only the realised profit moves a wallet on margin.
        amount=amount(reply["quoteQty"]) if realised is None and "quoteQty" in reply else None,
    )


def known(order: Order, state: OrderState, reason: str) -> Order:
    """Return the order in the state that the venue reports, with the reason."""
    return replace(order, state=state, reason=reason, code=None)


def unknown(order: Order, code: ReasonCode, reason: str) -> Order:
    """Return the order as of unknown outcome, with the reason as a code and in words."""
    return replace(order, state=OrderState.UNKNOWN, reason=reason, code=code)


def plain(quantity: Decimal) -> str:
    """Return the quantity without exponent and trailing zeros, as venues read it.

    >>> plain(Decimal("0.500000000000")), plain(Decimal("1E+2"))
    ('0.5', '100')
    """
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
