"""A whole fake exchange without a socket: spot and USD-M futures over one clock, one set of keys and one set of faults.

It follows Binance's documentation, not any client of it; every module beside it cites the page it follows.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from testing.exchange.access import (
    Clock,
    Refusal,
    SetClock,
    check_key,
    check_signature,
    check_time,
    milliseconds,
)
from testing.exchange.book import ZERO, Book
from testing.exchange.delays import Delays
from testing.exchange.faults import ACCEPTED, BAD_GATEWAY, LATE, OF_ORDERS, Fault, Faults, Kind
from testing.exchange.filters import Listing, futures_rules, spot_rules
from testing.exchange.futures.positions import FuturesAccount
from testing.exchange.futures.venue import FuturesVenue
from testing.exchange.orders import Order, OrderBooks
from testing.exchange.parameters import Parameters
from testing.exchange.routes import Route
from testing.exchange.spot.account import SpotAccount
from testing.exchange.spot.venue import SpotVenue

_JSON = {"Content-Type": "application/json;charset=UTF-8"}
KEY, SECRET = "k" * 64, "s" * 64
_UNKNOWN = "execution status unknown."
# What each failure looks like that has an answer at all: status, code, message.
_ANSWERS = {
    Kind.TIMEOUT: (408, -1007, "Timeout waiting for response from backend server. Send status unknown; " + _UNKNOWN),
    Kind.UNEXPECTED: (500, -1006, "An unexpected response was received from the message bus. E" + _UNKNOWN[1:]),
    Kind.BUSY_ACCEPTED: (503, -1008, "Server is currently overloaded with other requests. Please try again later."),
    Kind.UNKNOWN_ERROR: (503, -1000, "Unknown error, please check your request or try again later."),
    # No code is documented for it.
    Kind.UNAVAILABLE: (503, 0, "Service Unavailable."),
    Kind.DISCONNECTED: (503, -1001, "Internal error; unable to process your request. Please try again."),
    Kind.SKEWED: (400, -1021, "Timestamp for this request is outside of the recvWindow."),
}
_ANSWERS[Kind.TIMEOUT_ACCEPTED] = _ANSWERS[Kind.TIMEOUT_LATE] = _ANSWERS[Kind.TIMEOUT]
_ANSWERS[Kind.UNEXPECTED_ACCEPTED] = _ANSWERS[Kind.UNEXPECTED]
_ANSWERS[Kind.UNKNOWN_ERROR_ACCEPTED] = _ANSWERS[Kind.UNKNOWN_ERROR]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: sent after `delay_s`, or, where `cut`, a connection that closes without a word."""

    status: int
    headers: Mapping[str, str]
    body: str
    delay_s: float = 0.0
    cut: bool = False


def spot_listings() -> list[Listing]:
    return [
        Listing("BTCUSDT", "BTC", "USDT", spot_rules()),
        Listing("ETHUSDT", "ETH", "USDT", spot_rules(step="0.00010000")),
    ]


def futures_listings() -> list[Listing]:
    return [
        Listing("BTCUSDT", "BTC", "USDT", futures_rules()),
        Listing("ETHUSDT", "ETH", "USDT", futures_rules(tick="0.01", least="20")),
    ]


