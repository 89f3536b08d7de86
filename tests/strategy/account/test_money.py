from decimal import ROUND_UP, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.account.lots import whole_lots
from strategy.account.money import exact, exact_all, quantised
from strategy.exit_codes import UsageError

D = Decimal


@pytest.mark.parametrize(
    ("number", "money"),
    [(0.1, "0.1"), (-2.5, "-2.5"), (1e-8, "0.00000001"), (1e15, "1000000000000000"), (0.1 + 0.2, "0.3"), (3, "3")],
)
def test_a_float_becomes_the_money_that_it_prints_as(number: float, money: str) -> None:
    assert exact(number) == D(money)
    assert exact(number).as_tuple().exponent == -12


@settings(max_examples=500)
@given(
    st.floats(-1e15, 1e15)
    | st.floats(-12, 12)
    | st.integers(-(10**13), 10**13).map(lambda count: (count + 0.5) / 1e12)
    | st.decimals(0, 20, places=13).map(float)
)
def test_money_is_that_of_the_printed_digits_near_ties_and_zeros_too(number: float) -> None:
    assert exact(number).as_tuple() == quantised(D(repr(number))).as_tuple()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_cannot_become_money(number: float) -> None:
    with pytest.raises(ValueError, match=f"^{number} cannot become money: it is not finite$"):
        exact(number)


NUMBERS = st.one_of(
    st.integers(-(10**16), 10**16).flatmap(lambda count: st.integers(0, 9).map(lambda places: count / 10**places)),
    st.floats(min_value=-1e25, max_value=1e25, allow_nan=False),
    st.sampled_from([0.0, -0.0, 5e-13, 1e-8, 0.1 + 0.2, 9999999.99999999, 10000000.0, 99999.99999999999]),
)


@settings(max_examples=300, deadline=None)
@given(numbers=st.lists(NUMBERS, max_size=40))
def test_many_floats_become_the_money_that_each_does(numbers: list[float]) -> None:
    assert repr(exact_all(np.array(numbers))) == repr([exact(number) for number in numbers])


def test_what_is_not_finite_cannot_become_money_among_others() -> None:
    with pytest.raises(ValueError, match=r"^nan cannot become money: it is not finite$"):
        exact_all(np.array([1.0, np.nan]))


def test_money_is_rounded_half_even_whatever_the_context_says() -> None:
    with localcontext(rounding=ROUND_UP):
        rounded = [quantised(D(text)) for text in ("0.0000000000005", "0.0000000000015", "-0.0000000000025")]
    assert rounded == [D(0), D("2E-12"), D("-2E-12")]


def test_lots_are_rounded_towards_zero_whatever_the_context_says() -> None:
    with localcontext(rounding=ROUND_UP):
        lots = [whole_lots(D(text), D("0.3")) for text in ("1", "-1", "0.29", "0.3")]
    assert lots == [D("0.9"), D("-0.9"), D(0), D("0.3")]


def test_the_ledger_holds_a_quadrillion_of_a_token_and_says_where_it_ends() -> None:
    assert quantised(D("1e12") / D("1e-6")) == D("1e18")
    assert exact(2.5e25) == D("2.5e25")
    assert whole_lots(D("1234567890123456789.1234567"), D("1e-6")) == D("1234567890123456789.123456")
    remedy = r"; lower the capital, or leave out a symbol whose price is so small$"
    with pytest.raises(UsageError, match=rf"comes to 1\.000E\+26, and the ledger holds less than 1E\+26{remedy}"):
        quantised(D("1e26"))
