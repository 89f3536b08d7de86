"""Volumes in millions or lots: if taken for shares, they limit every order to almost nothing.

Of 56 real series of daily bars the least traded with sessions (EWJ in 1996) turned over 230,100 of its currency a day
at the median of its quietest quarter. Coins around the clock have had 99,830 (ENJUSDT) and are not judged.
"""

import numpy as np
from numpy.typing import NDArray

from strategy.market.instruments import Calendar
from tasks.validation.expectation import Check

#: Median turnover a day, in money, below which a volume is warned about.
LEAST_MONEY = 100_000.0
#: Newest bars that are used, and the fewest of them with a volume.
NEWEST_BARS = 63
FEWEST_BARS = 20

VOLUME_CHECKS = (
    Check(
        name="volume_in_units",
        column="money_traded",
        least=LEAST_MONEY,
        value="volume × close {money_traded:,.0f} a day, volume {volume:.8g}",
        limit=f"{LEAST_MONEY:,.0f} or more",
        reason=f"at the median of {NEWEST_BARS} bars so little is traded that orders are cut to a tenth of "
        "it; if the volumes are in thousands, millions or lots, multiply the column volume by its unit",
        blocks=False,
    ),
)


def money_traded(
    volume: NDArray[np.float64], close: NDArray[np.float64], rows: int, calendar: Calendar
) -> NDArray[np.float64]:
    """Return the median of volume × close over the newest bars at the last of the `rows`, NaN at the others.

    The same holds at the end of each earlier stretch of `NEWEST_BARS`, so that an answer about an earlier day includes
    one too. `volume` and `close` (N,) hold the bars before the rows as well. NaN around the clock, and where too few
    bars have a volume.
    """
    found = np.full(rows, np.nan)
    if calendar is Calendar.ALWAYS:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        money = volume * close
    traded = np.where(np.isfinite(money) & (money > 0), money, np.nan)
    for row in range(rows - 1, -1, -NEWEST_BARS):
        end = len(traded) - (rows - 1 - row)
        known = traded[max(0, end - NEWEST_BARS) : end]
        known = known[~np.isnan(known)]
        if len(known) >= FEWEST_BARS:
            found[row] = float(np.median(known))
    return found
