"""The fake exchange's futures account: one wallet in USDT, one-way positions, cross margin, funding and its income.

https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/Get-Income-History
https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/Account-Information-V2
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from testing.exchange.access import Clock, Refusal, milliseconds
from testing.exchange.book import ZERO, Book, Level
from testing.exchange.filters import DIGIT
from testing.exchange.orders import Order, Trade

ASSET = "USDT"


@dataclass(slots=True)
class Position:
    """The position in one symbol; `cost` is the signed sum of price × quantity that stands for it, kept exactly."""

    leverage: int
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    update_ms: int = 0

    @property
    def entry(self) -> Decimal:
        return self.cost / self.amount if self.amount else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """One flow of the wallet; `number` is unique within its kind."""

    symbol: str
    kind: str
    amount: Decimal
    time_ms: int
    number: int
    trade_id: str = ""


@dataclass
class FuturesAccount:
    """The wallet and what stands against it. Marks are the books' last prices.

    While positions stand, their gains may carry a wallet below zero; the margin balance never stays there.
    """

    clock: Clock
    books: Mapping[str, Book]
    initial: Decimal
    leverage: int = 20
    taker_rate: Decimal = Decimal("0.0005")
    maker_rate: Decimal = Decimal("0.0002")
    maintenance_rate: Decimal = Decimal("0.004")
    wallet: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    income: list[Income] = field(default_factory=list)
    held: dict[int, Order] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.wallet = self.initial
        self.positions = {symbol: Position(self.leverage) for symbol in self.books}
        self.income.clear()
        self.held.clear()

    def copied(self) -> "FuturesAccount":
        """Return the wallet and positions as they are now, which nothing but prices changes any more."""
        past = copy(self)
        past.positions = {symbol: copy(position) for symbol, position in self.positions.items()}
        past.income, past.held = list(self.income), dict(self.held)
        return past

    def unrealized(self, symbol: str) -> Decimal:
        position = self.positions[symbol]
        return position.amount * self.books[symbol].last - position.cost

    def margin(self, symbol: str, amount: Decimal | None = None) -> Decimal:
        """The initial margin of the position, or of another amount of the symbol."""
        position = self.positions[symbol]
        amount = position.amount if amount is None else amount
        return abs(amount) * self.books[symbol].last / position.leverage

    def order_margin(self, symbol: str = "") -> Decimal:
        """The initial margin of the resting orders that do not only reduce."""
        resting = [order for order in self.held.values() if symbol in ("", order.symbol) and not order.reduce_only]
        return sum((order.price * order.left / self.positions[order.symbol].leverage for order in resting), ZERO)

    def balance(self) -> Decimal:
        """The margin balance: the wallet with what the positions have gained."""
        return self.wallet + sum((self.unrealized(symbol) for symbol in self.positions), ZERO)

    def available(self) -> Decimal:
        used = sum((self.margin(symbol) for symbol in self.positions), self.order_margin())
        return max(self.balance() - used, ZERO)

    def maintenance(self) -> Decimal:
        values = (abs(held.amount) * self.books[symbol].last for symbol, held in self.positions.items())
        return sum(values, ZERO) * self.maintenance_rate

    def admit(self, order: Order, levels: list[Level]) -> None:
        """Nothing when the margin suffices for all of the order at once, with its fee; -2019 otherwise."""
        amount = self.positions[order.symbol].amount
        after = amount + (order.quantity if order.side == "BUY" else -order.quantity)
        if order.reduce_only or abs(after) <= abs(amount):
            return
        cost = sum((price * part for price, part in levels), ZERO)
        reference = order.price * order.quantity if order.type != "MARKET" else cost
        more = self.margin(order.symbol, after) - self.margin(order.symbol)
        # A taker pays the spread on top of the margin, at once.
        worse = abs(cost - self.books[order.symbol].last * sum((part for _, part in levels), ZERO))
        if more + worse + reference * self.taker_rate > self.available():
            raise Refusal(-2019, "Margin is insufficient.")

    def hold(self, order: Order) -> None:
        self.held[order.id] = order

    def settle(self, order: Order, trade: Trade) -> None:
        """Book one fill: the part that closes realizes its profit, the commission is paid in USDT."""
        position = self.positions[order.symbol]
        signed = trade.quantity if trade.side == "BUY" else -trade.quantity
        closed = min(abs(signed), abs(position.amount)) if signed * position.amount < 0 else ZERO
        if closed:
            # Rounded once, and taken from the cost by the same digits: nothing is lost between the two.
            share = (
                position.cost
                if closed == abs(position.amount)
                else _digit(position.cost * closed / abs(position.amount))
            )
            proceeds = trade.price * closed * (1 if position.amount > 0 else -1)
            trade.realized = proceeds - share
            position.cost -= share
        opened = signed if not closed else signed + closed * (1 if position.amount > 0 else -1)
        position.cost += opened * trade.price
        position.amount += signed
        position.update_ms = trade.time_ms
        trade.commission_asset = ASSET
        trade.commission = _digit(trade.price * trade.quantity * (self.maker_rate if trade.maker else self.taker_rate))
        if closed:
            self._earn(order.symbol, "REALIZED_PNL", trade.realized, trade.time_ms, str(trade.id))
        self._earn(order.symbol, "COMMISSION", -trade.commission, trade.time_ms, str(trade.id))

    def close(self, order: Order) -> None:
        self.held.pop(order.id, None)

    def fund(self, symbol: str, rate: Decimal, time_ms: int | None = None) -> Decimal:
        """Return what the position pays (negative) or receives at this funding rate: longs pay where it is positive.

        The entry bears `time_ms`, the stamp of the venue's payment; without it the time of the server.
        """
        paid = _digit(-self.positions[symbol].amount * self.books[symbol].last * rate)
        if self.positions[symbol].amount:
            self._earn(symbol, "FUNDING_FEE", paid, self._now_ms if time_ms is None else time_ms)
        return paid

    def cover(self) -> None:
        """Let the insurance fund pay what a liquidation left below zero."""
        if self.wallet < 0:
            self._earn("", "INSURANCE_CLEAR", -self.wallet, self._now_ms)

    @property
    def _now_ms(self) -> int:
        return milliseconds(self.clock.server())

    def _earn(self, symbol: str, kind: str, amount: Decimal, time_ms: int, trade_id: str = "") -> None:
        self.wallet += amount
        self.income.append(
            Income(
                symbol=symbol,
                kind=kind,
                amount=amount,
                time_ms=time_ms,
                number=len(self.income) + 1,
                trade_id=trade_id,
            )
        )


def _digit(amount: Decimal) -> Decimal:
    return amount.quantize(DIGIT, ROUND_HALF_EVEN)
