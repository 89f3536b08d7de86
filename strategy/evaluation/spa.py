"""Superior predictive ability (SPA): test whether the best of several accounts beats a benchmark by more than luck."""

import math

import numpy as np

from strategy.evaluation.bootstrap import Blocks, block_days, resampled_means
from strategy.evaluation.sharpe_tests import MIN_DAYS, RESAMPLES, Incomparable
from strategy.market.bars import FloatArray

#: Differences of scaled returns that are smaller are rounding errors.
_ROUNDING = 1e-9


def superiority(accounts: FloatArray, benchmark: FloatArray, *, seed: int, resamples: int = RESAMPLES) -> float:
    """Return the probability that the best account (T, N) looks this much better than the benchmark (T,) by luck alone.

    Hansen (2005): stationary bootstrap, studentised, the consistent p. The loss of a day is minus its return over the
    account's own deviation, because at unequal risk leverage alone would win; so in effect Sharpe ratios are compared.
    An account that never varies, equals the benchmark or is clearly worse than it cannot be superior. Raises
    Incomparable if the benchmark varies on fewer than 20 days, and ValueError if the shapes do not match.

    >>> ours = np.arange(60) % 3 - 0.5
    >>> superiority(ours[:, None], np.arange(60) % 2 - 0.5, seed=1) < 0.01
    True
    """
    if accounts.ndim != 2 or benchmark.shape != accounts.shape[:1]:
        raise ValueError(f"accounts of shape {accounts.shape}, benchmark {benchmark.shape}; give (T, N) and (T,)")
    days = len(benchmark)
    moving = int(np.count_nonzero(benchmark))
    spread = benchmark.std()
    if moving < MIN_DAYS or spread <= _ROUNDING * np.abs(benchmark).max():
        raise Incomparable(f"the benchmark moves on {moving} of {days} days; it must vary on at least {MIN_DAYS}")
    spreads = accounts.std(axis=0)
    varying = spreads > _ROUNDING * np.abs(accounts).max(axis=0)
    gains = accounts[:, varying] / spreads[varying] - (benchmark / spread)[:, None]
    gains = gains[:, np.abs(gains).max(axis=0) > _ROUNDING]
    if not gains.shape[1]:
        return 1.0
    mean = gains.mean(axis=0)
    blocks = Blocks(days=float(np.median([block_days(gain) for gain in gains.T])), random=np.random.default_rng(seed))
    errors = resampled_means(gains - mean, resamples, blocks)
    # A constant gain has no error at all.
    error = np.maximum(errors.std(axis=0), _ROUNDING)
    scores = mean / error
    # Accounts clearly worse than the benchmark would only mask the others.
    contenders = scores >= -math.sqrt(2.0 * math.log(math.log(days)))
    if not contenders.any():
        return 1.0
    luck = (errors / error + np.where(contenders, 0.0, scores)).max(axis=1)
    return (1 + int((luck >= scores.max()).sum())) / (1 + resamples)
