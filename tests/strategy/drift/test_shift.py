"""The stability index is calibrated to a year of looks, and sees volatility that doubles."""

import numpy as np
import pytest

from strategy.drift.looks import Looks
from strategy.drift.shift import (
    BINS,
    FEWEST_RETURNS,
    WINDOW_DAYS,
    Reference,
    covered,
    frozen_reference,
    shifts,
)
from strategy.market.bars import FloatArray

LOOKS = Looks(year_days=252, seed=7, paths=400)


def returns(days: int, seed: int) -> FloatArray:
    random = np.random.default_rng(seed)
    return 0.01 * (random.normal(size=(days, 1)) + random.normal(size=(days, 3)))


def test_the_same_past_and_seed_freeze_the_same_reference() -> None:
    assert frozen_reference(returns(1_500, 1), LOOKS) == frozen_reference(returns(1_500, 1), LOOKS)


def test_the_reference_lies_in_equal_tenths() -> None:
    found = frozen_reference(returns(1_500, 1), LOOKS)
    assert np.array(found.counts).tolist() == pytest.approx([450.0] * BINS, abs=1.0)


def test_the_index_is_that_of_the_formula() -> None:
    counts = (10.0,) * BINS
    edges = tuple(np.arange(1.0, BINS))
    reference = Reference(
        mean=(0.0,), deviation=(1.0,), edges=edges, counts=counts, limit=1.0, past_days=100, block_days=1.0
    )
    # All of the window lies in the lowest tenth.
    found = shifts(reference, np.zeros((WINDOW_DAYS, 1)))
    total = WINDOW_DAYS + 5.0
    first, other, held = (WINDOW_DAYS + 0.5) / total, 0.5 / total, 0.1
    expected = (first - held) * np.log(first / held) + 9 * (other - held) * np.log(other / held)
    assert np.isnan(found[:-1]).all()
    assert found[-1] == pytest.approx(expected)


def test_doubled_volatility_is_seen_and_the_same_market_is_not() -> None:
    reference = frozen_reference(returns(2_520, 1), LOOKS)
    assert np.nanmax(shifts(reference, returns(504, 2))) < reference.limit
    seen = shifts(reference, 2.0 * returns(252, 3)) > reference.limit
    assert seen[WINDOW_DAYS - 1 :].all()


def test_a_symbol_without_sessions_counts_as_nothing() -> None:
    past, live = returns(1_500, 1), returns(252, 2)
    past[::7, 0] = np.nan
    live[:, 0] = np.nan
    reference = frozen_reference(past, LOOKS)
    assert sum(reference.counts) == np.isfinite(past).sum()
    assert np.isfinite(shifts(reference, live)[WINDOW_DAYS - 1 :]).all()
    assert np.isnan(shifts(reference, np.full_like(live, np.nan))).all()


def test_a_symbol_with_too_few_returns_is_not_covered_and_refused() -> None:
    past = returns(1_500, 1)
    past[: 1_500 - FEWEST_RETURNS + 1, 1] = np.nan
    past[:, 2] = 0.0
    assert covered(past).tolist() == [True, False, False]
    with pytest.raises(ValueError, match=f"needs {FEWEST_RETURNS} returns of each"):
        frozen_reference(past, LOOKS)
