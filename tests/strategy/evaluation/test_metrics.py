import numpy as np
import pytest

from strategy.evaluation.metrics import drawdowns, metrics


def test_metrics_by_hand() -> None:
    # Returns +10 %, −10 %, +10 %, 0 %: mean 0.025, sample deviation 0.0957427, downside 0.05.
    result = metrics([100, 110, 99, 108.9, 108.9], [0, 1, 1, 1, 1], 252)
    assert result.total_return == pytest.approx(0.089)
    assert result.cagr == pytest.approx(1.089 ** (252 / 4) - 1)
    assert result.annual_vol == pytest.approx(0.0957427 * np.sqrt(252), rel=1e-5)
    assert result.sharpe == pytest.approx(0.025 / 0.0957427 * np.sqrt(252), rel=1e-5)
    assert result.sortino == pytest.approx(0.025 / 0.05 * np.sqrt(252))
    assert result.max_drawdown == pytest.approx(0.10)
    assert result.win_rate == pytest.approx(2 / 3)
    assert result.turnover_per_year == pytest.approx(252)


def test_what_is_undefined_is_none() -> None:
    flat = metrics([100.0, 100.0, 100.0], [0, 0, 0], 252)
    assert (flat.sharpe, flat.sortino, flat.win_rate) == (None, None, None)
    single = metrics([100.0], [0], 252)
    assert (single.cagr, single.annual_vol, single.turnover_per_year) == (None, None, None)


def test_a_lost_account_has_no_growth_rate() -> None:
    assert metrics([100.0, -5.0], [0, 1], 252).cagr is None


def test_drawdowns_are_measured_from_the_highest_so_far() -> None:
    np.testing.assert_allclose(drawdowns(np.array([100.0, 80.0, 120.0, 60.0])), [0, 0.2, 0, 0.5])


def test_an_empty_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one value"):
        metrics([], [], 252)
