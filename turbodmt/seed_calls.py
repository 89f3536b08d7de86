"""The seed document's two functions, called as it calls them."""

from collections.abc import Mapping

import strategy.portfolio.sizing as sizing
import strategy.signals.regime as regimes
from strategy.portfolio.sizing import SizingParams
from strategy.signals.regime import HasClose, Regime

#: Entries of the document's dictionary of parameters; its formula has no neutral zone, so that is optional.
REQUIRED, OPTIONAL = ("target_vol", "max_position"), "neutral_zone"


def detect_market_regime(data: HasClose, lookback_period: int = 40) -> tuple[Regime, float]:
    """Return the regime at the last bar and the confidence in it, 0 to 1.

    `data["close"]` or `data["Close"]` holds adjusted closes, oldest first, in a frame, a dictionary or bars. Raises
    ValueError if there is neither column, or fewer closes than the evidence needs.

    >>> import numpy as np
    >>> import pandas as pd
    >>> detect_market_regime(pd.DataFrame({"Close": 100 * 1.004 ** np.arange(300)}))[0]
    <Regime.BULL: 'Bull'>
    """
    for name in ("close", "Close"):
        try:
            closes = data[name]
        except (KeyError, ValueError):
            continue
        return regimes.detect_market_regime({"close": closes}, lookback_period)
    raise ValueError("the data have no column close or Close; give the adjusted closes that name")


def calculate_position_size(
    signal: float, regime: Regime | str, volatility: float, params: SizingParams | Mapping[str, float]
) -> float:
    """Return the seed document's position size, with hard edges, as a multiple of equity.

    `volatility` is annualised; zero or missing volatility means no position. `params` are SizingParams, or the
    document's dictionary of `target_vol` and `max_position`, to which `neutral_zone` may be added (default 0, as its
    formula has none). Raises ValueError for an unknown regime, a missing or unknown entry, and one outside its limits.

    >>> calculate_position_size(0.5, "Bull", 0.35, {"target_vol": 0.35, "max_position": 2.0})
    0.625
    """
    if not isinstance(params, SizingParams):
        params = _sizing(params)
    return sizing.calculate_position_size(signal, regime, volatility, params)


def _sizing(params: Mapping[str, float]) -> SizingParams:
    missing = [name for name in REQUIRED if name not in params]
    unknown = [str(name) for name in params if name not in (*REQUIRED, OPTIONAL)]
    if missing or unknown:
        wrong = f"lack {', '.join(missing)}" if missing else f"hold {', '.join(unknown)}"
        raise ValueError(f"the parameters {wrong}; they are {', '.join(REQUIRED)} and, if need be, {OPTIONAL}")
    target, most = (float(params[name]) for name in REQUIRED)
    return SizingParams(target_annual_vol=target, max_position_size=most, neutral_zone=float(params.get(OPTIONAL, 0)))
