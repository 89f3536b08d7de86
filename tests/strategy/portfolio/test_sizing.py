import numpy as np
import pytest

from strategy.portfolio.sizing import (
    Allocation,
    SizingParams,
    calculate_position_size,
    drawdown_multiplier,
    regime_multiplier,
    risk_budgets,
    soft_signal,
    volatility_multiplier,
)
from strategy.signals.regime import REGIMES, Regime

PARAMS = SizingParams()


@pytest.mark.parametrize(
    ("signal", "regime", "volatility", "expected"),
    [
        (0.5, "Bull", 0.35, 0.625),
        (0.5, "Neutral", 0.35, 0.5),
        (0.5, Regime.BEAR, 0.35, 0.375),
        (1.0, "Bull", 0.10, 2.0),
        (-1.0, "Bull", 0.01, -2.0),
        (0.5, "Neutral", 0.70, 0.25),
        (0.029, "Bull", 0.35, 0.0),
        (0.03, "Neutral", 0.35, 0.03),
        (0.5, "Bull", 0.0, 0.0),
        (0.5, "Bull", float("nan"), 0.0),
    ],
)
def test_the_seeds_position_size(signal: float, regime: str, volatility: float, expected: float) -> None:
    assert calculate_position_size(signal, regime, volatility, PARAMS) == pytest.approx(expected, abs=1e-15)


def test_an_unknown_regime_is_refused() -> None:
    with pytest.raises(ValueError, match="'Sideways' is not a valid Regime"):
        calculate_position_size(0.5, "Sideways", 0.2, PARAMS)


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("target_annual_vol", 0.0, "target_annual_vol is 0.0; it must be above 0"),
        ("max_position_size", 0.0, "max_position_size is 0.0; it must be above 0"),
        ("neutral_zone", 1.0, "neutral_zone is 1.0; it must be at least 0 and below 1"),
        ("neutral_zone", -0.01, "neutral_zone is -0.01; it must be at least 0 and below 1"),
        ("lookback_period", 1, "lookback_period is 1; it must be at least 2"),
        ("drawdown_start", -0.1, r"drawdown knees -0.1 and 0.25 must increase within \[0, 1\]"),
        ("drawdown_start", 0.25, r"drawdown knees 0.25 and 0.25 must increase within \[0, 1\]"),
        ("drawdown_full", 1.1, r"drawdown knees 0.1 and 1.1 must increase within \[0, 1\]"),
        ("drawdown_floor", -0.1, "drawdown_floor is -0.1; it must lie between 0 and 1"),
        ("drawdown_floor", 1.1, "drawdown_floor is 1.1; it must lie between 0 and 1"),
        ("allocation", "erc", "allocation is 'erc'; it must be one of inverse-vol, equal-risk, equal"),
        ("volatility_estimator", "garch", "volatility_estimator is 'garch'; it must be one of ewma, har"),
    ],
)
def test_parameters_out_of_range_are_refused(field: str, value: float, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        SizingParams(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_annual_vol", 0.5),
        ("max_position_size", 0.5),
        ("neutral_zone", 0.0),
        ("lookback_period", 2),
        ("drawdown_start", 0.0),
        ("drawdown_full", 1.0),
        ("drawdown_floor", 0.0),
        ("drawdown_floor", 1.0),
    ],
)
def test_parameters_at_the_ends_of_their_range_are_taken(field: str, value: float) -> None:
    assert getattr(SizingParams(**{field: value}), field) == value


def test_an_allocation_given_as_text_is_the_one_of_that_name() -> None:
    assert SizingParams(allocation="equal").allocation is Allocation.EQUAL  # type: ignore[arg-type]


def test_the_neutral_zone_is_cut_out_of_longs_and_shorts_alike() -> None:
    cut = soft_signal(np.array([0.03, 0.02, -0.02, -0.515, -1.0]), 0.03)
    assert cut == pytest.approx([0.0, 0.0, 0.0, -0.5, -1.0], abs=1e-15)


def test_without_volatility_there_is_no_budget_and_no_multiplier() -> None:
    unknown = np.array([0.0, np.nan, np.inf])
    np.testing.assert_array_equal(volatility_multiplier(unknown, 0.35), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(risk_budgets(unknown), [0.0, 0.0, 0.0])
    np.testing.assert_array_equal(risk_budgets(np.array([0.0, 0.2])), [0.0, 1.0])


def test_budgets_add_up_to_one_on_every_day() -> None:
    budgets = risk_budgets(np.array([[0.1, 0.3], [4.0, 4.0]]))
    np.testing.assert_allclose(budgets, [[0.75, 0.25], [0.5, 0.5]], rtol=1e-15)


def test_soft_edges_meet_the_hard_rule_at_full_signal_and_confidence() -> None:
    for code, regime in enumerate(REGIMES):
        direction = soft_signal(np.array([1.0]), PARAMS.neutral_zone) * regime_multiplier(
            np.array([code]), np.array([1.0])
        )
        soft = np.clip(direction * volatility_multiplier(np.array([0.5]), PARAMS.target_annual_vol), -2, 2)
        assert soft[0] == pytest.approx(calculate_position_size(1.0, regime, 0.5, PARAMS), abs=1e-15)


def test_no_confidence_means_no_regime_multiplier() -> None:
    np.testing.assert_array_equal(regime_multiplier(np.array([0, 2, 1]), np.array([0.0, np.nan, 1.0])), [1, 1, 1])


def test_drawdown_control_by_hand() -> None:
    values = [drawdown_multiplier(drawdown, PARAMS) for drawdown in (0.0, 0.10, 0.13, 0.25, 0.9)]
    assert values == pytest.approx([1.0, 1.0, 0.85, 0.25, 0.25])
