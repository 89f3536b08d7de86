"""The signals of all symbols, aligned on the union of their dates, with volatilities in the account's currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray
from strategy.market.currencies import FxSeries
from strategy.market.instruments import Calendar
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.har import Ranges
from strategy.signals.outlook import SymbolSignals, no_outlook
from strategy.signals.rolling import VOLATILITY_BARS, annual_volatility, change


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignedSignals:
    """The signals of all symbols, and their returns on the union of their dates: `changes` is (U, S).

    `currency` is that of volatilities and returns; empty: each symbol's own.
    """

    outlooks: Sequence[SymbolSignals]
    union: TimeArray
    changes: FloatArray
    currency: str = ""


def aligned_signals(outlooks: Mapping[str, SymbolSignals], symbols: Sequence[str]) -> AlignedSignals:
    """Align the signals in the order of the symbols; a symbol without bars gets signals without rows."""
    ordered = [outlooks[symbol] if symbol in outlooks else no_outlook(symbol) for symbol in symbols]
    union, changes = aligned_changes(ordered)
    return AlignedSignals(outlooks=ordered, union=union, changes=changes)


def aligned_changes(outlooks: Sequence[SymbolSignals]) -> tuple[TimeArray, NDArray[np.float64]]:
    """Return the union of the symbols' dates, (U,), and their returns on it, (U, S); 0 on dates without a session."""
    union = np.unique(np.concatenate([outlook.open_time for outlook in outlooks]))
    changes = np.zeros((len(union), len(outlooks)))
    for column, outlook in enumerate(outlooks):
        changes[np.searchsorted(union, outlook.open_time), column] = np.nan_to_num(outlook.change)
    return union, changes


def in_base_currency(view: AlignedSignals, config: AccountConfig) -> AlignedSignals:
    """Return the view with volatilities, returns and ranges of prices converted at the rate of each row's date.

    Signals and regimes stay those of the prices as they are. A volatility that would read rows before the first rate is
    unknown. Raises FxMissing for a currency without rates.
    """
    currencies, instruments = config.terms.costs.currencies, config.terms.instruments
    rates = {symbol: currencies.of(instruments[symbol]) for symbol in config.symbols}
    if view.currency == currencies.base or not any(rates.values()):
        return view
    outlooks = {}
    for outlook in view.outlooks:
        series = rates[outlook.symbol]
        outlooks[outlook.symbol] = (
            outlook if series is None else _converted(outlook, series, instruments[outlook.symbol].calendar)
        )
    symbols = [outlook.symbol for outlook in view.outlooks]
    return replace(aligned_signals(outlooks, symbols), currency=currencies.base)


def _converted(outlook: SymbolSignals, series: FxSeries, calendar: Calendar) -> SymbolSignals:
    if outlook.ranges is None:
        return outlook
    bars = series.converted(outlook.ranges.bars)
    returns, volatility = change(bars.adjusted_close, 1), annual_volatility(bars.adjusted_close, calendar.days_per_year)
    unknown = int((series.rows(bars.open_time) < 0).sum())
    if unknown:
        returns[: unknown + 1] = np.nan
        volatility[: unknown + VOLATILITY_BARS] = np.nan
    return replace(outlook, volatility=volatility, change=returns, ranges=Ranges(bars))
