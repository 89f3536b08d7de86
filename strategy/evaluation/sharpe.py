"""Sharpe ratio, its standard error, and its probabilistic and deflated forms."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from strategy.market.bars import FloatArray

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Sample moments for the probabilistic Sharpe ratio; `sharpe` is per day, a normal sample has a `kurtosis` of 3."""

    sharpe: float
    days: int
    skewness: float
    kurtosis: float

    def __post_init__(self) -> None:
        if self.days < 2:
            raise ValueError(f"a sample of {self.days} days has no Sharpe ratio; it needs at least 2")


def sharpe(returns: FloatArray, days_per_year: int) -> float | None:
    """Return the annualised Sharpe ratio of daily returns (T,), risk-free rate 0; None if they never vary.

    >>> sharpe(np.array([0.01, 0.03]), 252), sharpe(np.zeros(3), 252)
    (22.4..., None)
    """
    spread = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    # Equal returns give a deviation that is only rounding error.
    if spread <= 1e-12 * float(np.max(np.abs(returns), initial=0.0)):
        return None
    return float(np.mean(returns)) / spread * math.sqrt(days_per_year)


def sharpe_error(returns: FloatArray, rival: FloatArray, days_per_year: int) -> float:
    """Return the standard error of the difference of two annualised Sharpe ratios on the same days (T,).

    First-order approximation: Jobson and Korkie (1981) without their assumption of normal returns; days are assumed
    independent. 0 if one of the accounts never varies.

    >>> a = np.tile([0.01, -0.01], 126)
    >>> sharpe_error(a, a, 252), round(sharpe_error(a, np.repeat([0.01, -0.01], 126), 252), 2)
    (0.0, 1.41)
    """
    if sharpe(returns, 1) is None or sharpe(rival, 1) is None:
        return 0.0
    pair = np.stack([returns, rival])
    ours, theirs = sharpe_shares(pair, pair.mean(axis=1) / pair.std(axis=1, ddof=1))
    shares = ours - theirs
    return float(shares.std() * math.sqrt(days_per_year / len(shares)))


def sharpe_shares(series: FloatArray, ratios: FloatArray) -> FloatArray:
    """Return how much each day moves the daily Sharpe ratios (N,) of the series (N, T), as (N, T).

    First-order approximation; 0 on average.
    """
    scaled = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)
    result: FloatArray = scaled - ratios[:, None] / 2 * (scaled**2 - 1.0)
    return result


def sample(returns: FloatArray) -> Sample:
    """Return the daily Sharpe ratio, skewness and kurtosis of returns (T,); raises ValueError if they never vary."""
    ratio = sharpe(returns, 1)
    if ratio is None:
        raise ValueError(f"{len(returns)} returns never vary; a Sharpe ratio needs variation")
    centred = (returns - returns.mean()) / returns.std()
    return Sample(
        sharpe=ratio, days=len(returns), skewness=float((centred**3).mean()), kurtosis=float((centred**4).mean())
    )


def probabilistic_sharpe(observed: Sample, threshold: float = 0.0) -> float:
    """Return the probability that the true daily Sharpe ratio is above the threshold.

    Bailey and López de Prado (2012).
    """
    distance = (observed.sharpe - threshold) * math.sqrt(observed.days - 1)
    return float(NORMAL.cdf(distance / math.sqrt(_daily_variance(observed))))


def min_track_record_days(observed: Sample, threshold: float = 0.0, confidence: float = 0.95) -> float | None:
    """Return how many days such returns must continue until the probabilistic Sharpe ratio reaches the confidence.

    None if the ratio is not above the threshold: then no length is enough. Minimum track record length of Bailey and
    López de Prado (2012); their example, an annual ratio of 2 from normal daily returns, tested against 1:

    >>> example = Sample(sharpe=2 / 252**0.5, days=252, skewness=0.0, kurtosis=3.0)
    >>> round(min_track_record_days(example, 1 / 252**0.5) / 252, 2)
    2.73
    """
    if observed.sharpe <= threshold:
        return None
    return 1.0 + _daily_variance(observed) * (NORMAL.inv_cdf(confidence) / (observed.sharpe - threshold)) ** 2


def _daily_variance(observed: Sample) -> float:
    """Return the variance of the estimated daily Sharpe ratio, times the number of days less one (Mertens 2002)."""
    ratio = observed.sharpe
    spread = 1.0 - observed.skewness * ratio + (observed.kurtosis - 1.0) / 4.0 * ratio * ratio
    # Only a rounding error can make it 0: no series has a kurtosis below 1 + skewness².
    return max(spread, 1e-12)
