from datetime import date
from decimal import Decimal

import pytest

from strategy.account.interest_rates import FinancingTerms, RatesMissing, constant
from strategy.account.risk_free import risk_free
from testing.accounts.worked_days import FRIDAY, MONDAY, TERMS, TUESDAY

D = Decimal


def test_each_day_has_the_rate_of_the_day_before_it_over_the_days_between() -> None:
    cash = risk_free(TERMS, [FRIDAY, MONDAY, TUESDAY])
    assert cash.returns.tolist() == [0.04 * 3 / 365, 0.02 / 365]
    assert cash.idle.tolist() == [0.035 * 3 / 365, 0.015 / 365]
    assert cash.mean == pytest.approx((3 * 0.04 + 0.02) / 4)


def test_a_stablecoin_earns_nothing_and_is_measured_against_the_dollar() -> None:
    cash = risk_free(FinancingTerms(rates=constant(D(0)), risk_free=constant(D("0.05"))), [FRIDAY, MONDAY])
    assert (cash.returns.tolist(), cash.idle.tolist()) == ([0.05 * 3 / 365], [0.0])


def test_a_single_date_has_no_return_and_needs_no_rate() -> None:
    cash = risk_free(TERMS, [date(1990, 1, 1)])
    assert (cash.returns.tolist(), cash.idle.tolist(), cash.mean) == ([], [], None)
    with pytest.raises(RatesMissing, match="begin on 2020-01-01, and 1990-01-01 needs one"):
        risk_free(TERMS, [date(1990, 1, 1), FRIDAY])
