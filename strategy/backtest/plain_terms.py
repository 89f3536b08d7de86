"""What a plain day reads of an account's terms, looked up once for each symbol and each rate."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from strategy.account.interest_rates import CARRIED_DAYS, FinancingTerms
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR, Instrument

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTerms:
    """The terms of a symbol: `buy` and `sell` multiply an open, and `over_from` is the first day it is delisted on.

    A `proportional` fee has neither a part per unit nor a minimum; an order that is not `limited` may be of any size.
    """

    instrument: Instrument
    buy: Decimal
    sell: Decimal
    slippage: Decimal
    impact: Decimal
    fee: Decimal
    per_share: Decimal
    min_fee: Decimal
    proportional: bool
    limited: bool
    over_from: date


def symbol_terms(symbol: str, terms: TradingTerms) -> SymbolTerms:
    """Return the terms of a symbol whose prices are in the account's own currency."""
    instrument, costs = terms.instruments[symbol], terms.costs
    slippage, per_share, min_fee = costs.slippage(instrument), costs.per_share(instrument), costs.min_fee(instrument)
    return SymbolTerms(
        instrument=instrument,
        buy=1 + slippage,
        sell=1 - slippage,
        slippage=slippage,
        impact=costs.impact(instrument),
        fee=costs.fee(instrument),
        per_share=per_share,
        min_fee=min_fee,
        proportional=not (per_share or min_fee),
        limited=instrument.max_quantity is not None or instrument.max_notional is not None,
        over_from=instrument.delisted_from or date.max,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """What borrowed money and short positions cost and cash earns over some days, for a unit of each.

    At a `flat` rate cash earns nothing, and both costs are one entry.
    """

    borrow: Decimal
    cash: Decimal
    short: Decimal
    flat: bool


class Accruals:
    """The accruals between account dates at some terms of financing, each computed once."""

    __slots__ = ("_flat", "_known", "_terms", "_until")

    def __init__(self, terms: FinancingTerms) -> None:
        self._terms, self._flat = terms, terms.flat_rate
        self._known: dict[tuple[int, int], Accrual] = {}
        self._until = [day + timedelta(days=CARRIED_DAYS) for day in terms.rates.dates if day != date.min]

    def over(self, since: date, days: int) -> Accrual:
        """Return what accrues over these days at the rates of `since`. Raises RatesMissing."""
        series = self._terms.rates
        row = -1 if self._flat is not None else bisect_right(series.dates, since) - 1
        known = self._known.get((row, days))
        # The rate of a row is not asked for beyond the days for which it stands: that raises.
        if known is None or not (self._flat is not None or series.unending or since <= self._until[row]):
            known = self._known[row, days] = self._accrual(since, days)
        return known

    def _accrual(self, since: date, days: int) -> Accrual:
        if self._flat is not None:
            rate = self._flat * days / CALENDAR_DAYS_PER_YEAR
            return Accrual(borrow=rate, cash=Decimal(0), short=rate, flat=True)
        rates = self._terms.at(since)
        borrow, cash, short = (rate * days / CALENDAR_DAYS_PER_YEAR for rate in (rates.borrow, rates.cash, rates.short))
        return Accrual(borrow=borrow, cash=cash, short=short, flat=False)
