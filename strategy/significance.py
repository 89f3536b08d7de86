"""Whether one account is better than another, or only luckier: a paired bootstrap, and its deflation by trials."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.bars import FloatArray
from strategy.sharpe_ratio import sharpe, sharpe_shares

#: Fewer days on which an account moves leave no room for blocks, and could all be missing from a resample.
MIN_DAYS = 20
RESAMPLES = 1_000
#: Two-sided coverage of every interval.
COVERAGE = 0.95
#: Resampled numbers held at once; a longer series is resampled in several goes.
_CHUNK_NUMBERS = 2_000_000


class Incomparable(ValueError):
    """The returns of two accounts cannot be compared: too few, not finite, or without variation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeDifference:
    """Annualised Sharpe ratios of two accounts on the same days, their difference, and how sure it is.

    `low` and `high` hold the true difference in 95 of 100 cases; `p` is the chance of a difference at least as large if
    the first were no better. `block_days` is the mean length of the resampled blocks.
    """

    sharpe: float
    rival_sharpe: float
    difference: float
    low: float
    high: float
    p: float
    block_days: float


def compare(
    returns: FloatArray, rival: FloatArray, *, days_per_year: int, seed: int, resamples: int = RESAMPLES
) -> SharpeDifference:
    """How much better the first daily net returns (T,) are than the second (T,), which lie on the same days.

    Paired stationary bootstrap (Politis and Romano 1994), blocks as long as Patton, Politis and White (2009) advise for
    the days' share in the difference; the test is one-sided and centred. Studentising it (Ledoit and Wolf 2008) changed
    neither size nor coverage in simulation. Equal series: difference 0, p 1. Raises Incomparable where fewer than 20
    days move, a return is not finite or all are equal, and ValueError for series of other shapes.

    >>> compare(np.arange(30) % 3 - 0.5, np.arange(30) % 2 - 0.5, days_per_year=252, seed=1).p < 0.01
    True
    """
    pair = _checked(returns, rival)
    year = math.sqrt(days_per_year)
    ratios = pair.mean(axis=1) / pair.std(axis=1, ddof=1)
    difference = float(ratios[0] - ratios[1])
    shares = sharpe_shares(pair, ratios)
    # What trades alike differs by rounding errors at most, and those are no difference.
    if np.abs(shares).max() < 1e-9:
        difference, block_days = 0.0, 1.0
        low = high = 0.0
        p = 1.0
    else:
        block_days = _block_days(shares)
        errors = _resampled(pair, resamples, block_days, seed) - difference
        tail = (1.0 - COVERAGE) / 2
        if not np.isfinite(errors).all():
            raise Incomparable(
                f"some resamples of the {len(returns)} days never vary, because few of them move; judge on more days"
            )
        low, high = (float(difference - one) for one in np.quantile(errors, [1.0 - tail, tail]))
        p = (1 + int((errors >= difference).sum())) / (1 + resamples)
    return SharpeDifference(
        sharpe=float(ratios[0]) * year,
        rival_sharpe=float(ratios[1]) * year,
        difference=difference * year,
        low=low * year,
        high=high * year,
        p=p,
        block_days=block_days,
    )


def sidak(p: float, trials: int) -> float:
    """The chance that the best of so many independent trials shows a p this low by luck (Šidák 1967).

    >>> round(sidak(0.01, 10), 4), sidak(0.2, 1), sidak(1.0, 5)
    (0.0956, 0.2, 1.0)
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p is {p}; a probability lies between 0 and 1")
    if trials < 1:
        raise ValueError(f"trials is {trials}; count the present one too, so at least 1")
    return 1.0 if p == 1.0 else p if trials == 1 else -math.expm1(trials * math.log1p(-p))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """How a series is resampled: the mean length of a block, and the generator that draws."""

    days: float
    random: np.random.Generator


def stationary_rows(days: int, resamples: int, blocks: Blocks) -> NDArray[np.int64]:
    """Rows to draw, (resamples, days), in blocks of geometric length around the circle (Politis and Romano 1994)."""
    begins = blocks.random.random((resamples, days)) < 1.0 / blocks.days
    begins[:, 0] = True
    at = np.arange(days)
    began = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    starts = blocks.random.integers(0, days, size=(resamples, days))
    rows: NDArray[np.int64] = (np.take_along_axis(starts, began, axis=1) + at - began) % days
    return rows


def _checked(returns: FloatArray, rival: FloatArray) -> FloatArray:
    """Both series as (2, T)."""
    if returns.ndim != 1 or returns.shape != rival.shape:
        raise ValueError(f"returns of shape {returns.shape} and {rival.shape} are no pair; give both on the same days")
    pair: FloatArray = np.stack([returns, rival]).astype(np.float64)
    for name, series in zip(("first", "second"), pair, strict=True):
        strange = int((~np.isfinite(series)).sum())
        if strange:
            raise Incomparable(f"{strange} of the {len(series)} returns of the {name} account are not finite")
        moving = int(np.count_nonzero(series))
        if moving < MIN_DAYS or sharpe(series, 1) is None:
            raise Incomparable(
                f"the {name} account moves on {moving} of {len(series)} days; it must vary on at least {MIN_DAYS}"
            )
    return pair


def _block_days(shares: FloatArray) -> float:
    # Its import takes a second, and nothing but a verdict needs it.
    from arch.bootstrap import optimal_block_length

    best = float(optimal_block_length(shares)["stationary"].iloc[0])
    return max(best, 1.0) if math.isfinite(best) else 1.0


def _resampled(pair: FloatArray, resamples: int, block_days: float, seed: int) -> FloatArray:
    """The difference of the ratios in each resample, (resamples,); infinite where one of them does not vary."""
    blocks = Blocks(days=block_days, random=np.random.default_rng(seed))
    days = pair.shape[1]
    size = max(1, _CHUNK_NUMBERS // days)
    parts = []
    for first in range(0, resamples, size):
        rows = stationary_rows(days, min(size, resamples - first), blocks)
        draws = pair[:, rows]
        spreads = draws.std(axis=2, ddof=1)
        ratios = np.divide(draws.mean(axis=2), spreads, out=np.full_like(spreads, np.nan), where=spreads > 0)
        # It says nothing against "no better", hence it counts for it.
        parts.append(np.nan_to_num(ratios[0] - ratios[1], nan=np.inf))
    return np.concatenate(parts)
