import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from strategy.evaluation.bootstrap import Blocks, block_days, resampled_means, stationary_rows
from strategy.market.bars import FloatArray
from testing.accounts.returns import universe


def from_arch(series: FloatArray) -> float:
    return float(optimal_block_length(series)["stationary"].iloc[0])


@pytest.mark.parametrize("autocorrelation", [-0.3, 0.0, 0.3, 0.8])
@pytest.mark.parametrize("days", [250, 2_500])
def test_a_block_is_as_long_as_arch_has_it(autocorrelation: float, days: int) -> None:
    for series in (universe(seed, days, autocorrelation)[0] for seed in range(10)):
        assert block_days(series) == pytest.approx(max(from_arch(series), 1.0))


def test_a_series_without_memory_needs_no_blocks_and_a_swing_long_ones() -> None:
    assert block_days(np.random.default_rng(1).normal(size=2_000)) < 5
    assert block_days(np.sin(np.arange(400) / 20)) > 20
    assert block_days(np.tile([1.0, -1.0], 50)) >= 1.0


def test_resampled_rows_come_in_blocks_of_the_wanted_length() -> None:
    rows = stationary_rows(500, 200, Blocks(days=10.0, random=np.random.default_rng(1)))
    assert rows.shape == (200, 500)
    assert (rows.min(), rows.max()) == (0, 499)
    joined = (rows[:, 1:] == (rows[:, :-1] + 1) % 500).mean()
    assert joined == pytest.approx(0.9, abs=0.01)
    assert np.bincount(rows.ravel(), minlength=500).std() < 0.2 * 200


@pytest.mark.parametrize("autocorrelation", [0.0, 0.8])
def test_resampled_means_spread_as_those_of_arch(autocorrelation: float) -> None:
    series = universe(1, 500, autocorrelation)[0]
    ours = resampled_means(series[:, None], 4_000, Blocks(days=20.0, random=np.random.default_rng(1)))
    theirs = StationaryBootstrap(20, series, seed=1).apply(np.mean, 4_000)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.1 * theirs.std())
    assert ours.std() == pytest.approx(theirs.std(), rel=0.05)


def test_resampled_means_are_those_of_the_drawn_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    series = np.random.default_rng(2).normal(size=(90, 3))
    rows = stationary_rows(90, 40, Blocks(days=4.0, random=np.random.default_rng(3)))
    means = resampled_means(series, 40, Blocks(days=4.0, random=np.random.default_rng(3)))
    assert means == pytest.approx(series[rows].mean(axis=1), abs=1e-15)
    monkeypatch.setattr("strategy.evaluation.bootstrap._CHUNK_NUMBERS", 1_000)
    assert resampled_means(series, 40, Blocks(days=4.0, random=np.random.default_rng(3))).shape == (40, 3)
