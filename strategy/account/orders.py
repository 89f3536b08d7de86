"""Orders and fills: what the ledger remembers and brokers speak of."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from strategy.account.money import quantised, whole_lots
from strategy.market.instruments import Instrument


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


class ReasonCode(StrEnum):
    """Why an order stands or has ended as it does, for whoever decides by it; its `reason` says the same to people.

    Before it leaves. TOO_SMALL: the market takes no order of so little. HALTED: the account is halted, and it would not
    reduce a position. NOT_SENT: it was planned, and then not let out. OVERTAKEN: the broker was adopted before it left.

    Where the broker does not say what became of it. UNSEEN: it knows no such order, which may have arrived all the
    same. UNTOLD: it has the order, and does not tell its state or its trades. FORGOTTEN: it tells of no order that old.
    ABSENT: the order has ended, because order, open orders, all orders, trades and balances agreed that it is not
    there. ADOPTED: it was ended by an adoption, in whose balances is whatever it traded. NEVER_ARRIVED: how orders
    ended until 0.1 that the broker did not know.

    At its fill bar. DELISTED: the symbol has none. VOLUME: the bar's volume took only a part of it, or nothing.
    """

    TOO_SMALL = "too_small"
    HALTED = "halted"
    NOT_SENT = "not_sent"
    OVERTAKEN = "overtaken"
    UNSEEN = "unseen"
    UNTOLD = "untold"
    FORGOTTEN = "forgotten"
    ABSENT = "absent"
    ADOPTED = "adopted"
    NEVER_ARRIVED = "never_arrived"
    DELISTED = "delisted"
    VOLUME = "volume"


#: States in which an order may still trade.
OPEN_STATES = frozenset(
    {OrderState.INTENDED, OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}
)
#: How much of the most money of an order is used: by the price at which it is measured it may be worth more.
NOTIONAL_ROOM = Decimal("0.98")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A market order decided at the close of `as_of`, to be filled at the open of the symbol's next bar.

    `code` and `reason` say why it stands as it does, to the program and to people. `cut_by_halt`: the account was
    halted, and this is the part of what was decided that closes the position; so it stays, whatever becomes of it.
    `mark` is that close, whose unit is the quantity's (None: not known).
    """

    order_id: str
    symbol: str
    as_of: date
    side: Side
    quantity: Decimal
    state: OrderState = OrderState.INTENDED
    reason: str = ""
    code: ReasonCode | None = None
    cut_by_halt: bool = False
    mark: Decimal | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.quantity < 0:
            raise ValueError(f"{self.order_id}: quantity is {self.quantity}; the side carries the sign")

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade: `price` includes slippage, `fee` is paid in cash besides. Natural key: (order_id, trade_id).

    `amount` is the money that a broker outside booked for it; None where quantity times price is that.
    """

    order_id: str
    trade_id: str
    symbol: str
    as_of: date
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    amount: Decimal | None = field(default=None, compare=False)

    @property
    def paid(self) -> Decimal:
        """What was paid in cash, before the fee; negative where it was received."""
        if self.amount is None:
            return quantised(self.signed_quantity * self.price)
        return self.amount if self.side is Side.BUY else -self.amount

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity


def order_series(account: str, number: int, adopted_at: datetime) -> str:
    """Return what the order ids at a broker outside begin from: the account, and which of its adoptions it is.

    The instant of an adoption tells homes apart: what one of them has sent is never taken for another's.

    >>> order_series("daily", 2, datetime(2026, 1, 6, 0, 5, 0, 250))
    'daily|2|2026-01-06T00:05:00.000250'
    """
    return f"{account}|{number}|{adopted_at:%Y-%m-%dT%H:%M:%S.%f}"


def client_order_id(account: str, strategy: str, symbol: str, as_of: date, attempt: int = 1) -> str:
    """The order id that the same intent always gets: at most 36 characters that any venue takes.

    At a broker outside the series of the account's orders stands for `account`.

    >>> client_order_id("daily", "turbo", "SPY", date(2020, 1, 2))
    'tdmt-f65b9c475369935bde69d47e'
    """
    digest = sha256(f"{account}|{strategy}|{symbol}|{as_of.isoformat()}|{attempt}".encode()).hexdigest()
    return f"tdmt-{digest[:24]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a decision asks of one position: hold `exposure` × equity of the instrument, at the close `mark`."""

    instrument: Instrument
    exposure: Decimal
    mark: Decimal
    held: Decimal


def plan_order(target: Target, equity: Decimal, as_of: date, order_id: str) -> Order | None:
    """The order that moves the position to its target, rounded down to whole lots; None if nothing is to be changed.

    It is cut to the largest order that the market takes. A change below the least one, which is one lot at least,
    gives a SKIPPED order, so that the reason can be read later.

    >>> from strategy.market.instruments import Calendar
    >>> share = Instrument(symbol="SPY", calendar=Calendar.XNYS, lot=Decimal(1))
    >>> target = Target(instrument=share, exposure=Decimal("0.5"), mark=Decimal(100), held=Decimal(10))
    >>> order = plan_order(target, Decimal(10_000), date(2020, 1, 2), "a")
    >>> order.side, order.quantity
    (<Side.BUY: 'buy'>, Decimal('40.000000000000'))
    """
    change = quantised(target.exposure * equity / target.mark) - target.held
    if not change:
        return None
    instrument = target.instrument
    wanted = abs(change) if instrument.max_quantity is None else min(abs(change), instrument.max_quantity)
    if instrument.max_notional is not None:
        wanted = min(wanted, instrument.max_notional * NOTIONAL_ROOM / target.mark)
    quantity = whole_lots(wanted, instrument.lot)
    reason = too_small(quantity, quantity * target.mark, instrument)
    return Order(
        order_id=order_id,
        symbol=instrument.symbol,
        as_of=as_of,
        side=Side.BUY if change > 0 else Side.SELL,
        quantity=quantity,
        state=OrderState.SKIPPED if reason else OrderState.INTENDED,
        reason=reason and f"change of {abs(change):f} {reason}",
        code=ReasonCode.TOO_SMALL if reason else None,
        mark=target.mark,
    )


def too_small(quantity: Decimal, notional: Decimal, instrument: Instrument) -> str:
    """Why the market takes no order of so little, in words that follow its name; empty if it does."""
    if not quantity:
        return f"is below one lot of {instrument.lot:f}"
    if quantity < instrument.min_quantity:
        return f"is below the least order, {instrument.min_quantity:f}"
    if notional < instrument.min_notional:
        return f"is worth {notional:.2f}, below the least order, {instrument.min_notional:.2f}"
    return ""
