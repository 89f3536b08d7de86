"""Features are causal to the last bit, scale-free, bounded, and defined on every price series."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from strategy.signals.features import FEATURE_BARS, FEATURE_LIMIT, FEATURES, features

Closes = NDArray[np.float64]
WARM = FEATURE_BARS - 1


def closes(seed: int, bars: int = 400) -> Closes:
    """Fat-tailed random walk with stretches in which nothing moves."""
    rng = np.random.default_rng(seed)
    returns = 0.015 * rng.standard_t(3, bars) * rng.choice([0.0, 1.0], bars, p=[0.1, 0.9])
    return np.asarray(rng.uniform(1e-4, 1e4) * np.exp(np.cumsum(returns)))


def column(name: str, close: Closes) -> Closes:
    return features(close)[:, FEATURES.index(name)]


def test_there_are_fifteen_named_features() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 15
    assert features(closes(0)).shape == (400, 15)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), row=st.integers(WARM, 399))
def test_features_of_truncated_history_are_the_same_bits(seed: int, row: int) -> None:
    close = closes(seed)
    assert (features(close[: row + 1])[WARM:] == features(close)[WARM : row + 1]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), row=st.integers(WARM, 398))
def test_features_ignore_the_future(seed: int, row: int) -> None:
    close = closes(seed)
    corrupted = close.copy()
    corrupted[row + 1 :] = close[row + 1 :][::-1] * 7.3
    assert (features(corrupted)[WARM : row + 1] == features(close)[WARM : row + 1]).all()


@pytest.mark.parametrize("seed", range(3))
def test_features_of_the_bare_window_are_the_same_bits(seed: int) -> None:
    close = closes(seed)
    whole = features(close)
    for row in range(WARM, len(close)):
        assert (features(close[row - WARM : row + 1])[-1] == whole[row]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-40, 40))
def test_features_do_not_change_when_prices_are_rescaled(seed: int, power: int) -> None:
    close = closes(seed)
    assert (features(close * 2.0**power)[WARM:] == features(close)[WARM:]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_features_are_finite_and_bounded_after_the_warm_up(seed: int) -> None:
    close = closes(seed)
    close[300] *= 1e6
    warm = features(close)[WARM:]
    assert np.isfinite(warm).all()
    assert (np.abs(warm) <= FEATURE_LIMIT).all()


def test_features_are_unknown_before_the_warm_up() -> None:
    assert np.isnan(features(closes(1))[:WARM]).all()
    assert np.isnan(features(closes(1)[:WARM])).all()
    assert features(np.empty(0)).shape == (0, 15)


def test_prices_that_never_move_give_zero() -> None:
    assert (features(np.full(300, 12.5))[WARM:] == 0.0).all()


def test_prices_that_stop_moving_leave_finite_features() -> None:
    close = np.concatenate([closes(2, 300), np.full(300, 50.0)])
    assert np.isfinite(features(close)[WARM:]).all()


def test_the_return_is_measured_in_volatility() -> None:
    close = np.where(np.arange(300) % 2 == 0, 100.0, 101.0)
    assert column("return", close)[-1] == pytest.approx(0.01 / 0.009950, rel=1e-3)


def test_momentum_is_the_return_over_what_independent_days_would_give() -> None:
    close = 100 * 1.01 ** np.arange(300)
    assert column("momentum_5", close)[-1] == pytest.approx((1.01**5 - 1) / (0.01 * np.sqrt(5)))


def test_a_random_walk_gives_averages_a_gap_of_order_one() -> None:
    close = 100 * np.exp(np.cumsum(0.001 * np.random.default_rng(5).standard_normal(20_000)))
    for name in ("macd_8_24", "macd_16_48", "macd_32_96", "average_gap_20_50"):
        assert np.nanstd(column(name, close)) == pytest.approx(1.0, abs=0.15)


def test_trends_have_the_sign_of_the_move() -> None:
    rising = 100 * 1.001 ** np.arange(400)
    for name in ("momentum_252", "macd_8_24", "average_gap_20_50", "rsi_14"):
        assert column(name, rising)[-1] > 0
        assert column(name, rising[::-1])[-1] < 0


def test_the_drawdown_is_zero_at_a_high_and_negative_below_it() -> None:
    close = 100 * 1.001 ** np.arange(400)
    assert column("drawdown_252", close)[-1] == 0.0
    close[-1] *= 0.9
    assert column("drawdown_252", close)[-1] < 0


def test_the_volatility_ratio_is_the_logarithm_of_recent_to_usual() -> None:
    calm = np.where(np.arange(300) % 2 == 0, 100.0, 100.01)
    close = np.concatenate([calm, np.where(np.arange(20) % 2 == 0, 100.0, 101.0)])
    ratio = column("volatility_ratio_20_250", close)
    assert ratio[299] == pytest.approx(0.0, abs=1e-3)
    assert ratio[-1] == pytest.approx(0.5 * np.log(250 / 20), abs=0.05)


def test_a_crash_skews_to_the_left() -> None:
    close = closes(4)
    close[-1] *= 0.5
    assert column("skew_63", close)[-1] < -2
