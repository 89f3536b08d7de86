"""What cash alone returns on an account's dates: the measure from which excess returns are counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strategy.account.interest_rates import FinancingTerms
from strategy.market.bars import FloatArray, TimeArray
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskFree:
    """Returns from each of an account's T dates to the next, (T − 1,), fractions.

    `returns` are those of the risk-free rate, which excess returns subtract; `idle` are those of an account that holds
    nothing but cash. `mean` is the average yearly risk-free rate over the days, None without a day.
    """

    returns: FloatArray
    idle: FloatArray
    mean: float | None


def risk_free(terms: FinancingTerms, dates: Sequence[date] | TimeArray) -> RiskFree:
    """Return what cash returns between the dates (T,), at the rates of the earlier date of each pair.

    Raises RatesMissing for a date without a rate; the last date needs none.

    >>> from decimal import Decimal
    >>> from strategy.account.interest_rates import constant
    >>> two = FinancingTerms(rates=constant(Decimal("0.02")), risk_free=constant(Decimal("0.02")))
    >>> friday_to_monday = risk_free(two, [date(2020, 1, 3), date(2020, 1, 6)])
    >>> friday_to_monday.returns * 365 / 3, friday_to_monday.idle * 365 / 3, friday_to_monday.mean
    (array([0.02]), array([0.015]), 0.02)
    """
    stamps = np.asarray(dates, dtype="datetime64[us]")
    days = np.diff(stamps) / np.timedelta64(1, "D")
    rates = terms.on(stamps[:-1])
    returns = rates.risk_free * days / CALENDAR_DAYS_PER_YEAR
    spanned = float(days.sum())
    return RiskFree(
        returns=returns,
        idle=rates.cash * days / CALENDAR_DAYS_PER_YEAR,
        mean=float(rates.risk_free @ days) / spanned if spanned else None,
    )
