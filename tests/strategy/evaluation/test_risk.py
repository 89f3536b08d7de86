"""Tail risk and an account beside its benchmark, against plain numbers."""

from datetime import date, timedelta

import numpy as np
import pytest

from strategy.evaluation.metrics import metrics
from strategy.evaluation.risk import relative, tail_risk, worst_days

RANDOM = np.random.default_rng(5)
MARKET = RANDOM.normal(0.0005, 0.01, 300)
OURS = 0.4 * MARKET + RANDOM.normal(0.0003, 0.004, 300)


def test_value_at_risk_is_a_loss_that_was_made_on_one_day_in_twenty() -> None:
    found = tail_risk(OURS)
    assert found is not None
    worst = sorted(OURS.tolist())[:15]
    assert found.value_at_risk == -worst[14]
    assert found.conditional_value_at_risk == pytest.approx(-sum(worst) / 15)


def test_fewer_than_twenty_days_have_no_tail() -> None:
    assert tail_risk(OURS[:19]) is None
    # Of 39 days one in twenty is still one day: VaR and CVaR are the worst.
    found = tail_risk(OURS[:39])
    assert found is not None
    assert found.value_at_risk == found.conditional_value_at_risk == -OURS[:39].min()


def test_beta_and_alpha_are_those_of_a_regression() -> None:
    found = relative(OURS, MARKET, 252)
    assert found is not None
    slope, level = np.polyfit(MARKET, OURS, 1)
    assert (found.beta, found.alpha) == (pytest.approx(slope), pytest.approx(level * 252))
    assert found.correlation == pytest.approx(np.corrcoef(OURS, MARKET)[0, 1])
    apart = OURS - MARKET
    assert found.tracking_error == pytest.approx(apart.std(ddof=1) * 252**0.5)
    assert found.information_ratio == pytest.approx(apart.mean() / apart.std(ddof=1) * 252**0.5)


def test_an_account_that_is_its_benchmark_has_no_information_ratio() -> None:
    found = relative(MARKET, MARKET, 252)
    assert found is not None
    assert (found.beta, found.alpha) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))
    assert (found.tracking_error, found.information_ratio) == (0.0, None)


def test_an_account_that_never_varies_has_a_beta_of_0_and_no_correlation() -> None:
    found = relative(np.zeros(300), MARKET, 252)
    assert found is not None
    assert (found.beta, found.correlation) == (0.0, None)


@pytest.mark.parametrize("still", [np.zeros(300), np.full(300, 0.001), np.r_[np.zeros(281), MARKET[:19]]])
def test_a_benchmark_that_hardly_moves_compares_nothing(still: np.ndarray) -> None:
    assert relative(OURS, still, 252) is None


def test_returns_of_other_days_are_refused() -> None:
    with pytest.raises(ValueError, match="give two series of the same days"):
        relative(OURS, MARKET[1:], 252)


def test_only_losses_are_worst_days() -> None:
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(4)]
    found = worst_days(days, np.array([-0.02, 0.0, -0.05, 0.01]), np.array([0.1, 0.2, 0.3, 0.4]))
    assert [(each.day.day, each.change, each.benchmark) for each in found] == [(3, -0.05, 0.3), (1, -0.02, 0.1)]


def test_the_calmar_ratio_is_growth_over_the_deepest_drawdown() -> None:
    path = [100.0, 80.0, 110.0]
    found = metrics(path, [0.0] * 3, 2)
    assert found.calmar == pytest.approx(0.1 / 0.2)
    assert metrics([100.0, 110.0], [0.0, 0.0], 2).calmar is None
    assert metrics([100.0], [0.0], 2).calmar is None
