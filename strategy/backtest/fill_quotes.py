"""Quotes for an account's fills: with the volatility that market impact reads, of the symbols that have it."""

from collections.abc import Mapping
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
    moved = impacted(terms) & bars.keys()
    volatility = {symbol: volatility_before(bars[symbol].adjusted_close) for symbol in moved}
    return quotes_by_date(bars, first, last, volatility)
