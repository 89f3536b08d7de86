"""Limits on what may be decided, whatever the model says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from strategy.account import Snapshot
from strategy.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """The limits that are part of a decision, and the halt that is not.

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


def within_limits(current: FloatArray, target: FloatArray, equity: Decimal, limits: RiskLimits) -> FloatArray:
    """The target exposures (S,) moved back towards the current ones until no limit is broken.

    Each change is first cut to the order cap, then all changes are scaled together to the turnover bound.

    >>> within_limits(np.array([0.0]), np.array([2.0]), Decimal(100), RiskLimits(max_turnover=0.5))
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
    # Unchanged targets are returned as they came, so that a limit that does not bind leaves no rounding behind.
    return target if limits.max_order_notional is None else current + change


def halt_date(snapshots: Sequence[Snapshot], limits: RiskLimits) -> date | None:
    """The first day on which equity stood `max_drawdown_halt` below its highest so far, or None."""
    peak = Decimal(0)
    for snapshot in snapshots:
        peak = max(peak, snapshot.equity)
        if peak > 0 and float(1 - snapshot.equity / peak) >= limits.max_drawdown_halt:
            return snapshot.account.as_of
    return None
