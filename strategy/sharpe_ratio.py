"""The Sharpe ratio, its error, and the chance that it is no luck."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from strategy.bars import FloatArray

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the probabilistic Sharpe ratio needs of returns; `sharpe` is per day, `kurtosis` of a normal sample is 3."""

    sharpe: float
    days: int
    skewness: float
    kurtosis: float

    def __post_init__(self) -> None:
        if self.days < 2:
            raise ValueError(f"a sample of {self.days} days has no Sharpe ratio; it needs at least 2")


def sharpe(returns: FloatArray, days_per_year: int) -> float | None:
    """The annualised Sharpe ratio of daily returns (T,), risk-free rate 0; None if they never vary.

    >>> sharpe(np.array([0.01, 0.03]), 252), sharpe(np.zeros(3), 252)
    (22.4..., None)
    """
    spread = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    # Equal returns leave rounding errors in place of a deviation.
    if spread <= 1e-12 * float(np.max(np.abs(returns), initial=0.0)):
        return None
    return float(np.mean(returns)) / spread * math.sqrt(days_per_year)


def sharpe_error(returns: FloatArray, rival: FloatArray, days_per_year: int) -> float:
    """The standard error of the difference of two annualised Sharpe ratios on the same days (T,), to first order.

    Jobson and Korkie (1981) without their assumption of normal returns; days are taken as independent. 0 where one of
    the accounts never varies.

    >>> a = np.tile([0.01, -0.01], 126)
    >>> sharpe_error(a, a, 252), round(sharpe_error(a, np.repeat([0.01, -0.01], 126), 252), 2)
    (0.0, 1.41)
    """
    if sharpe(returns, 1) is None or sharpe(rival, 1) is None:
        return 0.0
    pair = np.stack([returns, rival])
    shares = sharpe_shares(pair, pair.mean(axis=1) / pair.std(axis=1, ddof=1))
    return float(shares.std() * math.sqrt(days_per_year / len(shares)))


def sharpe_shares(pair: FloatArray, ratios: FloatArray) -> FloatArray:
    """What each day adds to the difference of the ratios, (T,), to first order; they add up to 0."""
    scaled = (pair - pair.mean(axis=1, keepdims=True)) / pair.std(axis=1, keepdims=True)
    each = scaled - ratios[:, None] / 2 * (scaled**2 - 1.0)
    result: FloatArray = each[0] - each[1]
    return result


def sample(returns: FloatArray) -> Sample:
    """The daily Sharpe ratio of returns (T,) with its skewness and kurtosis. Raises ValueError if they never vary."""
    ratio = sharpe(returns, 1)
    if ratio is None:
        raise ValueError(f"{len(returns)} returns never vary; a Sharpe ratio needs variation")
    centred = (returns - returns.mean()) / returns.std()
    return Sample(
        sharpe=ratio, days=len(returns), skewness=float((centred**3).mean()), kurtosis=float((centred**4).mean())
    )


def probabilistic_sharpe(observed: Sample, threshold: float = 0.0) -> float:
    """The chance that the true daily Sharpe ratio lies above the threshold (Bailey and López de Prado 2012)."""
    ratio = observed.sharpe
    spread = 1.0 - observed.skewness * ratio + (observed.kurtosis - 1.0) / 4.0 * ratio * ratio
    return float(NORMAL.cdf((ratio - threshold) * math.sqrt(observed.days - 1) / math.sqrt(spread)))


def luckiest_sharpe(trials: int, variance: float) -> float:
    """The daily Sharpe ratio that the best of so many trials without skill is expected to show.

    `variance` is that of the daily Sharpe ratios between the trials (Bailey and López de Prado 2014).
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
    """The chance that the true daily Sharpe ratio lies above what luck gives the best of the trials.

    The worked example of Bailey and López de Prado (2014):

    >>> example = Sample(sharpe=2.5 / 250**0.5, days=1250, skewness=-3.0, kurtosis=10.0)
    >>> round(luckiest_sharpe(100, 0.5 / 250), 4), round(deflated_sharpe(example, 100, 0.5 / 250), 4)
    (0.1132, 0.9004)
    """
    return probabilistic_sharpe(observed, luckiest_sharpe(trials, variance))
