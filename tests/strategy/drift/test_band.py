"""The band is exceeded as rarely as it says, is the same for the same seed, and sees a ruinous year."""

import numpy as np
import pytest

from strategy.drift.band import FEWEST_PAST_DAYS, FIRST_JUDGED, Band, frozen_band, outside
from strategy.drift.looks import SHARE, Check, Looks, year_of
from strategy.market.bars import FloatArray

LOOKS = Looks(year_days=252, seed=7, paths=600)


def noise(days: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0005, 0.01, days)


def test_the_same_past_and_seed_freeze_the_same_band() -> None:
    past = noise(1_260, 1)
    assert frozen_band(past, LOOKS) == frozen_band(past.copy(), LOOKS)
    assert frozen_band(past, LOOKS) != frozen_band(past, Looks(year_days=252, seed=8, paths=600))


def test_the_middle_is_the_past_s_growth_and_the_width_counts_its_error() -> None:
    band = Band(mean=0.001, deviation=0.01, limit=3.0, past_days=1_000, year_days=252, block_days=1.0)
    day = np.array([1.0, 100.0])
    assert band.middle(day).tolist() == pytest.approx([0.001, 0.1])
    # √(100 + 100² / 1000) = √110
    assert band.half_width(day).tolist() == pytest.approx([0.03 * 1.001**0.5, 0.03 * 110**0.5])


def test_independent_years_leave_the_band_as_rarely_as_they_may() -> None:
    left = 0
    for seed in range(12):
        drawn = noise(1_260 + 30 * 252, seed)
        band = frozen_band(drawn[:1_260], Looks(year_days=252, seed=seed, paths=300))
        years = drawn[1_260:].reshape(30, 252)
        left += sum(bool((np.abs(outside(band, np.cumsum(year))) > 1.0).any()) for year in years)
    # 360 years at a share of 1 in 120: 3 expected; 12 or more would come once in 10,000 times.
    assert 0 < left < 12


def test_memory_of_volatility_widens_the_band() -> None:
    clustered = noise(1_008, 1)
    clustered[400:480] *= 8.0
    mixed = np.random.default_rng(3).permutation(clustered)
    assert frozen_band(clustered, LOOKS).limit > 1.2 * frozen_band(mixed, LOOKS).limit


def test_a_loss_beyond_luck_is_outside_and_the_first_days_are_not_judged() -> None:
    band = frozen_band(noise(1_260, 1), LOOKS)
    off = outside(band, np.full(30, -0.25))
    assert off[: FIRST_JUDGED - 1].tolist() == [0.0] * (FIRST_JUDGED - 1)
    assert (off[FIRST_JUDGED - 1 :] < -1.0).all()
    assert (outside(band, np.full(30, 0.25))[FIRST_JUDGED - 1 :] > 1.0).all()


@pytest.mark.parametrize("past", [noise(FEWEST_PAST_DAYS - 1, 1), np.zeros(1_000), np.full(1_000, np.nan)])
def test_a_past_that_measures_nothing_is_refused(past: FloatArray) -> None:
    with pytest.raises(ValueError, match=f"a band needs at least {FEWEST_PAST_DAYS} finite returns"):
        frozen_band(past, LOOKS)


def test_all_checks_together_stay_below_five_percent() -> None:
    assert SHARE * len(Check) <= 0.05
    assert year_of(252, 252) == 0
    with pytest.raises(ValueError, match="one path beyond it"):
        Looks(year_days=252, seed=1, paths=50)
