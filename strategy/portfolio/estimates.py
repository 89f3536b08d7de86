"""Estimates at the closes of many dates, and exposures from them, independent of the account.

A date's numbers depend on its own rows alone: computed one date at a time or all at once, they agree to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray
from strategy.market.instruments import account_days_per_year
from strategy.market.session_dates import midnights
from strategy.portfolio.allocation import budgets, portfolio_volatilities
from strategy.portfolio.leverage_cap import book_caps, portfolio_exposures
from strategy.portfolio.sizing import SizingParams, regime_multiplier, soft_signal, volatility_multiplier
from strategy.signals.har import VolatilityEstimator
from strategy.signals.strategies import Sizing, sizing_of

if TYPE_CHECKING:
    from strategy.portfolio.account_config import AccountConfig
    from strategy.portfolio.aligned_signals import AlignedSignals

#: Code of the regime to use when none is known: Neutral, whose multiplier is 1.
NEUTRAL_CODE = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimates:
    """Each symbol's newest row on or before each date; all arrays are (T, S).

    `age_days` is negative where there is no row; unknown estimates are NaN. `volatility_ratio` is the volatility over
    that of the closes, 1 where it is unknown.
    """

    dates: NDArray[np.datetime64]
    age_days: NDArray[np.int64]
    signal: FloatArray
    regime: NDArray[np.int64]
    confidence: FloatArray
    volatility: FloatArray
    volatility_ratio: FloatArray


def estimates(view: "AlignedSignals", dates: "Sequence[date] | TimeArray", estimator: VolatilityEstimator) -> Estimates:
    """Return every symbol's estimates as of the close of each date, volatility by the estimator."""
    days = midnights(dates)
    shape = len(days), len(view.outlooks)
    age, regime = np.full(shape, -1, dtype=np.int64), np.full(shape, NEUTRAL_CODE, dtype=np.int64)
    signal, confidence, volatility = np.full((3, *shape), np.nan)
    ratio = np.ones(shape)
    for column, outlook in enumerate(view.outlooks):
        row = np.searchsorted(outlook.open_time, days, side="right") - 1
        known = row >= 0
        row = row[known]
        opened = outlook.open_time[row].astype("datetime64[D]")
        age[known, column] = (days[known].astype("datetime64[D]") - opened).astype(np.int64)
        signal[known, column] = outlook.signal[row]
        if estimator is VolatilityEstimator.HAR and outlook.ranges is not None:
            ratio[known, column] = outlook.ranges.volatility_ratio[row]
        volatility[known, column] = outlook.volatility[row] * ratio[known, column]
        confidence[known, column] = outlook.confidence[row]
        regime[known, column] = outlook.regime[row]
    return Estimates(
        dates=days,
        age_days=age,
        signal=signal,
        regime=regime,
        confidence=confidence,
        volatility=volatility,
        volatility_ratio=ratio,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PortfolioSizing:
    """The sizing rule that turns signals into exposures, for an account at its peak; every caller that sizes uses it.

    `signal` (T, S) is 0 where unknown. `multiplier` (T, S) is that of the regime, 1 if the strategy ignores regimes or
    the regime is unknown. `budgets` (T, S) are those of the allocation, 0 for symbols without one. `volatility` (T,) is
    that of the portfolio with these budgets, NaN where unknown. With `direct` sizing every budget is 1.
    """

    symbols: tuple[str, ...]
    sizing: Sizing
    signal: FloatArray
    multiplier: FloatArray
    budgets: FloatArray
    volatility: FloatArray

    def directions(self, neutral_zone: float) -> FloatArray:
        """Return s'·g, (T, S); the plain signal if the strategy has neither neutral zone nor regime."""
        if self.sizing is not Sizing.FULL:
            return self.signal
        return soft_signal(self.signal, neutral_zone) * self.multiplier

    def scale(self, target_annual_vol: float) -> FloatArray:
        """Return k, (T,); 1 if the signal is the exposure."""
        if self.sizing is Sizing.DIRECT:
            return np.ones(len(self.volatility))
        return volatility_multiplier(self.volatility, target_annual_vol)

    def weights(self, target_annual_vol: float) -> FloatArray:
        """Return b·k, (T, S)."""
        return self.budgets * self.scale(target_annual_vol)[:, None]

    def exposures(self, params: SizingParams) -> FloatArray:
        """Return the exposures (T, S) before drawdown control and limits."""
        weights = self.weights(params.target_annual_vol)
        caps = book_caps(params, self.symbols)
        return portfolio_exposures(self.directions(params.neutral_zone), weights, params.max_position_size, caps)


def portfolio_sizing(
    known: Estimates, sized: NDArray[np.bool_], view: "AlignedSignals", config: "AccountConfig"
) -> PortfolioSizing:
    """Split the portfolio of every date among the symbols that are `sized` (T, S), by the configured allocation.

    The portfolio has the correlations of the closes and the volatilities of the estimator: each symbol's returns are
    scaled by the ratio of the two. Raises ValueError for prices in another currency that were not converted, and for a
    strategy with sleeves, each of which is sized by itself.
    """
    if config.strategy.sleeves:
        raise ValueError(f"{config.strategy} has sleeves; size each of them by itself, as sleeved_book does")
    currencies = config.terms.costs.currencies
    foreign = [symbol for symbol in config.symbols if currencies.foreign(config.terms.instruments[symbol])]
    if foreign and view.currency != currencies.base:
        raise ValueError(f"the volatility of {foreign[0]} is not in {currencies.base}; pass the view in_base_currency")
    sizing = sizing_of(config.strategy)
    multiplier = np.ones(known.signal.shape)
    if sizing is Sizing.FULL:
        code = np.where(np.isfinite(known.confidence), known.regime, NEUTRAL_CODE)
        multiplier = regime_multiplier(code, known.confidence)
    calendars = frozenset(config.terms.instruments[symbol].calendar for symbol in config.symbols)
    stops = np.searchsorted(view.union, known.dates, side="right")
    if sizing is Sizing.DIRECT:
        split = sized.astype(np.float64)
    else:
        split = budgets(config.sizing.allocation, np.where(sized, known.volatility, np.nan), view.changes, stops)
    return PortfolioSizing(
        symbols=config.symbols,
        sizing=sizing,
        signal=np.where(np.isfinite(known.signal) & (known.signal != 0.0), known.signal, 0.0),
        multiplier=multiplier,
        budgets=split,
        volatility=portfolio_volatilities(
            view.changes, stops, split * known.volatility_ratio, account_days_per_year(calendars)
        ),
    )
