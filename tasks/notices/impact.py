"""Warnings about orders that were filled without the impact that is stated of their symbol."""

from collections.abc import Sequence

from strategy.account.orders import Fill
from strategy.account.paper_fills import is_known
from strategy.account.quotes import QuotesByDate
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.fill_quotes import impacted
from strategy.market.instrument_terms import INSTRUMENT_FILE


def without_impact(fills: Sequence[Fill], quotes: QuotesByDate, terms: TradingTerms) -> list[str]:
    """Return a sentence for each symbol with impact that had fills on bars without volume or volatility."""
    lacking: dict[str, list[int]] = {}
    moved = impacted(terms)
    # Fills may be built when they are first read.
    for fill in fills if moved else ():
        quote = quotes.on(fill.as_of).get(fill.symbol)
        if quote is None or fill.symbol not in moved:
            continue
        counts = lacking.setdefault(fill.symbol, [0, 0, 0])
        counts[0] += 1
        counts[1] += quote.volume is None
        counts[2] += quote.volume is not None and not is_known(quote)
    return [
        f"{INSTRUMENT_FILE} states an impact of {symbol}, and {without + early:,} of its {count:,} fills have none: "
        f"{without:,} bars have no volume, {early:,} have too few bars before them for a volatility"
        for symbol, (count, without, early) in sorted(lacking.items())
        if without + early
    ]
