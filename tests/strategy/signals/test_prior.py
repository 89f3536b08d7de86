"""The prior rule: bounded, causal to the last bit, between 0.4 in a flat market and 0.8 in a strong up-trend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.signals.prior import PRIOR_BARS, prior
from strategy.signals.rolling import change, daily_volatility


def closes(seed: int, bars: int = 400) -> np.ndarray:
    return 100 * np.exp(np.cumsum(0.012 * np.random.default_rng(seed).standard_t(3, bars)))


def test_the_prior_needs_257_closes() -> None:
    assert PRIOR_BARS == 257
    signal = prior(closes(0))
    assert np.isnan(signal[:256]).all()
    assert np.isfinite(signal[256:]).all()
    assert np.isnan(prior(closes(0, 100))).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_prior_of_the_bare_window_is_the_same_bits(seed: int) -> None:
    close = closes(seed)
    whole = prior(close)
    for row in range(PRIOR_BARS - 1, len(close)):
        assert prior(close[row + 1 - PRIOR_BARS : row + 1])[-1] == whole[row]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), row=st.integers(PRIOR_BARS - 1, 398))
def test_the_prior_ignores_the_future(seed: int, row: int) -> None:
    close = closes(seed)
    corrupted = close.copy()
    corrupted[row + 1 :] *= 3.0
    assert (prior(corrupted)[256 : row + 1] == prior(close)[256 : row + 1]).all()


def test_the_prior_is_a_third_of_holding_and_two_thirds_of_the_mean_trend() -> None:
    close = closes(7)
    sigma = daily_volatility(close)
    trends = [np.tanh(change(close, lag) / (sigma * np.sqrt(lag))) for lag in (21, 63, 126, 252)]
    assert prior(close)[-1] == pytest.approx((1 + 2 * np.mean(trends, axis=0)[-5:].mean()) / 3, rel=1e-12)


def test_the_prior_stays_between_a_third_short_and_its_ceiling() -> None:
    rising, falling = 1.02 ** np.arange(400.0), 0.98 ** np.arange(400.0)
    assert prior(rising)[-1] == pytest.approx(1.0, abs=0.01)
    assert prior(falling)[-1] == pytest.approx(-1 / 3, abs=0.01)


def test_prices_that_never_move_give_what_holding_adds() -> None:
    assert (prior(np.full(300, 3.0))[256:] == 1 / 3).all()


def test_on_a_random_walk_holding_and_trend_carry_the_same_risk() -> None:
    """The reason for the weights, and not a fit to any market: the mean square of the trend's part is the hold's."""
    walks = [np.exp(np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(4000))) for seed in range(8)]
    trend = np.concatenate([prior(walk)[PRIOR_BARS - 1 :] - 1 / 3 for walk in walks])
    assert np.sqrt((trend**2).mean()) == pytest.approx(1 / 3, rel=0.1)
