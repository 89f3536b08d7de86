from itertools import combinations

import numpy as np
import pytest

from strategy.evaluation.pbo import overfitting
from strategy.market.bars import FloatArray


def noise(seed: int, days: int, size: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((days, size)) * 0.01


def told_slowly(returns: FloatArray, blocks: int) -> tuple[float, float, float, int]:
    """The share below the median, the share of losses and the slope, straight from the paper's words."""
    parts = np.split(np.arange(len(returns)), [len(returns) * block // blocks for block in range(1, blocks)])
    logits, inside, outside = [], [], []
    for half in combinations(range(blocks), blocks // 2):
        first = returns[np.concatenate([parts[i] for i in half])]
        second = returns[np.concatenate([parts[i] for i in range(blocks) if i not in half])]
        chosen, other = first.mean(axis=0) / first.std(axis=0), second.mean(axis=0) / second.std(axis=0)
        best = int(chosen.argmax())
        rank = (other <= other[best]).sum() / (len(other) + 1)
        logits.append(np.log(rank / (1 - rank)))
        inside.append(chosen[best])
        outside.append(other[best])
    slope = float(np.polyfit(inside, outside, 1)[0])
    return float(np.mean(np.array(logits) <= 0)), float(np.mean(np.array(outside) < 0)), slope, len(logits)


@pytest.mark.parametrize(("days", "size", "blocks"), [(48, 2, 4), (120, 7, 6), (100, 10, 8)])
def test_it_is_what_the_paper_says(days: int, size: int, blocks: int) -> None:
    returns = noise(3, days, size)
    pbo, loss, slope, splits = told_slowly(returns, blocks)
    found = overfitting(returns, blocks)
    assert (found.pbo, found.loss, found.splits) == (pbo, loss, splits)
    assert found.slope == pytest.approx(slope)


def test_days_that_do_not_divide_are_all_used() -> None:
    returns = noise(4, 105, 3)
    assert overfitting(returns, 4) != overfitting(returns[:104], 4)


def test_the_best_on_noise_is_below_the_median_half_of_the_time() -> None:
    found = [overfitting(noise(seed, 500, 40), 10) for seed in range(80)]
    chances = np.array([one.pbo for one in found])
    # The splits of one sample share their days, so one figure says little: its deviation is 0.17, of the mean 0.02.
    assert chances.mean() == pytest.approx(0.5, abs=0.06)
    assert 0.1 < chances.std() < 0.25
    # What one half has too much of, the other lacks.
    assert np.mean([one.slope for one in found if one.slope is not None]) < -0.2


def test_a_truly_good_configuration_is_chosen_and_stays_good() -> None:
    returns = noise(1, 1_000, 50)
    returns[:, 20] += 0.0015
    weak = overfitting(returns)
    returns[:, 20] += 0.0015
    found = overfitting(returns)
    assert (found.splits, found.pbo, found.loss) == (12_870, 0.0, 0.0)
    assert 0.1 < weak.pbo < 0.4


def test_a_configuration_that_never_trades_is_neither_good_nor_bad() -> None:
    losing = noise(2, 200, 3) - 0.02
    losing[:, 1] = 0.0
    found = overfitting(losing, 8)
    assert (found.pbo, found.loss, found.slope) == (0.0, 0.0, None)


def test_equal_configurations_are_no_choice() -> None:
    assert overfitting(np.repeat(noise(5, 100, 1), 4, axis=1), 4).pbo == 1.0


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(50, 1\); overfitting needs \(T, N\) of at least 2 configurations"):
        overfitting(noise(1, 50, 1), 4)
    with pytest.raises(ValueError, match="blocks is 5; it must be even, from 2 to 20"):
        overfitting(noise(1, 50, 2), 5)
    with pytest.raises(ValueError, match="blocks is 22; it must be even, from 2 to 20"):
        overfitting(noise(1, 50, 2), 22)
    with pytest.raises(ValueError, match="31 days are too few for 16 blocks; 32 are needed"):
        overfitting(noise(1, 31, 2))
    with pytest.raises(ValueError, match="2 of the returns are not finite"):
        overfitting(np.where(np.arange(64)[:, None] < 1, np.nan, noise(1, 64, 2)))
