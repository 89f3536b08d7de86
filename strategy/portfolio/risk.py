"""Risk limits on decisions, whatever the model says, and the drawdown halt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account.lots import whole_lots
from strategy.account.money import quantised
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.account.state import Snapshot
from strategy.market.bars import FloatArray

#: Reason texts of an order that a halt skipped, and of one that it cut.
HALTED = "halted: only orders that reduce are sent"
CUT = "halted: cut to what closes the position"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Limits that apply to every decision, and the drawdown at which the account is halted.

    `max_turnover`: traded notional of one day over equity. `max_order_notional`: money per order (None: no cap).
    `stale_days`: calendar days after which a bar is too old to act on. `max_drawdown_halt`: fraction below the peak.
    """

    max_turnover: float = 4.0
    max_order_notional: Decimal | None = None
    stale_days: int = 7
    max_drawdown_halt: float = 0.35

    def __post_init__(self) -> None:
        if not self.max_turnover > 0:
            raise ValueError(f"max_turnover is {self.max_turnover}; it must be above 0")
        if self.max_order_notional is not None and not self.max_order_notional > 0:
            raise ValueError(f"max_order_notional is {self.max_order_notional}; it must be above 0")
        if self.stale_days < 1:
            raise ValueError(f"stale_days is {self.stale_days}; it must be at least 1")
        if not 0 < self.max_drawdown_halt <= 1:
            raise ValueError(f"max_drawdown_halt is {self.max_drawdown_halt}; it must be above 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskState:
    """Halt state of an account: since when and why; `peak_equity` is the highest since it resumed, if known."""

    halted: bool = False
    since: date | None = None
    reason: str = ""
    peak_equity: Decimal | None = None


def update_halt(state: RiskState, snapshot: Snapshot, limits: RiskLimits) -> RiskState:
    """Return the risk state after a settled day: halted once equity is `max_drawdown_halt` below its peak.

    Only a person can resume a halted account; until then the state does not change, whatever the equity does.
    """
    if state.halted:
        return state
    equity = snapshot.equity
    peak = max(equity, state.peak_equity) if state.peak_equity is not None else equity
    if peak > 0 and 1 - equity / peak >= Decimal(repr(limits.max_drawdown_halt)):
        return RiskState(
            halted=True,
            since=snapshot.account.as_of,
            reason=f"equity {equity:.2f} is {float(1 - equity / peak):.1%} below its peak of {peak:.2f}, the limit is "
            f"{limits.max_drawdown_halt:.1%}",
            peak_equity=peak,
        )
    return RiskState(peak_equity=peak)


def watched_at_worst(
    state: RiskState, snapshot: Snapshot, limits: RiskLimits, doubtful: Mapping[str, Decimal]
) -> RiskState:
    """Return the risk state when some positions have a newer close that is held back: the worse mark counts.

    `doubtful` holds these closes by symbol. The peak is taken from the equity at the marks.
    """
    after = update_halt(state, snapshot, limits)
    losses = {
        symbol: quantised(position.quantity * (doubtful[symbol] - position.mark))
        for symbol, position in snapshot.account.positions.items()
        if symbol in doubtful and position.quantity * (doubtful[symbol] - position.mark) < 0
    }
    if after.halted or not losses:
        return after
    worst = update_halt(after, replace(snapshot, equity=snapshot.equity + sum(losses.values())), limits)
    if not worst.halted:
        return after
    counted = ", ".join(f"{symbol} at {doubtful[symbol].normalize():f}" for symbol in losses)
    return replace(worst, reason=f"{worst.reason}; closes that are held back are counted: {counted}")


def reduced(order: Order, held: Decimal, lot: Decimal) -> Order:
    """Return the order as a halted account may send it: the part that reduces the position, without crossing zero.

    It is cut to whole lots; an order that reduces nothing is skipped.
    """
    against = held * order.signed_quantity < 0
    allowed = min(order.quantity, whole_lots(abs(held), lot)) if against else Decimal(0)
    if allowed == order.quantity:
        return order
    if allowed == 0:
        return replace(order, state=OrderState.SKIPPED, reason=HALTED, code=ReasonCode.HALTED)
    return replace(order, quantity=allowed, reason=CUT, cut_by_halt=True)


def clip_to_limits(current: FloatArray, target: FloatArray, equity: Decimal, limits: RiskLimits) -> FloatArray:
    """Move the target exposures (S,) back towards the current ones until no limit is broken.

    Each change is first cut to the order cap, then all changes are scaled together to the turnover bound.

    >>> clip_to_limits(np.array([0.0]), np.array([2.0]), Decimal(100), RiskLimits(max_turnover=0.5))
    array([0.5])
    """
    change = target - current
    if limits.max_order_notional is not None:
        cap = float(limits.max_order_notional / equity)
        change = np.clip(change, -cap, cap)
    turnover = float(np.abs(change).sum())
    if turnover > limits.max_turnover:
        change = change * (limits.max_turnover / turnover)
        result: FloatArray = current + change
        return result
    # Unchanged targets are returned as they are, so that a limit that does not bind adds no rounding error.
    return target if limits.max_order_notional is None else current + change


def halt_date(snapshots: Sequence[Snapshot], limits: RiskLimits) -> date | None:
    """Return the first day on which equity was `max_drawdown_halt` below its highest so far, or None."""
    state = RiskState()
    for snapshot in snapshots:
        state = update_halt(state, snapshot, limits)
    return state.since
