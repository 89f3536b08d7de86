import numpy as np
import pytest

from strategy.account.risk_free import RiskFree
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


def cash(rates: list[float], idle: list[float] | None = None) -> RiskFree:
    return RiskFree(returns=np.array(rates), idle=np.array(idle or [0.0] * len(rates)), mean=0.25)


def test_ratios_are_of_returns_above_the_risk_free_rate() -> None:
    # Returns +10 %, −10 %, +10 %, 0 % less 1 % each: mean 0.015, downside sqrt((0.11² + 0.01²) / 4).
    path, turnover = [100, 110, 99, 108.9, 108.9], [0, 1, 1, 1, 1]
    result = metrics(path, turnover, 252, cash([0.01] * 4))
    assert result.sharpe == pytest.approx(0.015 / 0.0957427 * np.sqrt(252), rel=1e-5)
    assert result.sortino == pytest.approx(0.015 / np.sqrt((0.11**2 + 0.01**2) / 4) * np.sqrt(252))
    assert result.sharpe_raw == pytest.approx(0.025 / 0.0957427 * np.sqrt(252), rel=1e-5)
    assert result.rate_mean == 0.25
    without = metrics(path, turnover, 252)
    assert (without.sharpe, without.rate_mean) == (without.sharpe_raw, 0.0)
    assert (result.annual_vol, result.cagr, result.win_rate) == (without.annual_vol, without.cagr, without.win_rate)


def test_interest_alone_is_neither_a_gain_nor_a_ratio() -> None:
    idle = [0.0003, 0.0001, 0.0001, 0.0001]
    grown = 100.0 * np.cumprod([1.0, *(1.0 + np.array(idle))])
    rich = metrics(grown, [0.0] * 5, 252, cash([0.0004, 0.0002, 0.0002, 0.0002], idle))
    assert (rich.sharpe, rich.sharpe_raw, rich.sortino, rich.win_rate) == (None, None, None, None)
    grown[-1] *= 0.99
    assert metrics(grown, [0.0] * 5, 252, cash([0.0004, 0.0002, 0.0002, 0.0002], idle)).win_rate == 0.0


def test_cash_of_other_days_is_refused() -> None:
    with pytest.raises(ValueError, match="the account has 1 returns and cash 2; give the same dates"):
        metrics([100.0, 101.0], [0, 0], 252, cash([0.0, 0.0]))


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
