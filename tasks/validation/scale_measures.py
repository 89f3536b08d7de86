"""Measures of the scale of staged bars: too few decimals to resolve the moves."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LOOKBACK_BARS = 63
#: Most decimals that are looked for; with more of them rounding does not matter.
MOST_DECIMALS = 8
#: The rounding error of a price is uniform over one unit, and a move contains two of them: its variance is unit^2 / 6.
UNIT_OVER_DEVIATION = float(np.sqrt(6.0))
#: Factor from the median of absolute moves to their standard deviation.
MEDIAN_TO_DEVIATION = 1.4826
#: Moves below this are too small to compare a rounding with.
SMALLEST_DEVIATION = 1e-4


def rounding(adjusted: FloatArray, close: FloatArray, closes: FloatArray) -> FloatArray:
    """Return the deviation that the decimals of adjusted closes add to a move, over that of the prices' own moves.

    `closes` are those of the history and the window together. 0 where the adjusted closes hide no more than the closes
    do.
    """
    decimals = _decimals(adjusted)
    if decimals is None:
        return np.zeros(len(close))
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = pd.Series(np.abs(np.diff(np.log(closes), prepend=np.nan)))
        typical = moves.rolling(LOOKBACK_BARS, min_periods=5).median().bfill().to_numpy(dtype=np.float64)[-len(close) :]
        deviation = np.maximum(np.nan_to_num(typical) * MEDIAN_TO_DEVIATION, SMALLEST_DEVIATION)
        unit = 10.0**-decimals / adjusted
        own = _decimals(close)
        coarser = unit > 4.0 * (0.0 if own is None else 10.0**-own / close)
        hidden = unit / UNIT_OVER_DEVIATION / deviation
    return np.where(coarser & np.isfinite(hidden), hidden, 0.0)


def _decimals(prices: FloatArray) -> int | None:
    """Return the number of decimals the prices are written with; None if there are many or no price is known."""
    known = prices[np.isfinite(prices)]
    for decimals in range(MOST_DECIMALS + 1) if len(known) else ():
        scaled = known * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) <= 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-6)).all():
            return decimals
    return None
