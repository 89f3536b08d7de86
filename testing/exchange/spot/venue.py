"""The fake exchange's spot venue (`/api/v3`): balances, orders and answers, as rest-api.md and errors.md describe them.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md
https://github.com/binance/binance-spot-api-docs/blob/master/errors.md
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from testing.exchange.access import Clock, OrderLimits, Refusal, RequestLimits, milliseconds
from testing.exchange.book import ZERO, Book, Level
from testing.exchange.delays import Memory
from testing.exchange.filters import Wish, broken_rule
from testing.exchange.orders import Order, OrderBooks
from testing.exchange.parameters import Parameters
from testing.exchange.routes import Json, Route
from testing.exchange.spot import answers
from testing.exchange.spot.account import SpotAccount

ORDER_NAMES = frozenset(
    {
        "symbol",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "quoteOrderQty",
        "price",
        "newClientOrderId",
        "newOrderRespType",
        "selfTradePreventionMode",
        "strategyId",
        "strategyType",
    }
)
DAY_MS = 86_400_000
ARCHIVED_AFTER_MS = 90 * DAY_MS
LEGAL_NAME = "^[a-zA-Z0-9-_]{1,36}$"


@dataclass
class SpotVenue:
    """The spot endpoints over one account."""

    clock: Clock
    account: SpotAccount
    books: Mapping[str, Book]
    orders: OrderBooks
    requests: RequestLimits = field(default_factory=lambda: RequestLimits(6000))
    order_limits: OrderLimits = field(
        default_factory=lambda: OrderLimits({"10S": (10_000, 100), "1D": (DAY_MS, 200_000)})
    )
    throttled: str = "Server is currently overloaded with other requests. Please try again in a few minutes."

    def __post_init__(self) -> None:
        self.memory = Memory[SpotAccount](self.clock)

    @property
    def shown(self) -> SpotAccount:
        """The account as it is told, which may be that of a while ago."""
        return self.memory.told(self.account)

    def routes(self) -> dict[tuple[str, str], Route]:
        """Every endpoint with its weight, alone and without a symbol, as rest-api.md lists them."""
        page = ("symbol", "orderId", "startTime", "endTime", "limit")
        which = ("symbol", "orderId", "origClientOrderId")
        table = {
            "GET ping": Route(lambda _: {}, 1, signed=False),
            "GET time": Route(lambda _: {"serverTime": self.now_ms}, 1, signed=False),
            "GET exchangeInfo": Route(lambda sent: answers.information(self, sent), 20, signed=False),
            "GET ticker/price": Route(lambda sent: answers.prices(self, sent), 2, 4, signed=False),
            "GET ticker/bookTicker": Route(lambda sent: answers.tops(self, sent), 2, 4, signed=False),
            "GET avgPrice": Route(lambda sent: answers.average(self, sent), 2, signed=False),
            "GET account": Route(lambda sent: answers.account(self, sent), 20, names=("omitZeroBalances",)),
            "GET account/commission": Route(lambda sent: answers.commission(self, sent), 20, names=("symbol",)),
            "POST order": Route(self._order, 1, names=ORDER_NAMES),
            "POST order/test": Route(self._test, 1, names=ORDER_NAMES),
            "GET order": Route(self._query, 4, names=which),
            "DELETE order": Route(self._cancel, 1, names=(*which, "newClientOrderId")),
            "GET openOrders": Route(self._open, 6, 80, names=("symbol",)),
            "DELETE openOrders": Route(self._cancel_all, 1, names=("symbol",)),
            "GET allOrders": Route(lambda sent: answers.all_orders(self, sent), 20, names=page),
            "GET myTrades": Route(lambda sent: answers.trades(self, sent), 20, names=(*page, "fromId"), weight_order=5),
        }
        return {(line.split()[0], f"/api/v3/{line.split()[1]}"): route for line, route in table.items()}

    @property
    def now_ms(self) -> int:
        return milliseconds(self.clock.server())

    def book(self, sent: Parameters) -> Book:
        book = self.books.get(sent.text("symbol"))
        if book is None:
            raise Refusal(-1121, "Invalid symbol.")
        return book

    def _order(self, sent: Parameters) -> Json:
        order, levels = self._checked(sent)
        default = "FULL" if order.type in ("MARKET", "LIMIT") else "ACK"
        kind = sent.option("newOrderRespType", default)
        if kind not in ("ACK", "RESULT", "FULL"):
            raise Refusal(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        order.lags = self.orders.delays.lags()
        self.memory.keep(self.account.copied, order.lags.balances_ms)
        self.account.hold(order, _needed(order, levels))
        self.orders.accept(order)
        self.order_limits.add(1)
        self.orders.execute(order, self.books[order.symbol], self.account, levels)
        if order.executed:
            # Orders that trade do not count: faqs/order_count_decrement.md.
            self.order_limits.add(-1)
        return answers.new_order(order, kind)

    def _test(self, sent: Parameters) -> Json:
        self._checked(sent)
        return {}

    def _checked(self, sent: Parameters) -> tuple[Order, list[Level]]:
        """The order as it may be accepted and what it takes at once; refused before anything has changed."""
        book = self.book(sent)
        order = self._read(sent, book)
        self.order_limits.check(self.now_ms)
        if book.listing.status != "TRADING":
            raise Refusal(-1013, "Market is closed.")
        broken = broken_rule(book.listing, self._wish(order, book))
        if broken is not None:
            raise Refusal(-1013, f"Filter failure: {broken[0]}")
        if self.orders.is_open(order.symbol, order.client_id):
            raise Refusal(-2010, "Duplicate order sent.")
        levels = book.reach(order.side, order.quantity, None if order.type == "MARKET" else order.price)
        if order.type == "LIMIT_MAKER" and levels:
            raise Refusal(-2010, "Order would immediately match and take.")
        if order.tif == "FOK" and sum((part for _, part in levels), ZERO) < order.quantity:
            levels = []
        return order, levels

    def _read(self, sent: Parameters, book: Book) -> Order:
        side = sent.choice("side", ("BUY", "SELL"), -1117, "Invalid side.")
        kind = sent.choice("type", ("LIMIT", "MARKET", "LIMIT_MAKER"), -1116, "Invalid orderType.")
        tif, price, quote = "GTC", ZERO, ZERO
        if kind == "MARKET":
            for name in ("price", "timeInForce"):
                if sent.has(name):
                    raise Refusal(-1106, f"Parameter '{name}' sent when not required.")
            if sent.has("quoteOrderQty"):
                quote = sent.amount("quoteOrderQty")
        else:
            price = sent.amount("price")
            if kind == "LIMIT":
                tif = sent.choice("timeInForce", ("GTC", "IOC", "FOK"), -1115, "Invalid timeInForce.")
        quantity = book.affordable(side, quote) if quote else sent.amount("quantity")
        name = sent.option("newClientOrderId", f"generated{len(self.orders.accepted):013d}")
        if not re.fullmatch(r"[a-zA-Z0-9\-_]{1,36}", name):
            text = f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{LEGAL_NAME}'."
            raise Refusal(-1100, text)
        return Order(
            client_id=name,
            venue="spot",
            symbol=book.listing.symbol,
            side=side,
            type=kind,
            tif=tif,
            quantity=quantity,
            price=price,
            quote_quantity=quote,
            time_ms=self.now_ms,
            era=self.orders.era,
        )

    def _wish(self, order: Order, book: Book) -> Wish:
        return Wish(
            side=order.side,
            market=order.type == "MARKET",
            quantity=order.quantity,
            price=order.price,
            average=book.average(),
            last=book.last,
            open_orders=len(self.orders.open_orders(order.symbol)),
        )

    def _query(self, sent: Parameters) -> Json:
        symbol = self.book(sent).listing.symbol
        order = self.orders.told(symbol, *sent.which())
        if order is None:
            raise Refusal(-2013, "Order does not exist.")
        dead = order.status in ("CANCELED", "EXPIRED") and not order.executed
        if dead and self.now_ms - order.update_ms > ARCHIVED_AFTER_MS:
            text = "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
            raise Refusal(-2026, text)
        return answers.order(order)

    def _cancel(self, sent: Parameters) -> Json:
        symbol = self.book(sent).listing.symbol
        order = self.orders.find_open(symbol, *sent.which())
        return self._cancelled(order, sent.option("newClientOrderId", f"cancel{order.id}"))

    def _cancel_all(self, sent: Parameters) -> Json:
        opened = self.orders.open_orders(self.book(sent).listing.symbol)
        if not opened:
            raise Refusal(-2011, "Unknown order sent.")
        return [self._cancelled(order, f"cancel{order.id}") for order in opened]

    def _cancelled(self, order: Order, name: str) -> Json:
        self.orders.mark(order, "CANCELED")
        self.account.close(order)
        return answers.cancelled(order, name)

    def _open(self, sent: Parameters) -> Json:
        symbol = self.book(sent).listing.symbol if sent.has("symbol") else ""
        return [answers.order(order) for order in self.orders.listed_open(symbol)]


def _needed(order: Order, levels: list[Level]) -> Decimal:
    if order.side == "SELL":
        return order.quantity
    if order.type == "MARKET":
        return sum((price * part for price, part in levels), ZERO)
    return order.price * order.quantity
