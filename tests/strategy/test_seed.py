"""The seed document's two functions, where its readers look for them, with its own numbers."""

import inspect

import numpy as np
import pandas as pd
import pytest

from strategy import SizingParams, calculate_position_size, detect_market_regime


def test_the_regime_has_the_seeds_signature() -> None:
    parameters = inspect.signature(detect_market_regime).parameters
    assert list(parameters) == ["data", "lookback_period"]
    assert parameters["lookback_period"].default == 40


def test_a_frame_with_closes_has_a_regime_and_a_confidence() -> None:
    rising = pd.DataFrame({"close": 100 * 1.004 ** np.arange(300) * (1 + 0.002 * np.sin(np.arange(300)))})
    regime, confidence = detect_market_regime(rising)
    assert regime == "Bull"
    assert 0.5 < confidence <= 1.0
    assert detect_market_regime({"close": rising["close"][::-1].to_numpy()})[0] == "Bear"


def test_the_seeds_defaults_are_the_defaults() -> None:
    params = SizingParams()
    assert (params.target_annual_vol, params.max_position_size) == (0.35, 2.0)
    assert (params.neutral_zone, params.lookback_period) == (0.03, 252)


@pytest.mark.parametrize(
    ("signal", "regime", "volatility", "size"),
    [
        (0.8, "Bull", 0.35, 1.0),
        (0.8, "Neutral", 0.35, 0.8),
        (0.8, "Bear", 0.35, 0.6),
        (0.8, "Bull", 0.1, 2.0),
        (-1.0, "Bull", 0.175, -2.0),
        (0.029, "Bull", 0.35, 0.0),
        (0.8, "Bull", float("nan"), 0.0),
    ],
)
def test_sizes_by_hand(signal: float, regime: str, volatility: float, size: float) -> None:
    assert calculate_position_size(signal, regime, volatility, SizingParams()) == pytest.approx(size)
