"""What can be measured of the scale of staged bars: decimals that hide more than they tell."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LOOKBACK_BARS = 63
#: Decimals that are looked for; with more of them rounding hides nothing.
MOST_DECIMALS = 8
#: A price that is rounded to a unit errs evenly over it, twice in each move: the variance of that is unit^2 / 6.
UNIT_OVER_DEVIATION = float(np.sqrt(6.0))
#: The median of absolute moves times this is their standard deviation.
MEDIAN_TO_DEVIATION = 1.4826
#: Moves below this are none that a rounding could be compared with.
SMALLEST_DEVIATION = 1e-4


def rounding(adjusted: FloatArray, close: FloatArray, closes: FloatArray) -> FloatArray:
    """Return the deviation that the decimals of adjusted closes add to a move, over that of the prices' own moves.

    `closes` are those of the history and the window together. 0 where nothing is hidden that closes do not hide too.
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
    """How many decimals the prices are written with, None for many or none known."""
    known = prices[np.isfinite(prices)]
    for decimals in range(MOST_DECIMALS + 1) if len(known) else ():
        scaled = known * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) <= 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-6)).all():
            return decimals
    return None
