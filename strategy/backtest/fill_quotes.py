"""Quotes for an account's fills: with the volatility that market impact reads, of the symbols that have it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from strategy.account.quotes import QuotesByDate, quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.market.bars import Bars
from strategy.signals.rolling import VOLATILITY_BARS, volatility_before

#: Bars before a fill bar on which its volatility depends.
IMPACT_BARS = VOLATILITY_BARS + 1


def impacted(terms: TradingTerms) -> frozenset[str]:
    """Return the symbols whose orders move the price."""
    return frozenset(symbol for symbol, each in terms.instruments.items() if terms.costs.impact(each))


def fill_quotes(bars: Mapping[str, Bars], first: date, last: date, terms: TradingTerms) -> QuotesByDate:
    """Return the quotes of all bars dated `first` to `last`, both included.

    Those of symbols with impact carry the daily volatility up to the bar before, NaN where the bars are too few.
    """
    known = quotes_by_date(bars, first, last)
    moved = impacted(terms) & bars.keys()
    if not moved:
        return known
    volatility = {symbol: _before(bars[symbol]) for symbol in moved}
    return QuotesByDate(
        quotes={
            day: {
                symbol: replace(quote, volatility=volatility[symbol][day]) if symbol in moved else quote
                for symbol, quote in quotes.items()
            }
            for day, quotes in known.quotes.items()
        }
    )


def _before(bars: Bars) -> dict[date, float]:
    """Return the daily volatility up to the bar before each, by the bar's date."""
    known = volatility_before(bars.adjusted_close)
    days: list[date] = bars.open_time.astype("datetime64[D]").tolist()
    return dict(zip(days, known.tolist(), strict=True))
