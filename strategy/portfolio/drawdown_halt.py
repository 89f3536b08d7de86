"""The drawdown halt: when an account is halted, and what of an order a halted account may still send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate

from strategy.account.cash_flows import grown
from strategy.account.lots import whole_lots
from strategy.account.money import quantised
from strategy.account.orders import Order, OrderState, ReasonCode
from strategy.account.state import Snapshot
from strategy.portfolio.risk_limits import RiskLimits

#: Reason texts of an order that a halt skipped, and of one that it cut.
HALTED = "halted: only orders that reduce are sent"
CUT = "halted: cut to what closes the position"


class HaltKind(StrEnum):
    """What an account was told: HALT (by hand or by its drawdown), FLATTEN (halted, and to close every position)."""

    HALT = "halt"
    FLATTEN = "flatten"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskState:
    """Halt state of an account: since when and why; `peak_equity` is the highest unit value since a resume.

    `flatten`: the halted account also closes every position.
    """

    halted: bool = False
    since: date | None = None
    reason: str = ""
    peak_equity: Decimal | None = None
    flatten: bool = False

    def __post_init__(self) -> None:
        if self.flatten and not self.halted:
            raise ValueError("an account that is flattened is not halted; halt it as well")

    @property
    def kind(self) -> HaltKind:
        """Return the kind of event that leads to this state."""
        if self.flatten:
            return HaltKind.FLATTEN
        return HaltKind.HALT if self.halted else HaltKind.RESUME


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltEvent:
    """A halt or a resumption: `since` is the account's day then; the time is not known of halts of older versions."""

    kind: HaltKind
    since: date | None
    reason: str
    recorded_at: datetime | None


def update_halt(state: RiskState, snapshot: Snapshot, limits: RiskLimits) -> RiskState:
    """Return the risk state after a settled day: halted once equity is `max_drawdown_halt` below its peak.

    Only a person can resume a halted account; until then the state does not change, whatever the equity does.
    """
    if state.halted:
        return state
    equity = snapshot.unit_value
    named = "equity" if snapshot.own_unit_value is None else "equity without deposits and withdrawals"
    peak = max(equity, state.peak_equity) if state.peak_equity is not None else equity
    if _halts(equity, peak, limits):
        return RiskState(
            halted=True,
            since=snapshot.account.as_of,
            reason=f"{named} {equity:.2f} is {float(1 - equity / peak):.1%} below its peak of {peak:.2f}, the limit is "
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
        symbol: quantised(position.quantity * (doubtful[symbol] - position.mark) * position.fx_rate)
        for symbol, position in snapshot.account.positions.items()
        if symbol in doubtful and position.quantity * (doubtful[symbol] - position.mark) < 0
    }
    if after.halted or not losses:
        return after
    lowered = snapshot.equity + sum(losses.values())
    own = snapshot.own_unit_value
    lowered_unit = None if own is None else grown(own, snapshot.equity, lowered)
    worst = update_halt(after, replace(snapshot, equity=lowered, own_unit_value=lowered_unit), limits)
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


def halt_date(dates: Sequence[date], unit_values: Sequence[Decimal], limits: RiskLimits) -> date | None:
    """Return the first of the days on which equity was `max_drawdown_halt` below its highest so far, or None."""
    peaks = accumulate(unit_values, max)
    halted = (day for day, equity, peak in zip(dates, unit_values, peaks, strict=True) if _halts(equity, peak, limits))
    return next(halted, None)


def _halts(equity: Decimal, peak: Decimal, limits: RiskLimits) -> bool:
    return peak > 0 and 1 - equity / peak >= Decimal(repr(limits.max_drawdown_halt))
