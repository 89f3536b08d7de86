"""Order and trade history of a symbol at a testnet since an instant, to find traces of an order.

Both are queried in spans no longer than the venue allows:
https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints and
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/All-Orders
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from exchange.brokers.amounts import amount
from exchange.brokers.binance_orders import Json, OrderEndpoints
from exchange.brokers.error_codes import VenueRefusal
from exchange.brokers.testnet_session import TestnetSession
from exchange.ports import BrokerUnavailable, ListedOrder, VenueOrder, VenueTrade

Found = TypeVar("Found", ListedOrder, VenueTrade)

_PAGE_ROWS = 1_000
#: Most answers that are read; a span without orders or trades takes one.
_MOST_PAGES = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def orders_since(
    session: TestnetSession, endpoints: OrderEndpoints, symbol: str, since: datetime
) -> tuple[ListedOrder, ...]:
    """Return the open orders, and all orders at `since` or later. Raises BrokerUnavailable."""
    listed = {
        order.venue.venue_order_id: order for page in _order_pages(session, endpoints, symbol, since) for order in page
    }
    return tuple(listed.values())


def trades_since(
    session: TestnetSession, endpoints: OrderEndpoints, symbol: str, since: datetime
) -> tuple[VenueTrade, ...]:
    """Return all trades at `since` or later, oldest first. Raises BrokerUnavailable."""
    pages = _spans(session, (endpoints.all_trades, endpoints.longest_span), (symbol, since), _trade)
    found = {trade.trade_id: trade for page in pages for trade in page}
    return tuple(found.values())


def all_trades(session: TestnetSession, endpoints: OrderEndpoints, symbol: str) -> tuple[VenueTrade, ...]:
    """Return every trade of the symbol that the venue reports, oldest first. Raises BrokerUnavailable."""
    found: dict[str, VenueTrade] = {}
    first = 0
    for _ in range(_MOST_PAGES):
        query = {"symbol": symbol, "fromId": first, "limit": _PAGE_ROWS}
        page = _queried(session, partial(_read, endpoints.all_trades, _trade, query))
        found |= {trade.trade_id: trade for trade in page}
        if len(page) < _PAGE_ROWS:
            return tuple(found.values())
        first = max(first, *(int(trade.trade_id) for trade in page)) + 1
    raise BrokerUnavailable(f"the trades of {symbol} do not end; try again later")


def _order_pages(
    session: TestnetSession, endpoints: OrderEndpoints, symbol: str, since: datetime
) -> Iterator[Sequence[ListedOrder]]:
    yield _queried(session, lambda client: [_listed(order) for order in endpoints.open_orders(client, symbol)])
    yield from _spans(session, (endpoints.all_orders, endpoints.longest_span), (symbol, since), _listed)


def _spans(
    session: TestnetSession,
    ask: tuple[Callable[[Any, Json], Sequence[Json]], timedelta],
    wanted: tuple[str, datetime],
    read: Callable[[Json], Found],
) -> Iterator[Sequence[Found]]:
    """Yield the pages of one span after another, up to the venue's current time; rows on a border come twice."""
    question, longest = ask
    symbol, since = wanted
    start, until = milliseconds(since), milliseconds(session.now())
    for _ in range(_MOST_PAGES):
        end = min(start + longest // _MILLISECOND, until)
        # The last span has no end, so that rows that arrive meanwhile are not missed.
        query = {"symbol": symbol, "startTime": start, "limit": _PAGE_ROWS} | ({"endTime": end} if end < until else {})
        page = _queried(session, partial(_read, question, read, query))
        yield page
        if len(page) >= _PAGE_ROWS:
            # A full page ends within the span: the next one starts where it ended.
            start = max(milliseconds(_instant(page[-1])), start + 1)
        elif end >= until:
            return
        else:
            start = end
    raise BrokerUnavailable(f"the history of {symbol} since {since:%Y-%m-%d} does not end; try again later")


def _read(
    question: Callable[[Any, Json], Sequence[Json]], read: Callable[[Json], Found], query: Json, client: Any
) -> list[Found]:
    return [read(row) for row in question(client, query)]


def _queried(session: TestnetSession, question: Callable[[Any], Sequence[Found]]) -> Sequence[Found]:
    try:
        return session.ask(question)
    except VenueRefusal as refusal:
        raise BrokerUnavailable(f"orders and trades cannot be queried ({refusal}); try again later") from None


def _listed(reply: Json) -> ListedOrder:
    at = datetime.fromtimestamp(int(reply["time"]) / 1000, tz=UTC)
    return ListedOrder(
        order_id=str(reply["clientOrderId"]), venue=VenueOrder(venue_order_id=str(reply["orderId"]), transacted_at=at)
    )


def _trade(reply: Json) -> VenueTrade:
    quantity = amount(reply["qty"])
    return VenueTrade(
        venue_order_id=str(reply["orderId"]),
        trade_id=str(reply["id"]),
        symbol=str(reply["symbol"]),
        executed_at=datetime.fromtimestamp(int(reply["time"]) / 1000, tz=UTC),
        # The field is isBuyer on spot, buyer on futures.
        signed_quantity=quantity if reply["isBuyer" if "isBuyer" in reply else "buyer"] else -quantity,
    )


def _instant(found: ListedOrder | VenueTrade) -> datetime:
    return found.venue.transacted_at if isinstance(found, ListedOrder) else found.executed_at


def milliseconds(instant: datetime) -> int:
    """Return the instant as the venue states it: in milliseconds since 1970."""
    return (instant - _EPOCH) // _MILLISECOND
