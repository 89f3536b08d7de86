"""Stale bars: a symbol whose newest bar is too old gets no order and no share of the risk."""

import numpy as np
from numpy.typing import NDArray

from strategy.portfolio.estimates import Estimates
from strategy.portfolio.risk_limits import RiskLimits

#: Reason text of a decision on a stale symbol.
STALE_REASON = "last bar is {age} days old"


def stale(known: Estimates, limits: RiskLimits) -> NDArray[np.bool_]:
    """Return the mask (T, S) of the symbols whose newest bar is more than `stale_days` calendar days old.

    A symbol without a bar is not stale but unborn.
    """
    return known.age_days > limits.stale_days
