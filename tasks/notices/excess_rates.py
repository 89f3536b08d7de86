"""Warnings about Sharpe ratios whose returns should be above a rate that is not known; it moves no money."""

from datetime import date, timedelta

from strategy.account.interest_rates import CARRIED_DAYS, FinancingTerms, LackingRates
from tasks.data.rates import YAHOO

#: What ends the lack of a series; Yahoo's lacks a rate only where it cannot be reached.
_OF_YAHOO = 'it takes the network and yfinance (pip install -e ".[equities]")'
_OF_OTHERS = "give the dollar's rates with --rates, such as yahoo or file:PATH"
_ABOVE_ZERO = "or --rates constant:0 to be measured above 0"


def above_zero(terms: FinancingTerms) -> list[str]:
    """Return a warning if excess returns are above 0 for want of the dollar's rates; empty otherwise.

    >>> from strategy.account.interest_rates import NO_RATE, LackingRates
    >>> bills = LackingRates(name="bills", last=date(2018, 11, 30))
    >>> above_zero(FinancingTerms(rates=NO_RATE, risk_free=NO_RATE, lacking=bills))[0][:72]
    'Sharpe ratios are of returns above 0, not above the rate of the dollar: '
    """
    if terms.lacking is None:
        return []
    return [f"Sharpe ratios are of returns above 0, not above the rate of the dollar: {_lack(terms.lacking)}"]


def ratio_left_out(terms: FinancingTerms, first: date, last: date) -> list[str]:
    """Return a warning if an account lacks a Sharpe ratio since a rate of its days is not known; empty otherwise."""
    left_out = "the account's Sharpe ratio is left out, which is above"
    if terms.lacking is not None:
        return [f"{left_out} the rate of the dollar: {_lack(terms.lacking)}"]
    unknown = terms.risk_free.lacks(first, last)
    if unknown is None:
        return []
    return [
        f"{left_out} {terms.risk_free.name}: it has no rate for {unknown}, "
        "a day of the account; give rates that have one"
    ]


def _lack(lacking: LackingRates) -> str:
    """Return that the series has no rate, and the remedy."""
    remedy = f"{_OF_YAHOO if lacking.name == YAHOO else _OF_OTHERS}, {_ABOVE_ZERO}"
    if lacking.last is None:
        return f"{lacking.name} gave none; {remedy}"
    return f"{lacking.name} has none after {lacking.last + timedelta(days=CARRIED_DAYS)}; {remedy}"
