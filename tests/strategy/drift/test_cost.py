"""The test of costs has its size whatever the tails of the noise, and sees fills that cost too much."""

import numpy as np
import pytest

from strategy.drift.cost import FEWEST_DAYS, evidence, excess, frozen_limit
from strategy.drift.looks import SHARE, Looks

LIMIT = frozen_limit(Looks(year_days=252, seed=7, paths=4_000))


@pytest.mark.parametrize("tail", [3, 1_000])
def test_noise_exceeds_the_limit_in_as_few_years_as_it_may(tail: int) -> None:
    noise = np.random.default_rng(1).standard_t(tail, size=(2_000, 252))
    left = np.mean([(evidence(year) > LIMIT).any() for year in noise])
    assert left < 2.0 * SHARE


def test_fills_that_pay_twice_the_slippage_are_seen_within_the_year() -> None:
    noise = np.random.default_rng(1).normal(0.0005, 0.001, size=(200, 252))
    assert np.mean([(evidence(year) > LIMIT).any() for year in noise]) > 0.95


def test_cheaper_fills_and_equal_ones_raise_nothing() -> None:
    assert evidence(np.full(100, -0.001)).max() == 0.0
    assert evidence(np.zeros(100)).tolist() == [0.0] * 100
    assert evidence(np.zeros(0)).tolist() == []


def test_nothing_is_judged_before_enough_days() -> None:
    found = evidence(np.full(FEWEST_DAYS, 0.001))
    assert found[:-1].tolist() == [0.0] * (FEWEST_DAYS - 1)
    assert found[-1] == pytest.approx(FEWEST_DAYS**0.5)


def test_the_excess_is_a_fraction_of_the_money_traded() -> None:
    found = excess(np.array([5.0, 0.0]), np.array([2.0, 2.0]), np.array([1_000.0, 500.0]))
    assert found.tolist() == pytest.approx([0.003, -0.004])
