"""Differences between two accounts on the same days."""

import numpy as np
import pytest

from strategy.evaluation.metrics import metrics
from strategy.evaluation.paired_differences import DailyReturns, paired_differences
from strategy.market.bars import FloatArray


def account(returns: FloatArray) -> DailyReturns:
    return DailyReturns(returns=returns, excess=returns - 0.0001)


def test_the_differences_are_those_of_the_metrics() -> None:
    draw = np.random.default_rng(3)
    ours, theirs = draw.normal(0.0008, 0.012, 800), draw.normal(0.0002, 0.02, 800)
    found = paired_differences(account(ours), account(theirs), days_per_year=252, seed=1)
    first, second = (
        metrics(np.cumprod(np.concatenate([[100.0], 1.0 + one])), np.zeros(801), 252) for one in (ours, theirs)
    )
    assert found.growth is not None
    assert found.drawdown is not None
    assert found.sharpe is not None
    assert found.growth.difference == pytest.approx(first.cagr - second.cagr)  # type: ignore[operator]
    assert found.drawdown.difference == pytest.approx(first.max_drawdown - second.max_drawdown)  # type: ignore[operator]
    assert found.sharpe.sharpe == pytest.approx((ours - 0.0001).mean() / ours.std(ddof=1) * np.sqrt(252))
    for one in (found.growth, found.drawdown, found.sharpe):
        assert one.low < one.high


def test_half_the_exposure_has_half_the_drawdown_but_the_same_at_equal_volatility() -> None:
    whole = np.random.default_rng(7).normal(0.0003, 0.01, 600)
    one = DailyReturns(returns=whole, excess=whole)
    half = DailyReturns(returns=0.5 * whole, excess=0.5 * whole)
    found = paired_differences(half, one, days_per_year=252, seed=1)
    assert found.drawdown is not None
    assert found.drawdown_at_equal_vol is not None
    assert found.drawdown.difference < -0.03
    assert found.drawdown.high < 0.0
    assert found.drawdown_at_equal_vol.difference == pytest.approx(0.0, abs=1e-12)
    assert found.drawdown_at_equal_vol.high == pytest.approx(0.0, abs=1e-12)


def test_pairing_makes_the_interval_of_accounts_that_move_together_narrow() -> None:
    draw = np.random.default_rng(5)
    market = draw.normal(0.0005, 0.01, 1_000)
    near, far = market + draw.normal(0.0, 0.0005, 1_000), draw.normal(0.0005, 0.01, 1_000)
    together = paired_differences(account(near), account(market), days_per_year=252, seed=1)
    apart = paired_differences(account(far), account(market), days_per_year=252, seed=1)
    assert together.growth is not None
    assert apart.growth is not None
    assert together.drawdown is not None
    assert apart.drawdown is not None
    assert together.growth.high - together.growth.low < 0.2 * (apart.growth.high - apart.growth.low)
    assert together.drawdown.high - together.drawdown.low < 0.3 * (apart.drawdown.high - apart.drawdown.low)


def test_the_interval_of_growth_covers_the_true_difference_about_as_often_as_it_says() -> None:
    true = np.expm1(np.log1p(0.0) * 252)
    covered = []
    for seed in range(80):
        draw = np.random.default_rng(seed)
        both = draw.normal(0.0003, 0.01, 500)
        ours, theirs = both + draw.normal(0.0, 0.004, 500), both + draw.normal(0.0, 0.004, 500)
        growth = paired_differences(account(ours), account(theirs), days_per_year=252, seed=1, resamples=300).growth
        assert growth is not None
        covered.append(growth.low <= true <= growth.high)
    assert 0.85 <= np.mean(covered) <= 1.0


def test_what_cannot_be_compared_is_none() -> None:
    steady = account(np.random.default_rng(1).normal(0.0, 0.01, 100))
    ruined = account(np.concatenate([[-1.0], np.zeros(99)]))
    found = paired_differences(steady, ruined, days_per_year=252, seed=1)
    assert (found.sharpe, found.growth, found.drawdown) == (None, None, None)
    short = account(np.random.default_rng(1).normal(0.0, 0.01, 19))
    few = paired_differences(short, short, days_per_year=252, seed=1)
    assert (few.growth, few.drawdown) == (None, None)
    with pytest.raises(ValueError, match="give the same days"):
        paired_differences(steady, short, days_per_year=252, seed=1)
