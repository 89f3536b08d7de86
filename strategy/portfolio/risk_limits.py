"""Risk limits of an account, and the cut of a day's target exposures to them, whatever the model says."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from strategy.market.bars import FloatArray


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


def clip_to_limits(
    current: FloatArray, target: FloatArray, equity: Decimal, limits: RiskLimits, turnover_used: float = 0.0
) -> FloatArray:
    """Move the target exposures (S,) back towards the current ones until no limit is broken.

    Each change is first cut to the order cap, then all changes are scaled together to the turnover bound, less what
    earlier passes of the day have used of it.

    >>> clip_to_limits(np.array([0.0]), np.array([2.0]), Decimal(100), RiskLimits(max_turnover=0.5))
    array([0.5])
    """
    change = target - current
    if limits.max_order_notional is not None:
        cap = float(limits.max_order_notional / equity)
        change = np.clip(change, -cap, cap)
    turnover, room = float(np.abs(change).sum()), max(0.0, limits.max_turnover - turnover_used)
    if turnover > room:
        change = change * (room / turnover)
        result: FloatArray = current + change
        return result
    # Unchanged targets are returned as they are, so that a limit that does not bind adds no rounding error.
    return target if limits.max_order_notional is None else current + change
