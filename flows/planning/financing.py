"""The terms of financing that the settings describe, with the series of rates that they name."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from flows.config.settings import Settings
from strategy.account.interest_rates import NO_RATE, FinancingTerms, LackingRates, flat
from strategy.market.instruments import Instrument
from tasks.data.rates import BILLS, DOLLAR_COINS, YAHOO, RatesWanted, dollar_rates, rate_series


def with_rates(settings: Settings, instruments: Iterable[Instrument]) -> Settings:
    """Return the settings with the rates in force: those that were given, else those that fit what is traded.

    Bars of Yahoo, and coins that stand for a dollar at Binance, have the bills of Yahoo, and all others the shipped
    ones.
    """
    if settings.rates is not None:
        return settings
    money = {settings.base_currency} if settings.base_currency else {instrument.money for instrument in instruments}
    online = settings.source == "yahoo" or (
        settings.source.startswith("binance") and bool(money) and money <= DOLLAR_COINS
    )
    return settings.model_copy(update={"rates": YAHOO if online else BILLS})


def financing(settings: Settings, currency: str, as_of: date, now: datetime) -> FinancingTerms:
    """Return the terms: the flat rate if one is set, else dated rates with their spreads; `with_rates` names those.

    Cash in a coin that stands for a dollar earns nothing and borrowing it costs the spread alone, but excess returns
    are above the rate of the dollar, or above 0 where that lacks the run's day. Raises what `rate_series` raises.
    """
    if settings.financing_rate is not None:
        return flat(Decimal(repr(settings.financing_rate)))
    assert settings.rates is not None, "the rates in force are known"
    wanted = RatesWanted(home=settings.home, source=settings.rates, currency=currency, as_of=as_of, now=now)
    coin = currency in DOLLAR_COINS
    series = dollar_rates(wanted) if coin else rate_series(wanted)
    lacking = series if isinstance(series, LackingRates) else None
    risk_free = NO_RATE if isinstance(series, LackingRates) else series
    return FinancingTerms(
        rates=NO_RATE if coin else risk_free,
        risk_free=risk_free,
        lacking=lacking,
        borrow_spread=Decimal(repr(settings.borrow_spread)),
        cash_spread=Decimal(repr(settings.cash_spread)),
        short_fee=Decimal(repr(settings.short_fee)),
    )
