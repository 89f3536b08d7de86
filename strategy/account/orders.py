"""Orders and fills, as the ledger and the brokers exchange them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from strategy.account.lots import whole_lots
from strategy.account.money import quantised
from strategy.market.instruments import Instrument

#: The prefix of every order id.
ID_PREFIX = "tdmt-"


class Side(StrEnum):
    """Direction of an order."""

    BUY = "buy"
    SELL = "sell"


class OrderState(StrEnum):
    """State in the life cycle of an order."""

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
    """Reason for the state of an order, for code that branches on it; `Order.reason` gives the same in words.

    Before submission. TOO_SMALL: the order is below the market's minimum. HALTED: the account is halted, and the order
    would not reduce a position. NOT_SENT: the order was planned, then held back by a check. OVERTAKEN: the broker was
    taken over before the order was submitted.

    Unknown outcome. UNSEEN: the broker reports no such order, which may have arrived all the same. UNTOLD: the broker
    has the order but does not report its state or its trades. FORGOTTEN: the broker no longer reports orders that old.
    ABSENT: the order is closed, because the order query, open orders, all orders, trades and balances agree that it
    does not exist. ADOPTED: the order was closed by a takeover, whose balances include whatever it traded.
    NEVER_ARRIVED: the code that closed orders unknown to the broker up to version 0.1.

    FLATTENED: the order was open when the account was flattened, and was cancelled.

    At its fill bar. DELISTED: the symbol has no bar any more. VOLUME: the bar's volume filled only part of it, or none.
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
    FLATTENED = "flattened"


#: States in which an order may still trade.
OPEN_STATES = frozenset(
    {OrderState.INTENDED, OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}
)
#: Fraction of `max_notional` that an order uses: at the price by which the broker measures it, it may be worth more.
NOTIONAL_ROOM = Decimal("0.98")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A market order decided at the close of `as_of`, to be filled at the open of the symbol's next bar.

    `code` and `reason` give the reason for its state, for code and in words. `cut_by_halt`: the account was halted, and
    this is the part of the decided order that closes the position; the flag stays set whatever happens to the order.
    `reduce_only`: it closes a position of an account that is flattened; no limit of the account applies, and a venue
    that knows such orders lets it do nothing else. `mark` is that close, in the same price unit as the quantity (None:
    unknown).
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
    reduce_only: bool = False
    mark: Decimal | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.quantity < 0:
            raise ValueError(f"{self.order_id}: quantity is {self.quantity}; the side carries the sign")

    @property
    def signed_quantity(self) -> Decimal:
        """Return the quantity, positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade: `price` includes slippage, `fee` is paid in cash besides. Natural key: (order_id, trade_id).

    `amount` is the money that an external broker booked for it; None if that is quantity times price. `fx_rate`
    converts the price into the account's currency, in which the fee is.
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
    fx_rate: Decimal = Decimal(1)

    @property
    def paid(self) -> Decimal:
        """Return the cash paid, before the fee; negative if it was received."""
        if self.amount is None:
            return quantised(self.signed_quantity * self.price * self.fx_rate)
        return self.amount if self.side is Side.BUY else -self.amount

    @property
    def signed_quantity(self) -> Decimal:
        """Return the quantity, positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity


def order_series(account: str, number: int, adopted_at: datetime) -> str:
    """Return the seed of the order ids at an external broker: the account, and the number and time of its takeover.

    The time of the takeover keeps homes apart: an order sent from one home is never mistaken for another's.

    >>> order_series("daily", 2, datetime(2026, 1, 6, 0, 5, 0, 250))
    'daily|2|2026-01-06T00:05:00.000250'
    """
    return f"{account}|{number}|{adopted_at:%Y-%m-%dT%H:%M:%S.%f}"


def client_order_id(account: str, strategy: str, symbol: str, as_of: date, attempt: int = 1) -> str:
    """Return the order id of an intent, always the same: at most 36 characters, valid at any venue.

    At an external broker, pass the account's `order_series` as `account`.

    >>> client_order_id("daily", "turbo", "SPY", date(2020, 1, 2))
    'tdmt-f65b9c475369935bde69d47e'
    """
    digest = sha256(f"{account}|{strategy}|{symbol}|{as_of.isoformat()}|{attempt}".encode()).hexdigest()
    return f"{ID_PREFIX}{digest[:24]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Target of one position: hold `exposure` × equity of the instrument, at the close `mark`; `held` is held now.

    `fx_rate` converts the close into the currency of the equity.
    """

    instrument: Instrument
    exposure: Decimal
    mark: Decimal
    held: Decimal
    fx_rate: Decimal = Decimal(1)


def plan_order(target: Target, equity: Decimal, as_of: date, order_id: str) -> Order | None:
    """Return the order that moves the position to its target, rounded down to whole lots; None if nothing changes.

    It is cut to the market's largest order. A change below the market's minimum, which is at least one lot, gives a
    SKIPPED order, so that the reason can be read later.

    >>> from strategy.market.instruments import Calendar
    >>> share = Instrument(symbol="SPY", calendar=Calendar.XNYS, lot=Decimal(1))
    >>> target = Target(instrument=share, exposure=Decimal("0.5"), mark=Decimal(100), held=Decimal(10))
    >>> order = plan_order(target, Decimal(10_000), date(2020, 1, 2), "a")
    >>> order.side, order.quantity
    (<Side.BUY: 'buy'>, Decimal('40.000000000000'))
    """
    change = quantised(target.exposure * equity / (target.mark * target.fx_rate)) - target.held
    if not change:
        return None
    instrument = target.instrument
    quantity = order_quantity(change, target.mark, instrument)
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


def order_quantity(change: Decimal, mark: Decimal, instrument: Instrument) -> Decimal:
    """Return the quantity of an order for a change of the position: whole lots, at most the market's largest order."""
    wanted = abs(change)
    if instrument.max_quantity is not None:
        wanted = min(wanted, instrument.max_quantity)
    if instrument.max_notional is not None:
        wanted = min(wanted, instrument.max_notional * NOTIONAL_ROOM / mark)
    return whole_lots(wanted, instrument.lot)


def too_small(quantity: Decimal, notional: Decimal, instrument: Instrument) -> str:
    """Return why the order is below the market's minimum, as a phrase that follows its name; empty if it is not."""
    if not quantity:
        return f"is below one lot of {instrument.lot:f}"
    if quantity < instrument.min_quantity:
        return f"is below the least order, {instrument.min_quantity:f}"
    if notional < instrument.min_notional:
        return f"is worth {notional:.2f}, below the least order, {instrument.min_notional:.2f}"
    return ""
