"""The terms of financing that the settings describe, with the series of rates that they name."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from flows.config.settings import Settings
from strategy.account.interest_rates import NO_RATE, FinancingTerms, flat
from strategy.market.instruments import Instrument
from tasks.data.rates import BILLS, CONSTANT, DOLLAR_COINS, YAHOO, RatesWanted, rate_series

#: The rates of money that earns nothing.
_NO_INTEREST = f"{CONSTANT}0"


def with_rates(settings: Settings, instruments: Iterable[Instrument]) -> Settings:
    """Return the settings with the rates in force: those that were given, else those that fit what is traded.

    Coins that stand for a dollar have the rate 0, bars of Yahoo the bills of Yahoo, and all others the shipped ones.
    """
    if settings.rates is not None:
        return settings
    money = {settings.base_currency} if settings.base_currency else {instrument.money for instrument in instruments}
    usual = YAHOO if settings.source == "yahoo" else BILLS
    fitting = _NO_INTEREST if money and money <= DOLLAR_COINS else usual
    return settings.model_copy(update={"rates": fitting})


def financing(settings: Settings, currency: str, as_of: date, now: datetime) -> FinancingTerms:
    """Return the terms: the flat rate if one is set, else dated rates with their spreads; `with_rates` names those.

    Cash in a coin that stands for a dollar earns nothing and borrowing it costs the spread alone, but excess returns
    are above the rate of the dollar. Raises what `rate_series` raises.
    """
    if settings.financing_rate is not None:
        return flat(Decimal(repr(settings.financing_rate)))
    assert settings.rates is not None, "the rates in force are known"
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
