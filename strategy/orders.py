"""Orders and fills: what the ledger remembers and brokers speak of."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from strategy.money import quantised, whole_lots


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"


class OrderState(StrEnum):
    """Where an order is in its life."""

    INTENDED = "intended"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


#: States in which an order may still trade.
OPEN_STATES = frozenset(
    {OrderState.INTENDED, OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A market order decided at the close of `as_of`, to be filled at the open of the symbol's next bar."""

    order_id: str
    symbol: str
    as_of: date
    side: Side
    quantity: Decimal
    state: OrderState = OrderState.INTENDED
    reason: str = ""

    def __post_init__(self) -> None:
        if self.quantity < 0:
            raise ValueError(f"{self.order_id}: quantity is {self.quantity}; the side carries the sign")

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade: `price` includes slippage, `fee` is paid in cash besides. Natural key: (order_id, trade_id)."""

    order_id: str
    trade_id: str
    symbol: str
    as_of: date
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity


def client_order_id(account: str, strategy: str, symbol: str, as_of: date, attempt: int = 1) -> str:
    """The order id that the same intent always gets: at most 36 characters that any venue takes.

    >>> client_order_id("daily", "turbo", "SPY", date(2020, 1, 2))
    'tdmt-f65b9c475369935bde69d47e'
    """
    digest = sha256(f"{account}|{strategy}|{symbol}|{as_of.isoformat()}|{attempt}".encode()).hexdigest()
    return f"tdmt-{digest[:24]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a decision asks of one position: hold `exposure` × equity of the symbol, at the close `mark`."""

    symbol: str
    exposure: Decimal
    mark: Decimal
    held: Decimal
    lot: Decimal


def plan_order(target: Target, equity: Decimal, as_of: date, order_id: str) -> Order | None:
    """The order that moves the position to its target, rounded down to whole lots; None if nothing is to be changed.

    A change smaller than one lot gives a SKIPPED order, so that the reason can be read later.

    >>> order = plan_order(
    ...     Target(symbol="SPY", exposure=Decimal("0.5"), mark=Decimal(100), held=Decimal(10), lot=Decimal(1)),
    ...     Decimal(10_000), date(2020, 1, 2), "a",
    ... )
    >>> order.side, order.quantity
    (<Side.BUY: 'buy'>, Decimal('40.000000000000'))
    """
    change = quantised(target.exposure * equity / target.mark) - target.held
    if not change:
        return None
    quantity = abs(whole_lots(change, target.lot))
    return Order(
        order_id=order_id,
        symbol=target.symbol,
        as_of=as_of,
        side=Side.BUY if change > 0 else Side.SELL,
        quantity=quantity,
        state=OrderState.INTENDED if quantity else OrderState.SKIPPED,
        reason="" if quantity else f"change of {abs(change):f} is below one lot of {target.lot:f}",
    )
