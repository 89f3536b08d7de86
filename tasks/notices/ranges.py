"""Warnings that bars have no ranges from which volatility could be estimated."""

from collections.abc import Iterable
from datetime import date

import numpy as np

from strategy.signals.har import LEAST_RANGED, VolatilityEstimator
from strategy.signals.outlook import SymbolSignals


def without_ranges(outlooks: Iterable[SymbolSignals], estimator: VolatilityEstimator, since: date) -> list[str]:
    """Return a warning for each symbol whose bars lack ranges of their own on a day from `since` on.

    The estimator is the one that the account uses; that of closes needs no ranges.
    """
    if estimator is not VolatilityEstimator.HAR:
        return []
    warnings = []
    for outlook in outlooks:
        if outlook.ranges is None:
            continue
        share = outlook.ranges.har.ranged[outlook.open_time >= np.datetime64(since, "us")]
        # Of too short a history the share is NaN, which is no fault of the bars.
        days = int((share < LEAST_RANGED).sum())
        if days:
            warnings.append(
                f"{outlook.symbol} is sized by the volatility of its closes on {days:,} of {len(share):,} days, since "
                f"less than {LEAST_RANGED:.0%} of its bars before have a high or low beyond open and close; give bars "
                f"with real ranges, or set volatility_estimator to {VolatilityEstimator.EWMA}"
            )
    return warnings
