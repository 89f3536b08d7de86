from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.interest_rates import (
    CARRIED_DAYS,
    NO_RATE,
    FinancingTerms,
    RateSeries,
    RatesMissing,
    constant,
    flat,
)

D = Decimal
JANUARY, FEBRUARY = date(2016, 1, 1), date(2016, 2, 1)
NEGATIVE_THEN_POSITIVE = RateSeries(name="made", dates=(JANUARY, FEBRUARY), rates=(D("-0.004"), D("0.02")))
TERMS = FinancingTerms(rates=NEGATIVE_THEN_POSITIVE, risk_free=NEGATIVE_THEN_POSITIVE)


def test_the_last_rate_dated_on_or_before_a_day_is_in_force() -> None:
    days = [JANUARY, date(2016, 1, 31), FEBRUARY]
    assert [NEGATIVE_THEN_POSITIVE.at(day) for day in days] == [D("-0.004"), D("-0.004"), D("0.02")]


def test_money_costs_the_rate_and_a_spread_and_cash_earns_it_less_a_spread_but_never_pays() -> None:
    cold, warm = TERMS.at(JANUARY), TERMS.at(FEBRUARY)
    assert (cold.borrow, cold.cash, cold.short) == (D("0.011"), 0, D("0.005"))
    assert (warm.borrow, warm.cash, warm.short) == (D("0.035"), D("0.015"), D("0.005"))


def test_arrays_hold_the_rates_of_single_days_to_the_last_bit() -> None:
    days = [JANUARY + timedelta(days=number) for number in range(60)]
    arrays, singles = TERMS.on(days), [TERMS.at(day) for day in days]
    for name in ("borrow", "cash", "short"):
        assert getattr(arrays, name).tolist() == [float(getattr(rates, name)) for rates in singles]
    assert arrays.risk_free.tolist() == [float(TERMS.risk_free.at(day)) for day in days]
    stamps = np.array(days, dtype="datetime64[us]")
    assert TERMS.on(stamps).borrow.tolist() == arrays.borrow.tolist()


def test_a_rate_stands_for_45_days_and_no_longer() -> None:
    last = FEBRUARY + timedelta(days=CARRIED_DAYS)
    assert TERMS.risk_free.at(last) == D("0.02")
    beyond = last + timedelta(days=1)
    for asked in (lambda: TERMS.at(beyond), lambda: TERMS.on([JANUARY, beyond])):
        with pytest.raises(RatesMissing, match=r"none between 2016-02-01 and 2016-03-18.*--financing-rate.*constant:"):
            asked()


def test_a_gap_inside_a_series_is_refused_where_a_day_falls_into_it() -> None:
    holed = RateSeries(name="holed", dates=(JANUARY, date(2016, 6, 1)), rates=(D(0), D(0)))
    assert holed.rows([JANUARY, date(2016, 6, 2)]).tolist() == [0, 1]
    with pytest.raises(RatesMissing, match="none between 2016-01-01 and 2016-04-01"):
        holed.rows([date(2016, 4, 1)])


def test_no_day_before_a_series_begins_has_a_rate() -> None:
    for asked in (lambda: TERMS.at(date(2015, 12, 31)), lambda: TERMS.on([date(2015, 12, 31)])):
        with pytest.raises(RatesMissing, match="begin on 2016-01-01, and 2015-12-31 needs one"):
            asked()


def test_a_constant_series_never_ends() -> None:
    assert constant(D("0.02")).at(date(2400, 1, 1)) == D("0.02")
    assert constant(D("0.02")).rows([date(1900, 1, 1), date(2400, 1, 1)]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("dates", "rates", "match"),
    [
        ((), (), "0 dates and 0 rates"),
        ((JANUARY,), (D(0), D(0)), "1 dates and 2 rates"),
        ((FEBRUARY, JANUARY), (D(0), D(0)), "2016-01-01 after 2016-02-01; its dates must be sorted"),
        ((JANUARY, JANUARY), (D(0), D(0)), "2016-01-01 after 2016-01-01"),
        ((JANUARY,), (D("NaN"),), "must be a finite number"),
    ],
)
def test_a_series_is_sorted_complete_and_finite(
    dates: tuple[date, ...], rates: tuple[Decimal, ...], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        RateSeries(name="made", dates=dates, rates=rates)


def test_a_flat_rate_charges_what_is_borrowed_and_sold_short_alike_and_frees_the_rest() -> None:
    rates = flat(D("0.05")).at(JANUARY)
    assert (rates.borrow, rates.cash, rates.short) == (D("0.05"), 0, D("0.05"))
    assert flat(D("0.05")).risk_free == NO_RATE
    assert flat(D("0.05")).flat_rate == D("0.05")
    assert TERMS.flat_rate is None
    assert FinancingTerms(rates=NO_RATE, risk_free=NEGATIVE_THEN_POSITIVE).flat_rate is None


def test_negative_spreads_and_flat_rates_are_refused() -> None:
    with pytest.raises(ValueError, match=r"financing_rate is -0\.01; it must be at least 0"):
        flat(D("-0.01"))
    with pytest.raises(ValueError, match="cash_spread is -1; it must be at least 0"):
        FinancingTerms(rates=NO_RATE, risk_free=NO_RATE, cash_spread=D(-1))


def test_the_hash_of_a_series_covers_its_past_alone() -> None:
    short = RateSeries(name="other", dates=(JANUARY,), rates=(D("-0.0040"),))
    assert NEGATIVE_THEN_POSITIVE.sha256(date(2016, 1, 31)) == short.sha256(FEBRUARY)
    assert NEGATIVE_THEN_POSITIVE.sha256(FEBRUARY) != short.sha256(FEBRUARY)
