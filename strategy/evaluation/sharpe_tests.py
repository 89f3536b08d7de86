"""Bootstrap interval of a Sharpe ratio, and bootstrap test of the difference between two."""

import math
from dataclasses import dataclass

import numpy as np

from strategy.evaluation.bootstrap import Blocks, block_days, resampled_means
from strategy.evaluation.sharpe import sharpe, sharpe_shares
from strategy.market.bars import FloatArray

#: Fewer moving days leave no room for blocks, and a resample could miss them all.
MIN_DAYS = 20
RESAMPLES = 1_000
#: Two-sided coverage of every interval.
COVERAGE = 0.95
#: A variance below this fraction of the observed one is that of interest alone, or a rounding error.
_NO_VARIANCE = 1e-4


class Incomparable(ValueError):
    """The returns of an account cannot be compared: too few, not finite, or without variation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeDifference:
    """Annualised Sharpe ratios of two accounts on the same days, their difference, its interval and its p-value.

    `low` and `high` are the 95 % interval of the true difference; `p` is the probability of a difference at least as
    large if the first were no better.
    """

    sharpe: float
    rival_sharpe: float
    difference: float
    low: float
    high: float
    p: float


def compare(
    returns: FloatArray, rival: FloatArray, *, days_per_year: int, seed: int, resamples: int = RESAMPLES
) -> SharpeDifference:
    """Compare the Sharpe ratios of two series of daily net returns (T,) on the same days.

    Paired stationary bootstrap (Politis and Romano 1994), with the block length of Patton, Politis and White (2009) for
    the days' contributions to the difference; the test is one-sided and centred. Studentising it (Ledoit and Wolf 2008)
    changed neither size nor coverage in simulation. Equal series: difference 0, p 1. Raises Incomparable if fewer than
    20 days move, a return is not finite or all are equal, and ValueError if the series differ in shape.

    >>> compare(np.arange(30) % 3 - 0.5, np.arange(30) % 2 - 0.5, days_per_year=252, seed=1).p < 0.01
    True
    """
    if returns.ndim != 1 or returns.shape != rival.shape:
        raise ValueError(
            f"returns have shapes {returns.shape} and {rival.shape}; give two series (T,) of the same days"
        )
    pair = np.stack([_checked(returns, "first"), _checked(rival, "second")])
    year = math.sqrt(days_per_year)
    ratios = pair.mean(axis=1) / pair.std(axis=1, ddof=1)
    difference = float(ratios[0] - ratios[1])
    ours, theirs = sharpe_shares(pair, ratios)
    shares = ours - theirs
    # Identical trades differ by rounding errors at most, which do not count as a difference.
    if np.abs(shares).max() < 1e-9:
        p = 1.0
        difference = low = high = 0.0
    else:
        length = block_days(shares)
        drawn = _errors(pair, resamples, Blocks(days=length, random=np.random.default_rng(seed)))
        errors = drawn[0] - drawn[1]
        low, high = basic_interval(difference, errors)
        p = (1 + int((errors >= difference).sum())) / (1 + resamples)
    return SharpeDifference(
        sharpe=float(ratios[0]) * year,
        rival_sharpe=float(ratios[1]) * year,
        difference=difference * year,
        low=low * year,
        high=high * year,
        p=p,
    )


def sharpe_interval(
    returns: FloatArray, *, days_per_year: int, seed: int, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % interval of the true annualised Sharpe ratio of daily returns (T,).

    Stationary bootstrap with blocks as in `compare`. Raises Incomparable as `compare` does.

    >>> low, high = sharpe_interval(np.arange(60) % 3 - 0.9, days_per_year=252, seed=1)
    >>> low < sharpe(np.arange(60) % 3 - 0.9, 252) < high
    True
    """
    series = _checked(returns, "only")[None]
    ratio = series.mean(axis=1) / series.std(axis=1, ddof=1)
    length = block_days(sharpe_shares(series, ratio)[0])
    errors = _errors(series, resamples, Blocks(days=length, random=np.random.default_rng(seed)))
    low, high = basic_interval(float(ratio[0]), errors[0])
    return low * math.sqrt(days_per_year), high * math.sqrt(days_per_year)


def sidak(p: float, trials: int) -> float:
    """Return the probability that the best of this many independent trials shows a p this low by luck (Šidák 1967).

    >>> round(sidak(0.01, 10), 4), sidak(0.2, 1), sidak(1.0, 5)
    (0.0956, 0.2, 1.0)
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p is {p}; a probability lies between 0 and 1")
    if trials < 1:
        raise ValueError(f"trials is {trials}; count the present one too, so at least 1")
    return 1.0 if p == 1.0 else p if trials == 1 else -math.expm1(trials * math.log1p(-p))


def _checked(returns: FloatArray, name: str) -> FloatArray:
    """Return the returns as float64; raises Incomparable if they are not finite or hardly vary."""
    strange = int((~np.isfinite(returns)).sum())
    if strange:
        raise Incomparable(f"{strange} of the {len(returns)} returns of the {name} account are not finite")
    moving = int(np.count_nonzero(returns))
    if moving < MIN_DAYS or sharpe(returns, 1) is None:
        raise Incomparable(
            f"the {name} account moves on {moving} of {len(returns)} days; it must vary on at least {MIN_DAYS}"
        )
    return returns.astype(np.float64)


def basic_interval(value: float, errors: FloatArray) -> tuple[float, float]:
    """Return the basic bootstrap interval of the value, given the errors of the resampled values."""
    tail = (1.0 - COVERAGE) / 2
    high, low = np.quantile(errors, [tail, 1.0 - tail])
    return float(value - low), float(value - high)


def _errors(series: FloatArray, resamples: int, blocks: Blocks) -> FloatArray:
    """Return the daily Sharpe ratios of the series (N, T) in each resample less the observed ones, (N, resamples).

    Raises Incomparable if a resample does not vary.
    """
    spreads = series.std(axis=1, ddof=1, keepdims=True)
    offsets = series.mean(axis=1, keepdims=True) / spreads
    scaled = series / spreads - offsets
    means = resampled_means(np.concatenate([scaled, scaled**2]).T, resamples, blocks).T
    first, second = means[: len(series)], means[len(series) :]
    variances = (second - first**2) * series.shape[1] / (series.shape[1] - 1)
    if (variances < _NO_VARIANCE).any():
        raise Incomparable(
            f"some resamples of the {series.shape[1]} days never vary, because few of them move; judge on more days"
        )
    result: FloatArray = (first + offsets) / np.sqrt(variances) - offsets
    return result
