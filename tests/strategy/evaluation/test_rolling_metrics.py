"""Rolling statistics of an account: the whole-window figures, seen through a window."""

import numpy as np
import pytest

from strategy.account.risk_free import RiskFree
from strategy.evaluation.metrics import metrics
from strategy.evaluation.risk import relative
from strategy.evaluation.rolling_metrics import (
    longest_underwater,
    rolling_beta,
    rolling_sharpe,
    rolling_turnover,
    rolling_volatility,
)

EQUITY = 100.0 * np.cumprod(1.0 + np.random.default_rng(3).normal(0.0005, 0.01, 300))


def test_a_rolling_figure_is_the_figure_of_its_window() -> None:
    turnover = np.linspace(0.0, 1.0, 300)
    for last in (63, 150, 299):
        window = metrics(EQUITY[last - 63 : last + 1], np.zeros(64), 252)
        assert rolling_sharpe(EQUITY, 63, 252)[last] == pytest.approx(window.sharpe)
        assert rolling_volatility(EQUITY, 63, 252)[last] == pytest.approx(window.annual_vol)
        mean = turnover[last - 62 : last + 1].mean()
        assert rolling_turnover(turnover, 63, 252)[last] == pytest.approx(252 * mean)


def test_a_rolling_ratio_is_above_the_risk_free_rate() -> None:
    rates = RiskFree(returns=np.full(299, 0.0002), idle=np.zeros(299), mean=0.05)
    last = RiskFree(returns=np.full(63, 0.0002), idle=np.zeros(63), mean=0.05)
    window = metrics(EQUITY[-64:], np.zeros(64), 252, last)
    assert rolling_sharpe(EQUITY, 63, 252, rates)[-1] == pytest.approx(window.sharpe)
    assert rolling_sharpe(EQUITY, 63, 252, rates)[-1] < rolling_sharpe(EQUITY, 63, 252)[-1]


def test_a_rolling_beta_is_the_beta_of_its_window() -> None:
    market = 100.0 * np.cumprod(1.0 + np.random.default_rng(4).normal(0.0005, 0.01, 300))
    rates = RiskFree(returns=np.linspace(0.0, 0.0004, 299), idle=np.zeros(299), mean=0.05)
    rolled = rolling_beta(EQUITY, market, 63, rates)
    for last in (63, 150, 299):
        cash = rates.returns[last - 63 : last]
        ours, theirs = (path[last - 62 : last + 1] / path[last - 63 : last] - 1 - cash for path in (EQUITY, market))
        found = relative(ours, theirs, 252)
        assert found is not None
        assert rolled[last] == pytest.approx(found.beta)
    assert np.isnan(rolled[:63]).all()
    assert np.isnan(rolling_beta(EQUITY, np.full(300, 7.0), 63)).all()


def test_there_is_no_figure_before_a_full_window() -> None:
    assert np.isnan(rolling_sharpe(EQUITY, 63, 252)[:63]).all()
    assert np.isfinite(rolling_sharpe(EQUITY, 63, 252)[63:]).all()


def test_an_account_that_does_not_move_has_no_sharpe_ratio() -> None:
    assert np.isnan(rolling_sharpe(np.full(100, 7.0), 21, 252)).all()


def test_an_account_that_lost_everything_has_no_figure_until_the_loss_is_past() -> None:
    ruined = EQUITY.copy()
    ruined[100:102] = 0.0, -5.0
    for figure in (rolling_sharpe, rolling_volatility):
        known = np.isfinite(figure(ruined, 21, 252))
        assert known[21:100].all()
        assert not known[100:123].any()
        assert known[123:].all()


def test_the_future_changes_no_figure() -> None:
    spoiled = EQUITY.copy()
    spoiled[200:] *= 3.0
    for figure in (rolling_sharpe, rolling_volatility, rolling_turnover):
        assert np.array_equal(figure(spoiled, 21, 252)[:200], figure(EQUITY, 21, 252)[:200], equal_nan=True)


def test_the_longest_time_under_water_may_still_last() -> None:
    assert longest_underwater(np.array([3.0, 1.0, 3.0, 2.0, 2.0, 2.5])) == 3
    assert longest_underwater(np.array([1.0, 2.0])) == 0


def test_an_account_that_only_earns_interest_has_no_sharpe_ratio() -> None:
    interest = np.tile([2e-5, 2e-5, 2e-5, 2e-5, 6e-5], 20)
    trades = np.tile([0.01, -0.008], 50)
    path = np.cumprod(np.append(100.0, 1.0 + np.concatenate([interest, trades])))
    ratios = rolling_sharpe(path, 50, 252)
    assert np.isnan(ratios[:101]).all()
    assert np.isfinite(ratios[101:]).all()
