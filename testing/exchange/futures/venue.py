"""The fake exchange's USD-M futures venue (`/fapi/v1|v2|v3`): orders, leverage and answers, in one-way mode.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api
https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from testing.exchange.access import Clock, OrderLimits, Refusal, RequestLimits, milliseconds
from testing.exchange.book import ZERO, Book, Level
from testing.exchange.delays import Memory
from testing.exchange.futures import account as told
from testing.exchange.futures import answers
from testing.exchange.futures.orders import ORDER_NAMES, check_rules, read_order
from testing.exchange.futures.positions import FuturesAccount
from testing.exchange.orders import Order, OrderBooks
from testing.exchange.parameters import Parameters
from testing.exchange.routes import Json, Route

DAY_MS = 86_400_000
FORGOTTEN_AFTER_MS = 3 * DAY_MS
KEPT_MS = 90 * DAY_MS


@dataclass
class FuturesVenue:
    """The futures endpoints over one account. `trade_commission_sign` is 1 or -1: see `answers.trade`."""

    clock: Clock
    account: FuturesAccount
    books: Mapping[str, Book]
    orders: OrderBooks
    requests: RequestLimits = field(default_factory=lambda: RequestLimits(2400))
    order_limits: OrderLimits = field(default_factory=lambda: OrderLimits({"10S": (10_000, 300), "1M": (60_000, 1200)}))
    dual: bool = False
    payments: list[answers.Payment] = field(default_factory=list)
    trade_commission_sign: int = 1
    throttled: str = (
        "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."
    )

    def __post_init__(self) -> None:
        self.memory = Memory[FuturesAccount](self.clock)

    @property
    def shown(self) -> FuturesAccount:
        """The account as it is told, which may be that of a while ago."""
        return self.memory.told(self.account)

    def routes(self) -> dict[tuple[str, str], Route]:
        """Every endpoint with its weight, alone and without a symbol, as its page tells it."""
        page = ("symbol", "orderId", "startTime", "endTime", "limit")
        which = ("symbol", "orderId", "origClientOrderId")
        table = {
            "GET v1/ping": Route(lambda _: {}, 1, signed=False),
            "GET v1/time": Route(lambda _: {"serverTime": self.now_ms}, 1, signed=False),
            "GET v1/exchangeInfo": Route(lambda _: answers.information(self), 1, signed=False),
            "GET v1/ticker/price": Route(lambda sent: answers.prices(self, sent), 1, 2, signed=False),
            "GET v2/ticker/price": Route(lambda sent: answers.prices(self, sent), 1, 2, signed=False),
            "GET v1/premiumIndex": Route(lambda sent: answers.marks(self, sent), 1, 10, signed=False),
            "GET v1/fundingRate": Route(lambda sent: answers.funding(self, sent), 1, signed=False),
            "GET v2/account": Route(lambda _: told.account_v2(self), 5),
            "GET v3/account": Route(lambda _: told.account_v3(self), 5),
            "GET v2/balance": Route(lambda _: told.balance(self), 5),
            "GET v3/balance": Route(lambda _: told.balance(self), 5),
            "GET v2/positionRisk": Route(lambda sent: told.positions_v2(self, sent), 5, names=("symbol",)),
            "GET v3/positionRisk": Route(lambda sent: told.positions_v3(self, sent), 5, names=("symbol",)),
            "GET v1/commissionRate": Route(lambda sent: answers.rates(self, sent), 20, names=("symbol",)),
            "POST v1/order": Route(self._order, 0, names=ORDER_NAMES),
            "POST v1/order/test": Route(self._test, 1, names=ORDER_NAMES),
            "GET v1/order": Route(self._query, 1, names=which),
            "DELETE v1/order": Route(self._cancel, 1, names=which),
            "GET v1/openOrders": Route(self._open, 1, 40, names=("symbol",)),
            "DELETE v1/allOpenOrders": Route(self._cancel_all, 1, names=("symbol",)),
            "GET v1/allOrders": Route(lambda sent: answers.all_orders(self, sent), 5, names=page),
            "GET v1/userTrades": Route(lambda sent: answers.trades(self, sent), 5, names=(*page, "fromId")),
            "GET v1/income": Route(lambda sent: answers.income(self, sent), 30, names=(*page, "incomeType", "page")),
            "POST v1/leverage": Route(self._leverage, 1, names=("symbol", "leverage")),
            "GET v1/positionSide/dual": Route(lambda _: {"dualSidePosition": self.dual}, 30),
            "POST v1/positionSide/dual": Route(self._dual, 1, names=("dualSidePosition",)),
        }
        return {(line.split()[0], f"/fapi/{line.split()[1]}"): route for line, route in table.items()}

    @property
    def now_ms(self) -> int:
        return milliseconds(self.clock.server())

    def book(self, sent: Parameters) -> Book:
        book = self.books.get(sent.text("symbol"))
        if book is None:
            raise Refusal(-1121, "Invalid symbol.")
        return book

    def fund(self, symbol: str, rate: Decimal) -> Decimal:
        """Return what the account receives (negative: pays) at this rate, which the venue's history keeps."""
        payment = answers.Payment(symbol=symbol, time_ms=self.now_ms, rate=rate, mark=self.books[symbol].last)
        self.payments.append(payment)
        return self.account.fund(symbol, rate, payment.time_ms)

    def liquidate(self) -> None:
        """Close every position at its mark once the maintenance margin is not covered.

        https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Order-Update:
        the name of such an order begins with `autoclose-`.
        """
        account = self.account
        if account.balance() > account.maintenance():
            return
        for order in self.orders.open_orders():
            self._end(order)
        for symbol, position in account.positions.items():
            if position.amount:
                order = self._forced(symbol, position.amount)
                self.orders.accept(order)
                endless = Book(self.books[symbol].listing, self.clock)
                endless.quote(self.books[symbol].last, None, 1, ZERO)
                levels = endless.reach(order.side, order.quantity, None)
                self.orders.execute(order, endless, account, levels)
        account.cover()

    def _forced(self, symbol: str, amount: Decimal) -> Order:
        return Order(
            client_id=f"autoclose-{self.now_ms}",
            venue="futures",
            symbol=symbol,
            side="SELL" if amount > 0 else "BUY",
            type="MARKET",
            tif="IOC",
            quantity=abs(amount),
            price=ZERO,
            time_ms=self.now_ms,
            era=self.orders.era,
        )

    def _order(self, sent: Parameters) -> Json:
        kind = sent.option("newOrderRespType", "ACK")
        if kind not in ("ACK", "RESULT"):
            raise Refusal(-1136, "Invalid newOrderRespType.")
        order, levels = self._checked(sent)
        order.lags = self.orders.delays.lags()
        self.memory.keep(self.account.copied, order.lags.balances_ms)
        self.account.admit(order, levels)
        self.orders.accept(order)
        self.order_limits.add(1)
        # ACK tells the order as it was entered, before it was matched, and is what comes by default.
        entered = answers.order(order)
        self.account.hold(order)
        self.orders.execute(order, self.books[order.symbol], self.account, levels)
        self.liquidate()
        return entered if kind == "ACK" else answers.order(order)

    def _test(self, sent: Parameters) -> Json:
        return answers.order(self._checked(sent)[0])

    def _checked(self, sent: Parameters) -> tuple[Order, list[Level]]:
        """The order as it may be accepted and what it takes at once; refused before anything has changed."""
        book = self.book(sent)
        order = read_order(sent, book, self.orders, self.dual)
        self.order_limits.check(self.now_ms)
        if book.listing.status != "TRADING":
            raise Refusal(-4141, "Symbol is closed")
        check_rules(order, book, len(self.orders.open_orders(order.symbol)))
        if self.orders.is_open(order.symbol, order.client_id):
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        wanted = order.quantity
        if order.reduce_only:
            amount = self.account.positions[order.symbol].amount
            reducible = max(amount if order.side == "SELL" else -amount, ZERO)
            if not reducible:
                raise Refusal(-2022, "ReduceOnly Order is rejected.")
            wanted = min(wanted, reducible)
        levels = book.reach(order.side, wanted, None if order.type == "MARKET" else order.price)
        if order.tif == "GTX" and levels:
            text = "Due to the order could not be executed as maker, the Post Only order will be rejected."
            raise Refusal(-5022, text)
        if order.tif == "FOK" and sum((part for _, part in levels), ZERO) < order.quantity:
            levels = []
        return order, levels

    def _query(self, sent: Parameters) -> Json:
        """One order; forgotten after 90 days, a dead unfilled one after three, as the page of Query Order says."""
        order = self.orders.told(self.book(sent).listing.symbol, *sent.which())
        if order is None or _forgotten(order, self.now_ms):
            raise Refusal(-2013, "Order does not exist.")
        return answers.order(order)

    def _cancel(self, sent: Parameters) -> Json:
        order = self.orders.find_open(self.book(sent).listing.symbol, *sent.which())
        return answers.order(self._end(order))

    def _cancel_all(self, sent: Parameters) -> Json:
        for order in self.orders.open_orders(self.book(sent).listing.symbol):
            self._end(order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _end(self, order: Order) -> Order:
        self.orders.mark(order, "CANCELED")
        self.account.close(order)
        return order

    def _open(self, sent: Parameters) -> Json:
        symbol = self.book(sent).listing.symbol if sent.has("symbol") else ""
        return [answers.order(order) for order in self.orders.listed_open(symbol)]

    def _leverage(self, sent: Parameters) -> Json:
        symbol, wanted = self.book(sent).listing.symbol, int(sent.amount("leverage", 0))
        if not 1 <= wanted <= 125:
            raise Refusal(-4028, f"Leverage {wanted} is not valid")
        self.account.positions[symbol].leverage = wanted
        return {"leverage": wanted, "maxNotionalValue": "1000000", "symbol": symbol}

    def _dual(self, sent: Parameters) -> Json:
        wanted = sent.text("dualSidePosition").lower() == "true"
        if wanted == self.dual:
            raise Refusal(-4059, "No need to change position side.")
        if self.orders.open_orders():
            raise Refusal(-4067, "Position side cannot be changed if there exists open orders.")
        if any(position.amount for position in self.account.positions.values()):
            raise Refusal(-4068, "Position side cannot be changed if there exists position.")
        self.dual = wanted
        return {"code": 200, "msg": "success"}


def _forgotten(order: Order, now_ms: int) -> bool:
    dead = order.status in ("CANCELED", "EXPIRED") and not order.executed
    return order.time_ms + (FORGOTTEN_AFTER_MS if dead else KEPT_MS) < now_ms
