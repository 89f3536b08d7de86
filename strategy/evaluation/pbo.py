"""Probability of backtest overfitting: how often the best of many configurations is a poor choice on other days."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from strategy.market.bars import FloatArray

#: More blocks would give more than a million splits.
_MOST_BLOCKS = 20
#: Numbers held at once; more splits are processed in several chunks.
_CHUNK_NUMBERS = 2_000_000
#: A variance below this fraction of the mean square is a rounding error.
_NO_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """Performance, on the other half of the days, of the configuration that is best on one half, over all `splits`.

    `pbo` is the fraction of splits in which it does no better there than the median configuration; about 1/2 if they
    differ by luck alone. `loss` is the fraction in which it loses there. `slope` is that of a regression of its daily
    Sharpe ratio in the other half on that in the half where it was chosen; None if the latter are all equal.
    """

    pbo: float
    loss: float
    slope: float | None
    splits: int


def overfitting(returns: FloatArray, blocks: int = 16) -> Overfitting:
    """Return the probability of backtest overfitting of daily returns (T, N), one column per configuration.

    Combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado and Zhu 2017) on Sharpe ratios: the days
    are cut into `blocks` consecutive blocks, and the best configuration is chosen on each half of the blocks. Ties rank
    in the middle. A configuration that does not vary on a half has a ratio of 0 there.
    Raises ValueError for fewer than two configurations, an odd number of blocks, fewer than two days in a block, and
    returns that are not finite.

    >>> overfitting(np.random.default_rng(1).normal([0.5, 0.0, 0.0], 1.0, size=(500, 3))).pbo
    0.0
    """
    _check(returns, blocks)
    edges = np.arange(blocks + 1) * len(returns) // blocks
    days = np.diff(edges).astype(np.float64)
    sums, squares = (np.add.reduceat(values, edges[:-1], axis=0) for values in (returns, returns**2))
    chosen, other, beaten = [], [], []
    for half in _halves(blocks, max(1, _CHUNK_NUMBERS // returns.shape[1])):
        inside = _ratios(half @ sums, half @ squares, half @ days)
        outside = _ratios((1 - half) @ sums, (1 - half) @ squares, (1 - half) @ days)
        best = inside.argmax(axis=1)[:, None]
        there = np.take_along_axis(outside, best, axis=1)
        chosen.append(np.take_along_axis(inside, best, axis=1)[:, 0])
        other.append(there[:, 0])
        # Count below minus count above: at or below 0 means the lower half, as does a logit of the rank at or below 0.
        beaten.append((outside < there).sum(axis=1) - (outside > there).sum(axis=1))
    first, second = np.concatenate(chosen), np.concatenate(other)
    spread = float(first.var())
    return Overfitting(
        pbo=float((np.concatenate(beaten) <= 0).mean()),
        loss=float((second < 0).mean()),
        slope=float(((first - first.mean()) * second).mean()) / spread if spread > 0 else None,
        splits=len(first),
    )


def _check(returns: FloatArray, blocks: int) -> None:
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise ValueError(f"returns of shape {returns.shape}; overfitting needs (T, N) of at least 2 configurations")
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS:
        raise ValueError(f"blocks is {blocks}; it must be even, from 2 to {_MOST_BLOCKS}")
    if len(returns) < 2 * blocks:
        raise ValueError(f"{len(returns)} days are too few for {blocks} blocks; {2 * blocks} are needed")
    if not np.isfinite(returns).all():
        raise ValueError(f"{int((~np.isfinite(returns)).sum())} of the returns are not finite")


def _halves(blocks: int, size: int) -> Iterator[FloatArray]:
    """Yield all halves of the blocks as rows of ones and zeros, `size` rows at a time."""
    every = np.zeros((math.comb(blocks, blocks // 2), blocks))
    at = np.array(list(combinations(range(blocks), blocks // 2)))
    np.put_along_axis(every, at, 1.0, axis=1)
    for first in range(0, len(every), size):
        yield every[first : first + size]


def _ratios(sums: FloatArray, squares: FloatArray, days: FloatArray) -> FloatArray:
    """Return the daily Sharpe ratios of the splits, (splits, N)."""
    mean = sums / days[:, None]
    square = squares / days[:, None]
    variance = square - mean**2
    moves = variance > _NO_VARIANCE * square
    return np.divide(mean, np.sqrt(np.where(moves, variance, 1.0)), out=np.zeros_like(mean), where=moves)
