"""Differences between two accounts on the same days, each with an interval from resampling those days in pairs."""

from dataclasses import dataclass

import numpy as np

from strategy.evaluation.bootstrap import Blocks, block_days, resampled_means, stationary_rows
from strategy.evaluation.sharpe_tests import (
    COVERAGE,
    MIN_DAYS,
    RESAMPLES,
    Incomparable,
    SharpeDifference,
    basic_interval,
    compare,
)
from strategy.market.bars import FloatArray

#: Fewest days of a block where drawdowns are resampled, since those of months must fit into one.
DRAWDOWN_BLOCK_DAYS = 63
#: Resampled returns held at once.
_CHUNK_NUMBERS = 500_000
#: Differences of logarithmic returns that are smaller are rounding errors.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReturns:
    """Returns of an account by day, (T,): as they are, and those above the risk-free rate."""

    returns: FloatArray
    excess: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure less that of another account, with its 95 % interval."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifferences:
    """What an account has beyond another on the same days: Sharpe ratio, growth per year, and deepest drawdown.

    The last ones are fractions; a drawdown above 0 is deeper. Since half the exposure has half the drawdown,
    `drawdown_at_equal_vol` compares the returns above the risk-free rate, ours scaled to the volatility of theirs.
    `sharpe` is None where an account moves on too few days to compare, the others for fewer than 20 days or where an
    account has lost everything.
    """

    sharpe: SharpeDifference | None
    growth: Difference | None
    drawdown: Difference | None
    drawdown_at_equal_vol: Difference | None


def paired_differences(
    ours: DailyReturns, theirs: DailyReturns, *, days_per_year: int, seed: int, resamples: int = RESAMPLES
) -> PairedDifferences:
    """Return the differences of our account from theirs on the same days.

    Stationary bootstrap of the days in pairs (Politis and Romano 1994). The intervals of Sharpe ratio and growth are
    basic ones. That of a drawdown holds 95 % of the differences in the resampled histories, since the deepest drawdown
    of a history depends on its length and order; its blocks have 63 days (a third of a shorter history), or the most
    that the returns or their squares ask for. Raises ValueError if the series differ in shape.

    >>> draw = np.random.default_rng(1).normal(0.001, 0.01, size=500)
    >>> one = DailyReturns(returns=draw, excess=draw)
    >>> found = paired_differences(one, one, days_per_year=252, seed=1)
    >>> found.sharpe.p, found.growth, found.drawdown.high
    (1.0, Difference(difference=0.0, low=0.0, high=0.0), 0.0)
    """
    if ours.returns.shape != theirs.returns.shape:
        raise ValueError(f"returns of shapes {ours.returns.shape} and {theirs.returns.shape}; give the same days")
    try:
        ratio = compare(ours.excess, theirs.excess, days_per_year=days_per_year, seed=seed)
    except Incomparable:
        ratio = None
    pair = np.stack([ours.returns, theirs.returns])
    if pair.shape[1] < MIN_DAYS or not (pair > -1.0).all():
        return PairedDifferences(sharpe=ratio, growth=None, drawdown=None, drawdown_at_equal_vol=None)
    logs = np.log1p(pair)
    return PairedDifferences(
        sharpe=ratio,
        growth=_of_growth(logs, days_per_year, (seed, resamples)),
        drawdown=_of_drawdown(logs, (seed, resamples)),
        drawdown_at_equal_vol=_at_equal_vol(ours.excess, theirs.excess, (seed, resamples)),
    )


def _at_equal_vol(ours: FloatArray, theirs: FloatArray, draws: tuple[int, int]) -> Difference | None:
    """Return the difference of the deepest drawdowns of returns, ours scaled to the volatility of theirs."""
    spread = float(ours.std(ddof=1))
    if not spread > _ROUNDING:
        return None
    pair = np.stack([ours * (float(theirs.std(ddof=1)) / spread), theirs])
    return _of_drawdown(np.log1p(pair), draws) if (pair > -1.0).all() else None


def _of_growth(logs: FloatArray, days_per_year: int, draws: tuple[int, int]) -> Difference:
    """Return the difference of growth per year of logarithmic returns (2, T)."""
    seed, resamples = draws
    gains = logs[0] - logs[1]
    if np.abs(gains).max() < _ROUNDING:
        return Difference(difference=0.0, low=0.0, high=0.0)
    blocks = Blocks(days=block_days(gains), random=np.random.default_rng(seed))
    grown = np.expm1(resampled_means(logs.T, resamples, blocks) * days_per_year)
    ours, theirs = np.expm1(logs.mean(axis=1) * days_per_year)
    difference = float(ours - theirs)
    low, high = basic_interval(difference, grown[:, 0] - grown[:, 1] - difference)
    return Difference(difference=difference, low=low, high=high)


def _of_drawdown(logs: FloatArray, draws: tuple[int, int]) -> Difference:
    """Return the difference of the deepest drawdowns of logarithmic returns (2, T)."""
    seed, resamples = draws
    days = logs.shape[1]
    length = max(min(float(DRAWDOWN_BLOCK_DAYS), days / 3), *(block_days(series) for series in (*logs, *logs**2)))
    blocks = Blocks(days=length, random=np.random.default_rng(seed))
    size = max(1, _CHUNK_NUMBERS // days)
    found = []
    for first in range(0, resamples, size):
        rows = stationary_rows(days, min(size, resamples - first), blocks)
        found.append(_deepest(logs[0][rows]) - _deepest(logs[1][rows]))
    tail = (1.0 - COVERAGE) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1.0 - tail])
    ours, theirs = _deepest(logs)
    return Difference(difference=float(ours - theirs), low=float(low), high=float(high))


def _deepest(logs: FloatArray) -> FloatArray:
    """Return the deepest drawdown of each row of logarithmic returns (N, T)."""
    paths = np.concatenate([np.zeros((len(logs), 1)), np.cumsum(logs, axis=1)], axis=1)
    deepest: FloatArray = -np.expm1((paths - np.maximum.accumulate(paths, axis=1)).min(axis=1))
    return deepest
