"""The second look at an order: the limits again, at the moment when it is about to leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from strategy.account.money import whole_lots
from strategy.account.orders import Order, OrderState, ReasonCode, too_small
from strategy.account.state import Account
from strategy.market.instruments import Instrument
from strategy.portfolio.risk import HALTED, RiskLimits

#: What rounding may add to a limit that was met exactly.
ROUNDING = Decimal("1e-9")
#: States of orders that will not trade, whatever they ask for.
_OVER = frozenset({OrderState.SKIPPED, OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTradeViolation:
    """Why an order must not leave, as a code and in words."""

    code: ReasonCode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTradeState:
    """What is known when an order is about to leave.

    `account` stands at the close of the day that was decided, `marks` are its closes, `today` are all orders of the
    day in the states they have now. `max_position_size` is gross exposure over equity. `model_age_bars` counts the
    account days that the deciding model has not seen (None: none decided), of which `model_max_age_bars` are admitted.
    """

    account: Account
    marks: Mapping[str, Decimal]
    today: Sequence[Order]
    instruments: Mapping[str, Instrument]
    limits: RiskLimits
    max_position_size: float
    halted: bool
    model_age_bars: int | None = None
    model_max_age_bars: int = 63

    @property
    def live(self) -> list[Order]:
        """The orders of the day that trade, have traded or may still."""
        return [order for order in self.today if order.state not in _OVER]


def reduces(order: Order, held: Decimal) -> bool:
    """Whether the order brings the position nearer to zero, and not beyond.

    >>> from datetime import date
    >>> from strategy.account.orders import Side
    >>> sale = Order(order_id="a", symbol="A", as_of=date(2020, 1, 2), side=Side.SELL, quantity=Decimal(2))
    >>> reduces(sale, Decimal(2)), reduces(sale, Decimal(1))
    (True, False)
    """
    return held * order.signed_quantity < 0 and order.quantity <= abs(held)


def not_sent(why: str) -> PreTradeViolation:
    """Return the objection to an order that was planned, and is not let out."""
    return PreTradeViolation(code=ReasonCode.NOT_SENT, reason=f"not sent: {why}")


def pretrade_violation(order: Order, desk: PreTradeState) -> PreTradeViolation | None:
    """Return why the order must not leave; None if it may."""
    if desk.halted and not reduces(order, desk.account.quantity(order.symbol)):
        return PreTradeViolation(code=ReasonCode.HALTED, reason=HALTED)
    if order.symbol not in desk.marks or order.symbol not in desk.instruments:
        return not_sent(f"no close of {order.symbol} is known on {desk.account.as_of}")
    if desk.account.equity <= 0 and not reduces(order, desk.account.quantity(order.symbol)):
        return not_sent(f"equity is {desk.account.equity:.2f}; it must be above 0")
    broken = _filter_broken(order, desk) or _limit_broken(order, desk)
    return not_sent(broken) if broken else None


def _filter_broken(order: Order, desk: PreTradeState) -> str:
    """Which rule of the market about a single order it breaks."""
    instrument, quantity = desk.instruments[order.symbol], order.quantity
    notional = quantity * desk.marks[order.symbol]
    if whole_lots(quantity, instrument.lot) != quantity:
        return f"quantity {quantity:f} is no multiple of the lot, {instrument.lot:f}"
    if small := too_small(quantity, notional, instrument):
        return f"quantity {quantity:f} {small}"
    if instrument.max_quantity is not None and quantity > instrument.max_quantity:
        return f"quantity {quantity:f} is above {instrument.max_quantity:f}, the largest order"
    if instrument.max_notional is not None and notional > instrument.max_notional:
        return f"notional {notional:.2f} is above {instrument.max_notional:.2f}, the largest order"
    after = desk.account.quantity(order.symbol) + order.signed_quantity
    if after < 0 and not instrument.shortable:
        return f"it would leave {after:f}; {order.symbol} cannot be sold short here"
    return ""


def _limit_broken(order: Order, desk: PreTradeState) -> str:
    """Which of the account's own limits it breaks, alone or with the other orders of the day."""
    equity, limits = desk.account.equity, desk.limits
    notional = order.quantity * desk.marks[order.symbol]
    if limits.max_order_notional is not None and notional > limits.max_order_notional * (1 + ROUNDING):
        return f"notional {notional:.2f} is above max_order_notional, {limits.max_order_notional:.2f}"
    if reduces(order, desk.account.quantity(order.symbol)):
        return ""
    if desk.model_age_bars is not None and desk.model_age_bars > desk.model_max_age_bars:
        return f"the model is {desk.model_age_bars} bars old, above model_max_age_bars, {desk.model_max_age_bars}"
    turnover = sum((one.quantity * desk.marks[one.symbol] for one in desk.live if one.symbol in desk.marks), Decimal(0))
    if turnover > Decimal(repr(limits.max_turnover)) * equity * (1 + ROUNDING):
        return (
            f"the day's orders turn over {turnover / equity:.3f} of equity, above max_turnover, {limits.max_turnover}"
        )
    gross, slack = _gross_after(desk)
    # Prices alone may have brought the account above its limit; orders then leave that as it is.
    most = max(Decimal(repr(desk.max_position_size)) * equity, _gross(desk, {}))
    if gross > most * (1 + ROUNDING) + slack:
        return f"gross exposure would be {gross / equity:.3f} of equity, above {desk.max_position_size}"
    return ""


def _gross_after(desk: PreTradeState) -> tuple[Decimal, Decimal]:
    """The gross notional once all orders of the day have filled, and what may have been added to it since the decision.

    That is the rounding to lots, and what would have reduced but is too small for an order.
    """
    moved = dict[str, Decimal]()
    for order in desk.live:
        moved[order.symbol] = moved.get(order.symbol, Decimal(0)) + order.signed_quantity
    small = [one for one in desk.today if one.state is OrderState.SKIPPED and one.code is not ReasonCode.HALTED]
    slack = sum((one.quantity * desk.marks[one.symbol] for one in small if one.symbol in desk.marks), Decimal(0))
    for one in (*desk.live, *small):
        if one.symbol in desk.instruments and one.symbol in desk.marks:
            slack += desk.instruments[one.symbol].lot * desk.marks[one.symbol]
    return _gross(desk, moved), slack


def _gross(desk: PreTradeState, moved: Mapping[str, Decimal]) -> Decimal:
    """The gross notional of what is held at the marks, and of what has moved."""
    held = {symbol: position.quantity for symbol, position in desk.account.positions.items()}
    marks = {symbol: position.mark for symbol, position in desk.account.positions.items()} | dict(desk.marks)
    return sum(
        (
            abs(held.get(symbol, Decimal(0)) + moved.get(symbol, Decimal(0))) * marks[symbol]
            for symbol in {*held, *moved}
        ),
        Decimal(0),
    )
