"""The warning that a user's own interest rates may be in percent."""

from decimal import Decimal

from strategy.account.interest_rates import FinancingTerms
from tasks.data.rates import CONSTANT, FILE

#: Highest yearly rate of a user's own that passes without a warning, a fraction.
MOST_USUAL = Decimal("0.15")


def high_rates(terms: FinancingTerms) -> list[str]:
    """Return a warning if a rate of a file or a constant is so high that it may be percent; empty if none is.

    >>> from strategy.account.interest_rates import constant
    >>> rates = constant(Decimal("0.25"))
    >>> high_rates(FinancingTerms(rates=rates, risk_free=rates))
    ['constant:0.25 has the rate 0.25, which is 25 % a year; if it is meant in percent, write 0.0025 for 0.25 %']
    """
    series = terms.risk_free
    highest = max(series.rates)
    if highest <= MOST_USUAL or not series.name.startswith((CONSTANT, FILE)):
        return []
    day = "" if series.unending else f" on {series.dates[series.rates.index(highest)]}"
    rate, fraction = (f"{each.normalize():f}" for each in (highest, highest / 100))
    yearly = f"{(highest * 100).normalize():f}"
    return [
        f"{series.name} has the rate {rate}{day}, which is {yearly} % a year; if it is meant in percent, write "
        f"{fraction} for {rate} %"
    ]
