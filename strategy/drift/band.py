"""The band: how far the equity of an account may be from its past's growth before luck no longer explains it."""

import math
from dataclasses import dataclass

import numpy as np

from strategy.drift.looks import Looks
from strategy.evaluation.bootstrap import Blocks, block_days, stationary_rows
from strategy.market.bars import FloatArray

#: Account days of the past without which there is no band: in one year the memory of volatility cannot be seen.
FEWEST_PAST_DAYS = 756
#: Day of the account year on which judging begins: fat tails of single days would widen the whole band.
FIRST_JUDGED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The frozen band of log unit value around its value at the beginning of each account year.

    Its middle is `mean` a day; its half width on day t is `limit` · `deviation` · √(t + t² / `past_days`), the standard
    error of t days ahead of a mean that is itself estimated from the past. `block_days` is the mean length of the
    blocks that were drawn.
    """

    mean: float
    deviation: float
    limit: float
    past_days: int
    year_days: int
    block_days: float

    def middle(self, day: FloatArray) -> FloatArray:
        """Return the middle on days of the account year, counted from 1."""
        return self.mean * day

    def half_width(self, day: FloatArray) -> FloatArray:
        """Return the half width on days of the account year, counted from 1."""
        return self.limit * self.deviation * _errors(day, self.past_days)


def frozen_band(past: FloatArray, looks: Looks) -> Band:
    """Return the band of an account whose past had these daily log returns (T,) of unit value.

    `limit` is exceeded on some day of a year by the largest deviation of a share of paths: each is drawn by the
    stationary bootstrap, and measured by the mean and deviation of another resample as long as the past, so that the
    error of both counts. Blocks keep the memory of returns and of their size. It is never below what independent normal
    days would need, as that error also falls on the limit. Raises ValueError for fewer than FEWEST_PAST_DAYS days,
    numbers that are not finite, and a past that never varies.
    """
    days = len(past)
    deviation = float(past.std(ddof=1)) if days > 1 else 0.0
    if days < FEWEST_PAST_DAYS or not np.isfinite(past).all() or deviation < 1e-12:
        raise ValueError(
            f"the past has {days} days with a deviation of {deviation:g}; a band needs at least {FEWEST_PAST_DAYS} "
            "finite returns that vary"
        )
    length = max(block_days(past), block_days(np.abs(past - past.mean())))
    blocks = Blocks(days=length, random=np.random.default_rng(looks.seed))
    paths = past[stationary_rows(days, looks.paths, blocks, looks.year_days)]
    pasts = past[stationary_rows(days, looks.paths, blocks)]
    drawn = _largest(paths, (pasts.mean(axis=1), pasts.std(axis=1, ddof=1)), days)
    return Band(
        mean=float(past.mean()),
        deviation=deviation,
        limit=max(float(np.quantile(drawn, 1.0 - looks.share)), _normal_limit(days, looks)),
        past_days=days,
        year_days=looks.year_days,
        block_days=length,
    )


def outside(band: Band, logs: FloatArray) -> FloatArray:
    """Return by how many half widths each day's log unit value (T,), less the year's first, is off the middle; signed.

    Beyond ±1 is outside; the days before FIRST_JUDGED are 0, as they are not judged.

    >>> band = Band(mean=0.0, deviation=0.01, limit=3.0, past_days=756, year_days=252, block_days=1.0)
    >>> outside(band, np.full(6, -0.1)).round(2).tolist()
    [0.0, 0.0, 0.0, 0.0, -1.49, -1.36]
    """
    day = np.arange(1, len(logs) + 1, dtype=np.float64)
    off = (logs - band.middle(day)) / band.half_width(day)
    return np.where(day < FIRST_JUDGED, 0.0, off)


def edges(band: Band, units: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lower and the upper edge around unit values (T,), the first being that of the opening; NaN there.

    Each account year begins anew at its first value; a year that begins with nothing has no edges.

    >>> band = Band(mean=0.0, deviation=0.01, limit=3.0, past_days=756, year_days=252, block_days=1.0)
    >>> [edge.round(3).tolist() for edge in edges(band, np.ones(3))]
    [[nan, 0.97, 0.958], [nan, 1.03, 1.043]]
    """
    low, high = np.full(len(units), np.nan), np.full(len(units), np.nan)
    for first in range(0, len(units) - 1, band.year_days):
        rows = slice(first + 1, first + band.year_days + 1)
        if units[first] > 0.0:
            day = np.arange(1, len(units[rows]) + 1, dtype=np.float64)
            middle, half = band.middle(day), band.half_width(day)
            low[rows] = units[first] * np.exp(middle - half)
            high[rows] = units[first] * np.exp(middle + half)
    return low, high


def _errors(day: FloatArray, past_days: int) -> FloatArray:
    result: FloatArray = np.sqrt(day + day * day / past_days)
    return result


def _largest(paths: FloatArray, measured: tuple[FloatArray, FloatArray], past_days: int) -> FloatArray:
    """Return the largest standardised deviation of each path (P, T) from its measured mean and deviation, (P,)."""
    mean, deviation = measured
    day = np.arange(1, paths.shape[1] + 1, dtype=np.float64)
    off = np.abs(np.cumsum(paths, axis=1) - mean[:, None] * day) / _errors(day, past_days)
    result: FloatArray = off[:, FIRST_JUDGED - 1 :].max(axis=1) / np.maximum(deviation, 1e-300)
    return result


def _normal_limit(past_days: int, looks: Looks) -> float:
    """Return the limit for independent normal days."""
    random = np.random.default_rng([looks.seed, past_days])
    paths = random.normal(size=(looks.paths, looks.year_days))
    mean = random.normal(size=looks.paths) / math.sqrt(past_days)
    deviation = np.sqrt(random.chisquare(past_days - 1, size=looks.paths) / (past_days - 1))
    return float(np.quantile(_largest(paths, (mean, deviation), past_days), 1.0 - looks.share))
