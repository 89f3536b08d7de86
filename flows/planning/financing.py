"""The terms of financing that the settings describe, with the series of rates that they name."""

from datetime import date, datetime
from decimal import Decimal

from flows.config.settings import Settings
from strategy.account.interest_rates import NO_RATE, FinancingTerms, flat
from tasks.data.rates import DOLLAR_COINS, RatesWanted, rate_series


def financing(settings: Settings, currency: str, as_of: date, now: datetime) -> FinancingTerms:
    """Return the terms: the flat rate if one is set, else dated rates with their spreads.

    Cash in a coin that stands for a dollar earns nothing and borrowing it costs the spread alone, but excess returns
    are above the rate of the dollar. Raises what `rate_series` raises.
    """
    if settings.financing_rate is not None:
        return flat(Decimal(repr(settings.financing_rate)))
    series = rate_series(
        RatesWanted(home=settings.home, source=settings.rates, currency=currency, as_of=as_of, now=now)
    )
    return FinancingTerms(
        rates=NO_RATE if currency in DOLLAR_COINS else series,
        risk_free=series,
        borrow_spread=Decimal(repr(settings.borrow_spread)),
        cash_spread=Decimal(repr(settings.cash_spread)),
        short_fee=Decimal(repr(settings.short_fee)),
    )
