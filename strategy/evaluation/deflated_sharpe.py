"""The deflated Sharpe ratio: how far a result exceeds the best of as many trials without skill."""

import math
from dataclasses import dataclass

import numpy as np

from strategy.evaluation.sharpe import NORMAL, Sample, probabilistic_sharpe


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLog:
    """The number of configurations tried, the present one included, and the known daily Sharpe ratios of them.

    A `count` of 0 means a rule that was not chosen by its results.
    """

    count: int
    sharpes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.sharpes) > self.count:
            raise ValueError(f"{len(self.sharpes)} Sharpe ratios of {self.count} trials; a trial has one at most")

    def variance(self, days: int) -> float:
        """Return the variance of daily Sharpe ratios between trials of `days` days, for `expected_max_sharpe`.

        A trial whose ratio is unknown is assumed to differ from the others by luck alone, with variance 1 / days; with
        fewer than two known ratios, that is the result.

        >>> TrialLog(count=5).variance(250), TrialLog(count=2, sharpes=(0.0, 0.2)).variance(250)
        (0.004, 0.02...)
        """
        if self.count < 2:
            return 1.0 / days
        known = max(len(self.sharpes), 1)
        spread = float(np.var(self.sharpes)) * known if known > 1 else 0.0
        return (spread + (self.count - known) / days) / (self.count - 1)


def expected_max_sharpe(trials: int, variance: float) -> float:
    """Return the daily Sharpe ratio expected of the best of this many trials without skill.

    `variance` is that of the daily Sharpe ratios between the trials (Bailey and López de Prado 2014). Raises ValueError
    for no trials or a negative variance.
    """
    if trials < 1 or not variance >= 0.0:
        raise ValueError(f"{trials} trials with variance {variance}; at least 1 trial and 0 are needed")
    if trials == 1:
        return 0.0
    rank = (1.0 - np.euler_gamma) * NORMAL.inv_cdf(1.0 - 1.0 / trials) + np.euler_gamma * NORMAL.inv_cdf(
        1.0 - 1.0 / (trials * math.e)
    )
    return float(math.sqrt(variance) * rank)


def deflated_sharpe(observed: Sample, trials: int, variance: float) -> float:
    """Return the probability that the true daily Sharpe ratio is above the one that luck gives the best trial.

    The worked example of Bailey and López de Prado (2014):

    >>> example = Sample(sharpe=2.5 / 250**0.5, days=1250, skewness=-3.0, kurtosis=10.0)
    >>> round(expected_max_sharpe(100, 0.5 / 250), 4), round(deflated_sharpe(example, 100, 0.5 / 250), 4)
    (0.1132, 0.9004)
    """
    return probabilistic_sharpe(observed, expected_max_sharpe(trials, variance))
