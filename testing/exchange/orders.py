"""The fake exchange's orders and trades: what was accepted, what became of it, and every way to ask for it."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from testing.exchange.access import Clock, Refusal, milliseconds
from testing.exchange.book import ZERO, Book, Level
from testing.exchange.delays import NONE, Delays, Lags

OPEN = ("NEW", "PARTIALLY_FILLED")


@dataclass(slots=True, kw_only=True)
class Trade:
    """One fill: quantities positive, the commission in its own asset, the profit realized on futures."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    maker: bool
    time_ms: int
    commission: Decimal = ZERO
    commission_asset: str = ""
    realized: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class Order:
    """One accepted order. `era` counts the resets before it, so that a number used again is told apart."""

    client_id: str
    venue: str
    symbol: str
    side: str
    type: str
    tif: str
    quantity: Decimal
    price: Decimal
    time_ms: int
    era: int
    id: int = 0
    quote_quantity: Decimal = ZERO
    reduce_only: bool = False
    status: str = "NEW"
    executed: Decimal = ZERO
    spent: Decimal = ZERO
    held: Decimal = ZERO
    update_ms: int = 0
    trades: list[Trade] = field(default_factory=list)
    lags: Lags = NONE

    @property
    def left(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def open(self) -> bool:
        return self.status in OPEN


class Account(Protocol):
    """Where the money of one venue is."""

    def settle(self, order: Order, trade: Trade) -> None:
        """Book one fill; tells the trade its commission."""

    def close(self, order: Order) -> None:
        """Let go what an order that is open no more still holds."""


@dataclass
class OrderBooks:
    """Every order and trade of one venue, by number and by the client's name; a reset empties it, `accepted` stays."""

    venue: str
    clock: Clock
    accepted: list[Order]
    delays: Delays
    era: int = 0
    orders: dict[int, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    _named: dict[tuple[str, str], list[Order]] = field(default_factory=dict)
    _open: dict[int, Order] = field(default_factory=dict)

    def reset(self) -> None:
        """Start from blank, numbers included, as the testnet does.

        https://github.com/binance/binance-spot-api-docs/blob/master/testnet/general-info.md
        """
        self.era += 1
        for kept in (self.orders, self.trades, self._named, self._open):
            kept.clear()

    def open_orders(self, symbol: str = "") -> list[Order]:
        return [order for order in self._open.values() if symbol in ("", order.symbol)]

    def is_open(self, symbol: str, client_id: str) -> bool:
        return any(order.open for order in self._named.get((symbol, client_id), ()))

    def accept(self, order: Order) -> None:
        """Enter a new order; its number is given here."""
        order.id = len(self.orders) + 1
        order.update_ms = order.time_ms
        self.orders[order.id] = self._open[order.id] = order
        self._named.setdefault((order.symbol, order.client_id), []).append(order)
        self.accepted.append(order)

    def execute(self, order: Order, book: Book, account: Account, levels: list[Level]) -> None:
        """Take these levels for a new order; what is left of it rests or, as its type has it, expires."""
        book.take(order.side, levels)
        for price, quantity in levels:
            account.settle(order, self._fill(order, price, quantity, maker=False))
        if order.open and (order.type == "MARKET" or order.tif in ("IOC", "FOK")):
            self.mark(order, "EXPIRED")
        if not order.open:
            account.close(order)

    def match_resting(self, book: Book, account: Account) -> None:
        """Fill the resting orders that the market has come to, oldest first, each at its own price."""
        for order in self.open_orders(book.listing.symbol):
            levels = book.reach(order.side, order.left, order.price)
            book.take(order.side, levels)
            for _, quantity in levels:
                account.settle(order, self._fill(order, order.price, quantity, maker=True))
            if not order.open:
                account.close(order)

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, maker: bool) -> Trade:
        trade = Trade(
            id=len(self.trades) + 1,
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            maker=maker,
            time_ms=milliseconds(self.clock.server()),
        )
        self.trades.append(trade)
        order.trades.append(trade)
        order.executed += quantity
        order.spent += price * quantity
        self.mark(order, "FILLED" if order.left == 0 else "PARTIALLY_FILLED")
        return trade

    def mark(self, order: Order, status: str) -> None:
        order.status, order.update_ms = status, milliseconds(self.clock.server())
        if not order.open:
            self._open.pop(order.id, None)

    def find(self, symbol: str, number: int | None, client_id: str | None) -> Order | None:
        """The order by number, else the newest one of that name; a number goes first where both are sent."""
        if number is not None:
            order = self.orders.get(number)
            return order if order is not None and order.symbol == symbol else None
        return next(reversed(self._named.get((symbol, client_id or ""), [])), None)

    def find_open(self, symbol: str, number: int | None, client_id: str | None) -> Order:
        """Return the open order to be cancelled; raise -2011 where there is none.

        https://github.com/binance/binance-spot-api-docs/blob/master/errors.md tells so of CANCEL_REJECTED.
        """
        order = self.find(symbol, number, client_id)
        if order is None or not order.open:
            raise Refusal(-2011, "Unknown order sent.")
        return order

    def told(self, symbol: str, number: int | None, client_id: str | None) -> Order | None:
        """Return the order as `find` does, unless it is not told of yet."""
        order = self.find(symbol, number, client_id)
        return order if order is not None and order.lags.order_ms <= self._now_ms else None

    def listed_open(self, symbol: str = "") -> list[Order]:
        """Return the open orders, but those that are not told of yet."""
        return [order for order in self.open_orders(symbol) if order.lags.lists_ms <= self._now_ms]

    @property
    def _now_ms(self) -> int:
        return milliseconds(self.clock.server())

    def page(self, symbol: str, first: int | None, span: tuple[int | None, int | None], limit: int) -> list[Order]:
        """The orders of a symbol from a number on, or made within a span, or the most recent ones; oldest first."""
        now_ms = self._now_ms
        orders = [order for order in self.orders.values() if order.symbol == symbol and order.lags.lists_ms <= now_ms]
        return _page(orders, [(order.id, order.time_ms) for order in orders], first, span, limit)

    def trade_page(
        self, symbol: str, first: int | None, span: tuple[int | None, int | None], limit: int, order_id: int | None
    ) -> list[Trade]:
        """The trades of a symbol, or of one order of it, chosen as `page` chooses orders."""
        if order_id is not None:
            order = self.orders.get(order_id)
            found = order.trades if order is not None else []
        else:
            found = self.trades
        now_ms = self._now_ms
        trades = [
            trade for trade in found if trade.symbol == symbol and self.orders[trade.order_id].lags.trades_ms <= now_ms
        ]
        return _page(trades, [(trade.id, trade.time_ms) for trade in trades], first, span, limit)


def _page(
    items: list[Any], marks: list[tuple[int, int]], first: int | None, span: tuple[int | None, int | None], limit: int
) -> list[Any]:
    start_ms, end_ms = span
    chosen = [
        item
        for item, (number, moment) in zip(items, marks, strict=True)
        if number >= (first or 0) and moment >= (start_ms or 0) and (end_ms is None or moment <= end_ms)
    ]
    return chosen[:limit] if first is not None or start_ms is not None else chosen[-limit:] if limit else []
