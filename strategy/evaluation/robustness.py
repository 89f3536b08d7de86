"""Robustness of a backtest's result: intervals, deflated Sharpe ratio, and tests against benchmarks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from strategy.evaluation.deflated_sharpe import TrialLog, deflated_sharpe, expected_max_sharpe
from strategy.evaluation.sharpe import min_track_record_days, probabilistic_sharpe, sample
from strategy.evaluation.sharpe_tests import Incomparable, SharpeDifference, compare, sharpe_interval
from strategy.evaluation.spa import superiority
from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessReport:
    """Robustness of a net Sharpe ratio; ratios are annualised, probabilities lie between 0 and 1.

    `low` and `high` are the 95 % interval of the true ratio. `probabilistic` is the probability that it is above 0,
    `deflated` that it is above `luckiest`, the ratio expected of the best of `trials` trials without skill; both assume
    independent days. `min_track_record_days` is how long such returns must continue until `probabilistic` reaches 95 %,
    None if the ratio is not positive. `spa_p` is the probability that luck alone makes the account look this much
    better than the benchmark that is hardest to beat, None without a benchmark that varies. `against` has the
    difference from each benchmark, None for one that does not vary enough to compare.
    """

    days: int
    trials: int
    sharpe: float
    low: float
    high: float
    probabilistic: float
    deflated: float
    luckiest: float
    min_track_record_days: int | None
    spa_p: float | None
    against: Mapping[str, SharpeDifference | None]


def assess_robustness(
    net: FloatArray, benchmarks: Mapping[str, FloatArray], trials: TrialLog, *, days_per_year: int, seed: int
) -> RobustnessReport | None:
    """Return the robustness of daily net returns (T,), given those of benchmarks on the same days, (T,) each.

    None if it cannot be assessed: fewer than 20 days on which the account moves, returns that never vary, or moving
    days so few that a resample can miss them all.

    >>> import numpy as np
    >>> returns = np.random.default_rng(1).normal(0.001, 0.01, size=500)
    >>> found = assess_robustness(returns, {}, TrialLog(count=1, sharpes=(0.1,)), days_per_year=252, seed=1)
    >>> found.low < found.sharpe < found.high, found.deflated == found.probabilistic, found.spa_p
    (True, True, None)
    """
    try:
        low, high = sharpe_interval(net, days_per_year=days_per_year, seed=seed)
    except Incomparable:
        return None
    year = math.sqrt(days_per_year)
    observed = sample(net)
    # A baseline is not a trial; one trial has no selection luck.
    count, variance = max(trials.count, 1), trials.variance(observed.days)
    length = min_track_record_days(observed)
    superior = [_superiority(net, benchmark, seed) for benchmark in benchmarks.values()]
    return RobustnessReport(
        days=observed.days,
        trials=trials.count,
        sharpe=observed.sharpe * year,
        low=low,
        high=high,
        probabilistic=probabilistic_sharpe(observed),
        deflated=deflated_sharpe(observed, count, variance),
        luckiest=expected_max_sharpe(count, variance) * year,
        min_track_record_days=None if length is None else math.ceil(length),
        # Beating the best benchmark means beating each of them, so the weakest evidence counts.
        spa_p=max((p for p in superior if p is not None), default=None),
        against={name: _difference(net, benchmark, days_per_year, seed) for name, benchmark in benchmarks.items()},
    )


def _superiority(net: FloatArray, benchmark: FloatArray, seed: int) -> float | None:
    try:
        return superiority(net[:, None], benchmark, seed=seed)
    except Incomparable:
        return None


def _difference(net: FloatArray, benchmark: FloatArray, days_per_year: int, seed: int) -> SharpeDifference | None:
    try:
        return compare(net, benchmark, days_per_year=days_per_year, seed=seed)
    except Incomparable:
        return None
