from dataclasses import replace

import numpy as np
import pytest

from strategy.evaluation.deflated_sharpe import TrialLog, deflated_sharpe, expected_max_sharpe
from strategy.evaluation.sharpe import Sample, min_track_record_days, probabilistic_sharpe, sample, sharpe, sharpe_error
from testing.accounts.returns import universe

EXAMPLE = Sample(sharpe=2.5 / 250**0.5, days=1250, skewness=-3.0, kurtosis=10.0)


def test_the_error_of_a_difference_is_its_spread_over_many_samples() -> None:
    pairs = [universe(seed, autocorrelation=0.0) for seed in range(400)]
    spread = np.std([(sharpe(mine, 252) or 0.0) - (sharpe(rival, 252) or 0.0) for mine, rival in pairs])
    errors = [sharpe_error(mine, rival, 252) for mine, rival in pairs]
    # The spread of 400 samples is itself known to one part in 28.
    assert np.mean(errors) == pytest.approx(spread, rel=0.12)


def test_an_account_that_stands_still_has_no_error() -> None:
    assert sharpe_error(np.zeros(50), universe(1, days=50)[0], 252) == 0.0


def test_the_published_example_is_met() -> None:
    assert expected_max_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(EXAMPLE, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)


def test_more_trials_leave_less_of_a_sharpe_ratio() -> None:
    chances = [deflated_sharpe(EXAMPLE, trials, 0.5 / 250) for trials in (1, 2, 10, 100, 1000)]
    assert chances[0] == probabilistic_sharpe(EXAMPLE)
    assert chances == sorted(chances, reverse=True)
    assert expected_max_sharpe(1, 0.5) == 0.0


def test_the_best_of_many_trials_by_luck_is_as_good_as_told() -> None:
    best = np.random.default_rng(1).normal(0.0, 0.1, size=(4000, 50)).max(axis=1)
    assert expected_max_sharpe(50, 0.01) == pytest.approx(best.mean(), rel=0.02)


def test_a_normal_sample_has_the_moments_of_one() -> None:
    found = sample(np.random.default_rng(1).normal(0.1, 1.0, size=100_000))
    assert (found.sharpe, found.skewness, found.kurtosis) == pytest.approx((0.1, 0.0, 3.0), abs=0.05)
    assert probabilistic_sharpe(replace(found, days=101), threshold=found.sharpe) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("periods", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_published_track_records_are_met(periods: int, skewness: float, kurtosis: float, years: float) -> None:
    """An annual Sharpe ratio of 2 that is to be above 1 (Bailey and López de Prado 2012)."""
    observed = Sample(sharpe=2 / periods**0.5, days=periods, skewness=skewness, kurtosis=kurtosis)
    length = min_track_record_days(observed, threshold=1 / periods**0.5)
    assert length is not None
    assert length / periods == pytest.approx(years, abs=0.006)


def test_a_record_of_the_least_length_is_believed_as_much_as_asked() -> None:
    length = min_track_record_days(EXAMPLE, confidence=0.99)
    assert length is not None
    assert probabilistic_sharpe(replace(EXAMPLE, days=round(length))) == pytest.approx(0.99, abs=1e-3)
    assert min_track_record_days(EXAMPLE, threshold=EXAMPLE.sharpe) is None


def test_trials_without_a_known_ratio_differ_as_luck_does() -> None:
    known = (0.01, 0.05, 0.09)
    assert TrialLog(count=3, sharpes=known).variance(100) == pytest.approx(np.var(known, ddof=1))
    assert TrialLog(count=7).variance(100) == TrialLog(count=7, sharpes=(0.3,)).variance(100) == pytest.approx(0.01)
    # Two degrees of freedom are known, two are not.
    assert TrialLog(count=5, sharpes=known).variance(100) == pytest.approx((0.0016 + 0.01) / 2)
    assert TrialLog(count=0).variance(100) == TrialLog(count=1, sharpes=(0.2,)).variance(100) == 0.01
    with pytest.raises(ValueError, match="2 Sharpe ratios of 1 trials"):
        TrialLog(count=1, sharpes=(0.1, 0.2))


def test_returns_of_two_values_have_a_chance() -> None:
    """Their kurtosis is the least there can be, and a Sharpe ratio of 2 over the skewness leaves no error at all."""
    certain = Sample(sharpe=0.5, days=50, skewness=4.0, kurtosis=17.0)
    assert probabilistic_sharpe(certain) == 1.0
    assert min_track_record_days(certain) == pytest.approx(1.0)


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="0 trials with variance"):
        expected_max_sharpe(0, 1.0)
    with pytest.raises(ValueError, match="a sample of 1 days has no Sharpe ratio"):
        replace(EXAMPLE, days=1)
    with pytest.raises(ValueError, match="3 returns never vary"):
        sample(np.ones(3))