@dataclass
class FakeExchange:
    """Spot and futures of one customer. Prices come from `quote`; nothing can be traded before the first one."""

    clock: Clock = field(default_factory=lambda: SetClock(datetime(2026, 1, 5, 0, 5, tzinfo=UTC)))
    spot_listed: Sequence[Listing] = field(default_factory=spot_listings)
    futures_listed: Sequence[Listing] = field(default_factory=futures_listings)
    spot_initial: Mapping[str, Decimal] = field(
        default_factory=lambda: {"USDT": Decimal(10_000), "BTC": Decimal(1), "ETH": Decimal(0)}
    )
    futures_initial: Decimal = Decimal(10_000)
    faults: Faults = field(default_factory=Faults)
    keys: Mapping[str, str] = field(default_factory=lambda: {KEY: SECRET})
    delays: Delays = field(init=False)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    accepted_orders: list[Order] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.delays = Delays(self.clock)
        #: Until when trades cannot be read.
        self._unread_until_ms = 0
        listed = {listing.symbol: listing for listing in self.spot_listed}
        books = {symbol: Book(listing, self.clock) for symbol, listing in listed.items()}
        orders = OrderBooks("spot", self.clock, self.accepted_orders, self.delays)
        self.spot = SpotVenue(self.clock, SpotAccount(self.spot_initial, listed), books, orders)
        books = {listing.symbol: Book(listing, self.clock) for listing in self.futures_listed}
        orders = OrderBooks("futures", self.clock, self.accepted_orders, self.delays)
        account = FuturesAccount(self.clock, books, self.futures_initial)
        self.futures = FuturesVenue(self.clock, account, books, orders)
        self._routes = self.spot.routes() | self.futures.routes()

    def quote(
        self,
        symbol: str,
        price: Decimal,
        *,
        depth: Decimal | None = None,
        levels: int = 1,
        half_spread: Decimal = ZERO,
    ) -> None:
        """Set the price of a symbol wherever it is listed; resting orders it reaches are filled.

        `depth` base units stand on each side, fresh with every call; None has no end.
        """
        self.delays.arrive()
        for venue in (self.spot, self.futures):
            if symbol in venue.books:
                book = venue.books[symbol]
                book.quote(price, depth, levels, half_spread)
                venue.orders.match_resting(book, venue.account)
        self.futures.liquidate()

    def fund(self, symbol: str, rate: Decimal) -> Decimal:
        """Settle the funding of a symbol; what the account received, negative where it paid."""
        paid = self.futures.fund(symbol, rate)
        self.futures.liquidate()
        return paid

    def reset(self) -> None:
        """Reset as the testnet does monthly: initial balances, no orders, no trades; keys and prices stay."""
        self.delays.arrive()
        self.delays.reset()
        for venue in (self.spot, self.futures):
            venue.account.reset()
            venue.orders.reset()
            venue.memory.reset()

    def accepted(self, client_id: str) -> list[Order]:
        """Every order ever accepted under this name, closed ones and ones before a reset too."""
        return [order for order in self.accepted_orders if order.client_id == client_id]

    def duplicates(self) -> dict[str, list[Order]]:
        """The names under which more than one order was accepted, over both venues and all resets."""
        named: dict[str, list[Order]] = {}
        for order in self.accepted_orders:
            named.setdefault(order.client_id, []).append(order)
        return {name: orders for name, orders in named.items() if len(orders) > 1}

    def handle(self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]) -> Answer:
        """The answer to one request, whose query and body are the exact text that was sent."""
        self.delays.arrive()
        fault = self.faults.next(method, path)
        if fault is None:
            return self._answered(method, path, query, body, headers)
        if fault.kind in LATE:
            self._forward(fault.late_s, method, path, query, body, headers)
            return self._failed(fault, path, None)
        if fault.kind in OF_ORDERS:
            self._delay(fault)
        carried = self._answered(method, path, query, body, headers) if fault.kind in ACCEPTED else None
        return self._failed(fault, path, carried)

    def _delay(self, fault: Fault) -> None:
        """Report what is accepted next late, or hide its trades for a while."""
        if fault.kind == Kind.TRADES_UNREAD:
            self._unread_until_ms = milliseconds(self.clock.server()) + int(fault.late_s * 1000)
        else:
            self.delays.next_s = fault.late_s

    def _forward(
        self, late_s: float, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> None:
        """Pass an allowed request to the engine so much later; its answer reaches nobody."""

        def engine() -> None:
            with suppress(Refusal):
                route.answer(sent)

        with suppress(Refusal):
            route, sent = self._allowed(method, path, query, body, headers)
            self.delays.forward(late_s, engine)

    def call(self, method: str, path: str, **sent: object) -> Any:
        """The content of an answer to a well-signed request that meets no fault; where it is an error, it is raised.

        For a test to ask what is so, while faults wait for the client. It weighs as any request does.
        """
        stamped = {**sent, "timestamp": milliseconds(self.clock.server())}
        text = urlencode(stamped)
        key, secret = next(iter(self.keys.items()))
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        answer = self._answered(method, path, f"{text}&signature={signature}", "", {"X-MBX-APIKEY": key})
        content = json.loads(answer.body)
        if answer.status != 200:
            raise Refusal(content["code"], content["msg"], status=answer.status, headers=answer.headers)
        return content

    def _answered(self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]) -> Answer:
        if (method, path) not in self._routes:
            return Answer(404, {}, "<html><body><h2>404 Not found</h2></body></html>")
        venue = self._venue(path)
        try:
            route, sent = self._allowed(method, path, query, body, headers)
            if path.endswith("Trades") and milliseconds(self.clock.server()) < self._unread_until_ms:
                return _web_page(502, BAD_GATEWAY)
            content = json.dumps(route.answer(sent))
        except Refusal as refusal:
            return self._refused(refusal, venue)
        told = _JSON | venue.requests.headers()
        if method == "POST" and path.endswith("/order"):
            told |= venue.order_limits.headers()
        return Answer(200, told, content)

    def _allowed(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> tuple[Route, Parameters]:
        route, sent = self._routes[method, path], Parameters.read(query, body)
        self.asked.append((method, path, sent.values))
        self._venue(path).requests.spend(route.weighs(sent), milliseconds(self.clock.server()))
        if route.signed:
            self._admit(route, sent, query, body, headers)
        return route, sent

    def _refused(self, refusal: Refusal, venue: SpotVenue | FuturesVenue) -> Answer:
        told = _JSON | venue.requests.headers() | refusal.headers
        return Answer(refusal.status, told, json.dumps({"code": refusal.code, "msg": refusal.message}))

    def _admit(self, route: Route, sent: Parameters, query: str, body: str, headers: Mapping[str, str]) -> None:
        secret = check_key(self.keys, headers)
        check_signature(secret, sent.values.get("signature", ""), query, body)
        check_time(sent.values, milliseconds(self.clock.server()))
        sent.check_names(route.names)

    def _venue(self, path: str) -> SpotVenue | FuturesVenue:
        return self.spot if path.startswith("/api/") else self.futures

    def _failed(self, fault: Fault, path: str, carried: Answer | None) -> Answer:
        kind, venue = fault.kind, self._venue(path)
        server_ms = milliseconds(self.clock.server())
        if kind in (Kind.CUT, Kind.CUT_ACCEPTED, Kind.CUT_LATE, Kind.CUT_BEHIND):
            return Answer(0, {}, "", cut=True)
        if kind in (Kind.STALLED, Kind.STALLED_LATE):
            return Answer(0, {}, "", delay_s=fault.delay_s, cut=True)
        if carried is not None and kind in (Kind.SLOW, Kind.BEHIND, Kind.TRADES_UNREAD):
            return replace(carried, delay_s=fault.delay_s) if kind == Kind.SLOW else carried
        if kind in (Kind.HTML, Kind.HTML_ACCEPTED):
            return _web_page(fault.status, fault.body)
        if kind == Kind.FORBIDDEN:
            return _web_page(403, "<html><head><title>403 Forbidden</title></head></html>")
        if kind == Kind.TOO_MANY:
            venue.requests.block(server_ms + fault.retry_after_s * 1000)
            return self._refused(venue.requests.too_many(server_ms), venue)
        if kind in (Kind.BANNED, Kind.BANNED_BY_TEXT):
            venue.requests.ban(server_ms)
            refusal = venue.requests.banned(server_ms)
            if kind == Kind.BANNED_BY_TEXT:
                # The futures' pages promise no header, but the text: errors.md, -1003.
                refusal.headers.clear()
            return self._refused(refusal, venue)
        if kind == Kind.BUSY:
            return self._refused(Refusal(-1008, venue.throttled, status=503), venue)
        status, code, message = _ANSWERS[kind]
        return self._refused(Refusal(code, message, status=status), venue)


def _web_page(status: int, text: str) -> Answer:
    """The answer of something on the way to the exchange, not of the exchange."""
    return Answer(status, {"Content-Type": "text/html"}, text)
