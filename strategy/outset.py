"""What is known at the closes of many dates before the account is looked at: estimates, and exposures from them.

A date's numbers depend on its own rows alone, to the last bit: one date at a time or all of them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategy.bars import FloatArray
from strategy.instruments import account_days_per_year
from strategy.market import portfolio_volatilities
from strategy.signals import Sizing, sizing_of
from strategy.sizing import portfolio_exposures, regime_multiplier, risk_budgets, soft_signal, volatility_multiplier

if TYPE_CHECKING:
    from strategy.decision import Mandate, Panorama

#: Column of the regime that counts where none is known: Neutral, whose multiplier is 1.
NEUTRAL_CODE = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Each symbol's newest row on or before each date; all arrays are (T, S).

    `age_days` is negative where there is no row; estimates are NaN where they are not known.
    """

    dates: NDArray[np.datetime64]
    age_days: NDArray[np.int64]
    signal: FloatArray
    regime: NDArray[np.int64]
    confidence: FloatArray
    volatility: FloatArray


def estimates(view: "Panorama", dates: Sequence[date]) -> Estimates:
    """The estimates of the panorama as they stood at the close of each date."""
    days = np.array(dates, dtype="datetime64[us]")
    shape = len(days), len(view.outlooks)
    age, regime = np.full(shape, -1, dtype=np.int64), np.full(shape, NEUTRAL_CODE, dtype=np.int64)
    signal, confidence, volatility = np.full((3, *shape), np.nan)
    for column, outlook in enumerate(view.outlooks):
        row = np.searchsorted(outlook.open_time, days, side="right") - 1
        known = row >= 0
        row = row[known]
        opened = outlook.open_time[row].astype("datetime64[D]")
        age[known, column] = (days[known].astype("datetime64[D]") - opened).astype(np.int64)
        signal[known, column] = outlook.signal[row]
        volatility[known, column] = outlook.volatility[row]
        confidence[known, column] = outlook.confidence[row]
        regime[known, column] = outlook.regime[row]
    return Estimates(
        dates=days, age_days=age, signal=signal, regime=regime, confidence=confidence, volatility=volatility
    )


def exposures_at_peak(known: Estimates, sized: NDArray[np.bool_], view: "Panorama", mandate: "Mandate") -> FloatArray:
    """Exposures (T, S) before drawdown control and limits; `sized` (T, S) are the symbols that share the budgets."""
    finite = np.isfinite(known.signal)
    directions = np.where(finite & (known.signal != 0.0), known.signal, 0.0)
    if sizing_of(mandate.strategy) is Sizing.FULL:
        code = np.where(np.isfinite(known.confidence), known.regime, NEUTRAL_CODE)
        multiplier = regime_multiplier(code, known.confidence)
        directions = soft_signal(directions, mandate.sizing.neutral_zone) * multiplier
    budgets = risk_budgets(np.where(sized, known.volatility, np.nan))
    calendars = frozenset(mandate.terms.instruments[symbol].calendar for symbol in mandate.symbols)
    stops = np.searchsorted(view.union, known.dates, side="right")
    sigma = portfolio_volatilities(view.changes, stops, budgets, account_days_per_year(calendars))
    scale = volatility_multiplier(sigma, mandate.sizing.target_annual_vol)
    return portfolio_exposures(directions, budgets * scale[:, None], mandate.sizing.max_position_size)
