from decimal import Decimal

import pytest

from exchange.brokers.amounts import amount


def test_an_amount_is_the_number_that_was_told_to_its_last_digit() -> None:
    assert str(amount("0.10")) == "0.10"
    assert amount(7) == Decimal(7)


@pytest.mark.parametrize(("told", "said"), [("NaN", "NaN"), ("Infinity", "Infinity"), ("-inf", "-Infinity")])
def test_what_compares_with_nothing_is_no_amount(told: str, said: str) -> None:
    with pytest.raises(ArithmeticError, match=f"^{said} is not a finite amount$"):
        amount(told)
