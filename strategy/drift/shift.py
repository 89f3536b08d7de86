"""Shift: whether the returns of the symbols still have the distribution that they had before the account opened."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from strategy.drift.looks import Looks
from strategy.evaluation.bootstrap import Blocks, block_days, stationary_rows
from strategy.market.bars import FloatArray

BoolArray = NDArray[np.bool_]

#: Account days compared with the reference: in fewer, clustered volatility looks like a shift.
WINDOW_DAYS = 126
#: Mean length of the blocks, at least: volatility remembers for months.
FEWEST_BLOCK_DAYS = 126.0
#: Tenths of the reference.
BINS = 10
#: Returns without which a symbol is no part of the reference.
FEWEST_RETURNS = 1_260
#: The limit is this many times what resamples give: their blocks end the clusters of volatility that real years have,
#: and the index grows with the square of what is missed. Measured in `benchmarks/days/drift.py`.
MARGIN = 2.5
#: Paths drawn at once, so that paths of many symbols fit into memory.
_CHUNK_PATHS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The frozen distribution of the symbols' daily log returns, each measured by its own mean and deviation.

    `edges` are the inner bounds of the tenths of all of them together, `counts` how many lie in each; `mean` and
    `deviation` are by symbol. `limit` is that of the index of a year of days, in which each look compares WINDOW_DAYS.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    limit: float
    past_days: int
    block_days: float


def covered(past: FloatArray) -> BoolArray:
    """Return which symbols of daily log returns (T, S) have enough of them, that vary, to be part of a reference."""
    known = np.isfinite(past)
    enough: BoolArray = known.sum(axis=0) >= FEWEST_RETURNS
    enough[enough] = np.nanstd(past[:, enough], axis=0) > 1e-12
    return enough


def frozen_reference(past: FloatArray, looks: Looks) -> Reference:
    """Return the reference of daily log returns (T, S), NaN where a symbol had no session.

    `limit` is MARGIN times what is exceeded on some day of a year in a share of stationary bootstrap paths, whole
    days of all symbols at a time, each against another resample as long as the past. A fixed limit such as 0.25 has no
    known rate: the index of the same process depends on how many days and symbols it counts, and on their memory.
    Raises ValueError unless every symbol is `covered`.
    """
    if not past.size or not covered(past).all():
        raise ValueError(
            f"returns of shape {past.shape} have a symbol that is not covered; a reference needs {FEWEST_RETURNS} "
            "returns of each, that vary"
        )
    mean, deviation = np.nanmean(past, axis=0), np.nanstd(past, axis=0)
    measured = (past - mean) / deviation
    edges = np.quantile(measured[np.isfinite(measured)], np.arange(1, BINS) / BINS)
    daily = _daily_counts(measured, edges)
    length = _block_days(measured)
    return Reference(
        mean=tuple(mean.tolist()),
        deviation=tuple(deviation.tolist()),
        edges=tuple(edges.tolist()),
        counts=tuple(daily.sum(axis=0).tolist()),
        limit=MARGIN * float(np.quantile(_largest(daily, length, looks), 1.0 - looks.share)),
        past_days=len(past),
        block_days=length,
    )


def shifts(reference: Reference, returns: FloatArray) -> FloatArray:
    """Return the population stability index of the WINDOW_DAYS up to each day, (T,); NaN before there are as many.

    Σ (p − q) · ln(p / q) over the tenths, p of the window and q of the reference, half a return added to each so that
    an empty one counts. `returns` (T, S) are of the reference's symbols. A window without returns is NaN.
    """
    measured = (returns - np.array(reference.mean)) / np.array(reference.deviation)
    daily = _daily_counts(measured, np.array(reference.edges))
    result = np.full(len(returns), np.nan)
    if len(returns) >= WINDOW_DAYS:
        windows = _windows(daily)
        found = _index(_shares(windows), _shares(np.array(reference.counts)))
        result[WINDOW_DAYS - 1 :] = np.where(windows.sum(axis=-1) > 0.0, found, np.nan)
    return result


def _block_days(measured: FloatArray) -> float:
    """Return the memory of the size of returns: that of their mean over symbols, day by day."""
    known = np.isfinite(measured)
    traded = known.any(axis=1)
    size = np.where(known, np.abs(measured), 0.0)[traded].sum(axis=1) / known[traded].sum(axis=1)
    return max(block_days(size), FEWEST_BLOCK_DAYS)


def _daily_counts(measured: FloatArray, edges: FloatArray) -> FloatArray:
    """Return how many symbols' returns lie in each tenth on each day, (T, BINS)."""
    tenth = np.where(np.isfinite(measured), np.searchsorted(edges, measured), BINS)
    return np.stack([(tenth == number).sum(axis=1) for number in range(BINS)], axis=1).astype(np.float64)


def _windows(daily: FloatArray) -> FloatArray:
    """Return the counts of all windows of WINDOW_DAYS; days are the last axis but one."""
    total = np.cumsum(daily, axis=-2)
    total = np.concatenate([np.zeros_like(total[..., :1, :]), total], axis=-2)
    result: FloatArray = total[..., WINDOW_DAYS:, :] - total[..., :-WINDOW_DAYS, :]
    return result


def _shares(counts: FloatArray) -> FloatArray:
    result: FloatArray = (counts + 0.5) / (counts.sum(axis=-1, keepdims=True) + 0.5 * BINS)
    return result


def _index(window: FloatArray, reference: FloatArray) -> FloatArray:
    result: FloatArray = ((window - reference) * np.log(window / reference)).sum(axis=-1)
    return result


def _largest(daily: FloatArray, length: float, looks: Looks) -> FloatArray:
    """Return the largest index of each drawn year, (paths,)."""
    blocks = Blocks(days=length, random=np.random.default_rng(looks.seed))
    days, needed = len(daily), looks.year_days + WINDOW_DAYS - 1
    bounds = [*range(0, looks.paths, _CHUNK_PATHS), looks.paths]
    found = []
    for first, last in pairwise(bounds):
        paths = daily[stationary_rows(days, last - first, blocks, needed)]
        pasts = daily[stationary_rows(days, last - first, blocks)].sum(axis=1)
        found.append(_index(_shares(_windows(paths)), _shares(pasts)[:, None]).max(axis=1))
    return np.concatenate(found)
