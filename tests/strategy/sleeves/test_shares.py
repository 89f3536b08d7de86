"""Shares add up to what is shared, to the last digit, whatever the weights."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.sleeves.shares import filled, shares

D = Decimal
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=12)
SEVERAL = st.lists(AMOUNTS, min_size=1, max_size=8)


@given(AMOUNTS, SEVERAL)
def test_shares_add_up(amount: Decimal, weights: list[Decimal]) -> None:
    assert sum(shares(amount, [abs(weight) for weight in weights]), D(0)) == amount


@given(AMOUNTS, SEVERAL)
def test_a_fill_adds_up_and_a_sleeve_is_never_further_from_its_wish_than_the_fill_from_theirs(
    quantity: Decimal, wanted: list[Decimal]
) -> None:
    parts = filled(quantity, wanted)
    assert sum(parts, D(0)) == quantity
    if any(wanted):
        missing = abs(quantity - sum(wanted, D(0)))
        assert all(abs(part - wish) <= missing + D("1e-11") for part, wish in zip(parts, wanted, strict=True))


@given(st.lists(st.decimals(min_value=1, max_value=10**6, places=6), min_size=1, max_size=8))
def test_a_fill_as_wanted_gives_each_sleeve_what_it_wanted(wanted: list[Decimal]) -> None:
    assert list(filled(sum(wanted, D(0)), wanted)) == wanted


@pytest.mark.parametrize(
    ("quantity", "wanted", "parts"),
    [
        # Half of what all wanted: each gets half.
        ("5", ("8", "2"), ("4", "1")),
        # Opposite wishes cross inside.
        ("2", ("5", "-3"), ("5", "-3")),
        # One lot is missing of 2: 5/8 and 3/8 of it.
        ("1", ("5", "-3"), ("4.375", "-3.375")),
        # The remainder of a third goes to the first that takes part.
        ("1", ("0", "3", "3", "3"), ("0", "0.333333333334", "0.333333333333", "0.333333333333")),
        ("1", ("0", "0"), ("0.5", "0.5")),
    ],
)
def test_fills_by_hand(quantity: str, wanted: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert filled(D(quantity), list(map(D, wanted))) == tuple(map(D, parts))
