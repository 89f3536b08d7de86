import numpy as np
import pandas as pd
import pytest

from strategy.market.bars import make_bars
from strategy.signals.regime import REGIMES, Regime, detect_market_regime, regime_bars, regimes

DAYS = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]").astype("datetime64[us]")


def walk(seed: int, drift: float = 0.0, bars: int = 300) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, 0.01, bars)))


def test_a_steady_rise_is_bull_and_a_steady_fall_is_bear() -> None:
    assert detect_market_regime({"close": walk(1, 0.01)})[0] is Regime.BULL
    assert detect_market_regime({"close": walk(1, -0.01)})[0] is Regime.BEAR


def test_a_series_that_does_not_move_is_neutral() -> None:
    regime, confidence = detect_market_regime({"close": np.full(100, 5.0)})
    assert regime == "Neutral"
    assert 0 < confidence < 1


def test_frame_dict_and_bars_read_alike() -> None:
    close = walk(2)
    bars = make_bars("A", DAYS[:300], close=close)
    answers = {detect_market_regime(data) for data in ({"close": close}, pd.DataFrame({"close": close}), bars)}
    assert len(answers) == 1


def test_one_row_and_batch_agree_exactly() -> None:
    close = walk(3)
    path = regimes(close)
    for row in range(regime_bars() - 1, len(close), 7):
        regime, confidence = detect_market_regime({"close": close[: row + 1]})
        assert (regime, confidence) == (REGIMES[path.code[row]], path.confidence[row])


def test_regimes_ignore_the_future() -> None:
    close = walk(4)
    spoiled = close.copy()
    spoiled[200:] *= 3.0
    np.testing.assert_array_equal(regimes(close).confidence[:200], regimes(spoiled).confidence[:200])
    np.testing.assert_array_equal(regimes(close).code[:200], regimes(spoiled).code[:200])


def test_confidence_stays_between_zero_and_one() -> None:
    confidence = regimes(walk(5, bars=2000)).confidence[regime_bars() :]
    assert confidence.min() >= 0
    assert confidence.max() <= 1


def test_too_few_closes_are_refused_with_the_number_needed() -> None:
    with pytest.raises(ValueError, match="59 closes cannot show a regime; give at least 60"):
        detect_market_regime({"close": walk(6, bars=59)})
