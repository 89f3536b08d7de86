"""Yields of 13-week Treasury bills from Yahoo: the index ^IRX, a discount yield in percent."""

from datetime import date, datetime
from decimal import Decimal

from exchange.ports import BarRequest, BarSource
from strategy.account.dated_rates import DatedRate

SYMBOL = "^IRX"
#: Days to maturity, and the days of the year by which a discount yield is quoted.
_DAYS, _QUOTED_YEAR, _YEAR = 91, 360, 365
#: Yahoo quotes thousandths of a percent.
_PLACES = Decimal("1e-6")


def bills(source: BarSource, since: date | None, until: date, now: datetime) -> tuple[DatedRate, ...]:
    """Return the rates of the sessions from `since` (None: the first) to `until` that are closed, from Yahoo's bars.

    Raises SourceUnavailable, SourceRefused.
    """
    bars = source.fetch(BarRequest(since={SYMBOL: since}, until=until, now=now))
    return tuple(
        DatedRate(day=stamp.date(), rate=yearly(Decimal(repr(round(float(close), 3)))))
        for stamp, close in zip(bars["open_time"], bars["close"], strict=True)
    )


def yearly(discount_percent: Decimal) -> Decimal:
    """Return the simple yearly rate that a bill bought at this discount yield earns on its price.

    The price of 1 at maturity is 1 − d · 91 / 360, with d the yield as a fraction.

    >>> yearly(Decimal("5.235"))
    Decimal('0.053789')
    """
    discount = discount_percent / 100
    return (_YEAR * discount / (_QUOTED_YEAR - _DAYS * discount)).quantize(_PLACES)
