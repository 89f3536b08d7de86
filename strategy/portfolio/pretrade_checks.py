"""Pre-trade checks: the limits, checked again just before an order is submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from strategy.account.lots import whole_lots
from strategy.account.orders import Order, OrderState, ReasonCode, too_small
from strategy.account.state import Account
from strategy.market.instruments import Instrument
from strategy.portfolio.drawdown_halt import HALTED
from strategy.portfolio.risk_limits import RiskLimits

#: Relative rounding error allowed above a limit.
ROUNDING = Decimal("1e-9")
_ONE = Decimal(1)
#: States of orders that will never trade.
_OVER = frozenset({OrderState.SKIPPED, OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTradeViolation:
    """The reason why an order must not be submitted, as a code and in words."""

    code: ReasonCode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTradeState:
    """The state against which an order is checked just before it is submitted.

    `account` is the account at the close of the decision's day, `marks` are that day's closes, `today` are all orders
    of the day in their current states. `max_position_size` is gross exposure over equity. `model_age_bars` counts the
    account days after the deciding model's training data (None: no model decided), at most `model_max_age_bars`.
    `fx_rates` convert prices into the account's currency, of symbols whose prices are in another one; the rules of the
    market are in that of the prices, the limits of the account in its own.
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
    fx_rates: Mapping[str, Decimal] = field(default_factory=dict)

    def worth(self, symbol: str) -> Decimal:
        """Return the close of a symbol in the account's currency."""
        return self.marks[symbol] * self.fx_rates.get(symbol, _ONE)

    @property
    def live(self) -> list[Order]:
        """Return the orders of the day that have traded or may still trade."""
        return [order for order in self.today if order.state not in _OVER]


def reduces(order: Order, held: Decimal) -> bool:
    """Return whether the order brings the position nearer to zero without crossing it.

    >>> from datetime import date
    >>> from strategy.account.orders import Side
    >>> sale = Order(order_id="a", symbol="A", as_of=date(2020, 1, 2), side=Side.SELL, quantity=Decimal(2))
    >>> reduces(sale, Decimal(2)), reduces(sale, Decimal(1))
    (True, False)
    """
    return held * order.signed_quantity < 0 and order.quantity <= abs(held)


def not_sent(why: str) -> PreTradeViolation:
    """Return the violation of an order that was planned but must not be submitted, for this reason."""
    return PreTradeViolation(code=ReasonCode.NOT_SENT, reason=f"not sent: {why}")


def pretrade_violation(order: Order, state: PreTradeState) -> PreTradeViolation | None:
    """Return the violation that forbids submitting the order; None if there is none."""
    if state.halted and not reduces(order, state.account.quantity(order.symbol)):
        return PreTradeViolation(code=ReasonCode.HALTED, reason=HALTED)
    if order.symbol not in state.marks or order.symbol not in state.instruments:
        return not_sent(f"no close of {order.symbol} is known on {state.account.as_of}")
    if state.account.equity <= 0 and not reduces(order, state.account.quantity(order.symbol)):
        return not_sent(f"equity is {state.account.equity:.2f}; it must be above 0")
    broken = _filter_broken(order, state) or _limit_broken(order, state)
    return not_sent(broken) if broken else None


def _filter_broken(order: Order, state: PreTradeState) -> str:
    """Return which market rule for single orders it breaks; empty if none."""
    instrument, quantity = state.instruments[order.symbol], order.quantity
    notional = quantity * state.marks[order.symbol]
    if whole_lots(quantity, instrument.lot) != quantity:
        return f"quantity {quantity:f} is not a multiple of the lot, {instrument.lot:f}"
    if small := too_small(quantity, notional, instrument):
        return f"quantity {quantity:f} {small}"
    if instrument.max_quantity is not None and quantity > instrument.max_quantity:
        return f"quantity {quantity:f} is above {instrument.max_quantity:f}, the largest order"
    if instrument.max_notional is not None and notional > instrument.max_notional:
        return f"notional {notional:.2f} is above {instrument.max_notional:.2f}, the largest order"
    after = state.account.quantity(order.symbol) + order.signed_quantity
    if after < 0 and not instrument.shortable:
        return f"it would leave {after:f}; {order.symbol} cannot be sold short here"
    return ""


def _limit_broken(order: Order, state: PreTradeState) -> str:
    """Return which account limit it breaks, alone or with the day's other orders; empty if none.

    No limit of the account keeps it in a position that it closes because it is flattened.
    """
    if order.reduce_only:
        return ""
    equity, limits = state.account.equity, state.limits
    notional = order.quantity * state.worth(order.symbol)
    if limits.max_order_notional is not None and notional > limits.max_order_notional * (1 + ROUNDING):
        return f"notional {notional:.2f} is above max_order_notional, {limits.max_order_notional:.2f}"
    if reduces(order, state.account.quantity(order.symbol)):
        return ""
    if state.model_age_bars is not None and state.model_age_bars > state.model_max_age_bars:
        return f"the model is {state.model_age_bars} bars old, above model_max_age_bars, {state.model_max_age_bars}"
    turnover = sum(
        (earlier.quantity * state.worth(earlier.symbol) for earlier in state.live if earlier.symbol in state.marks),
        Decimal(0),
    )
    if turnover > Decimal(repr(limits.max_turnover)) * equity * (1 + ROUNDING):
        return (
            f"the day's orders turn over {turnover / equity:.3f} of equity, above max_turnover, {limits.max_turnover}"
        )
    gross, slack = _gross_after(state)
    # Price moves alone may have taken the account above its limit; orders must then not raise it further.
    most = max(Decimal(repr(state.max_position_size)) * equity, _gross(state, {}))
    if gross > most * (1 + ROUNDING) + slack:
        return f"gross exposure would be {gross / equity:.3f} of equity, above {state.max_position_size}"
    return ""


def _gross_after(state: PreTradeState) -> tuple[Decimal, Decimal]:
    """Return the gross notional once all orders of the day have filled, and the tolerance on it.

    The tolerance covers rounding to lots, and reductions that were too small for an order.
    """
    moved = dict[str, Decimal]()
    for order in state.live:
        moved[order.symbol] = moved.get(order.symbol, Decimal(0)) + order.signed_quantity
    small = [
        order for order in state.today if order.state is OrderState.SKIPPED and order.code is not ReasonCode.HALTED
    ]
    slack = sum(
        (order.quantity * state.worth(order.symbol) for order in small if order.symbol in state.marks),
        Decimal(0),
    )
    for order in (*state.live, *small):
        if order.symbol in state.instruments and order.symbol in state.marks:
            slack += state.instruments[order.symbol].lot * state.worth(order.symbol)
    return _gross(state, moved), slack


def _gross(state: PreTradeState, moved: Mapping[str, Decimal]) -> Decimal:
    """Return the gross notional at the marks of the positions held, changed by the quantities in `moved`."""
    held = {symbol: position.quantity for symbol, position in state.account.positions.items()}
    marks = {symbol: position.mark * position.fx_rate for symbol, position in state.account.positions.items()}
    marks |= {symbol: state.worth(symbol) for symbol in state.marks}
    return sum(
        (
            abs(held.get(symbol, Decimal(0)) + moved.get(symbol, Decimal(0))) * marks[symbol]
            for symbol in {*held, *moved}
        ),
        Decimal(0),
    )
