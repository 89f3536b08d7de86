"""Made-up markets for the networks: walks, reversals, calendars, and the mandate of an account on them."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np

from strategy.account.fees_and_slippage import Costs
from strategy.account.trading_terms import TradingTerms
from strategy.builtin.registry import TURBO
from strategy.market.bars import Bars, make_bars
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams


def dates(first: str, count: int, calendar: Calendar = Calendar.ALWAYS) -> np.ndarray:
    days = np.arange(np.datetime64(first, "D"), np.datetime64(first, "D") + 2 * count)
    kept = days if calendar is Calendar.ALWAYS else days[np.is_busday(days)]
    return kept[:count].astype("datetime64[us]")


def walk(symbol: str, seed: int, count: int = 1200, *, first: str = "2010-01-01", reversal: float = 0.0) -> Bars:
    """Prices around the clock whose return carries the share -`reversal` of the return before it."""
    draw = np.random.default_rng(seed)
    returns = 0.01 * draw.standard_normal(count)
    for bar in range(1, count):
        returns[bar] -= reversal * returns[bar - 1]
    return make_bars(symbol, dates(first, count), close=100 * np.exp(np.cumsum(returns)))


def stock(symbol: str, seed: int, count: int, first: str = "2010-01-01") -> Bars:
    """Prices on weekdays."""
    close = 50 * np.exp(np.cumsum(0.012 * np.random.default_rng(seed).standard_normal(count)))
    return make_bars(symbol, dates(first, count, Calendar.WEEKDAYS), close=close)


def with_ranges(bars: Bars, seed: int) -> Bars:
    """The bars with highs and lows beyond their opens and closes."""
    draw = np.random.default_rng(seed)
    above, below = 0.01 * draw.random((2, len(bars)))
    return replace(bars, high=bars.high * (1.0 + above), low=bars.low * (1.0 - below))


def market(*bars: Bars) -> dict[str, Bars]:
    return {series.symbol: series for series in bars}


def mandate(bars: Mapping[str, Bars], costs: Costs | None = None, *, shortable: bool = True) -> AccountConfig:
    """An account on these symbols, whose calendar is read off their dates; one basis point of cost."""
    return AccountConfig(
        strategy=TURBO,
        symbols=tuple(sorted(bars)),
        sizing=SizingParams(),
        limits=RiskLimits(),
        terms=TradingTerms(
            account="test",
            instruments={symbol: _instrument(series, shortable) for symbol, series in bars.items()},
            costs=costs or Costs(fee_bps=Decimal(1), slippage_bps=Decimal(0)),
        ),
    )


def _instrument(bars: Bars, shortable: bool) -> Instrument:
    always = len(bars) < 7 or bool((np.diff(bars.open_time[:7]) == np.timedelta64(1, "D")).all())
    return Instrument(
        symbol=bars.symbol,
        calendar=Calendar.ALWAYS if always else Calendar.WEEKDAYS,
        lot=Decimal("1e-12"),
        shortable=shortable,
    )
