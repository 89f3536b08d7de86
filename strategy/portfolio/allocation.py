"""Allocation: the budgets that split a portfolio among its symbols, by inverse volatility, equal risk or equal parts.

And the volatility of a portfolio with such budgets. A date's numbers depend on its own window alone: computed one date
at a time or all at once, they agree to the last bit.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import Allocation, risk_budgets
from strategy.signals.rolling import VOLATILITY_BARS, VOLATILITY_SPAN, exponential_weights

#: Account dates in the window of a portfolio's volatility.
PORTFOLIO_BARS = VOLATILITY_BARS

#: Account days of the returns that are correlated: exchanges close at different hours, which hides correlation in a
#: single day's returns.
OVERLAP_DAYS = 3
#: Share of the constant correlation in the estimate (Ledoit and Wolf 2004), which no pair's noise can then rule.
SHRINKAGE = 0.5
#: Sweeps over all symbols, and steps after them. Their numbers are fixed and each date starts afresh, so that its
#: budgets are its own.
SWEEPS = 20
NEWTON_STEPS = 10
#: The largest Newton decrement at which a full step is taken.
FULL_STEP = 0.25
#: Variance of a book, over that of its symbols one by one, below which it counts as a perfect hedge.
LEAST_VARIANCE = 1e-9
#: Most numbers in the correlation matrices that are held at once, and in matrices or returns summed up at once, which
#: stay in cache.
_CHUNK_NUMBERS = 1_000_000
_CACHED_NUMBERS = 32_768
#: Most symbols whose equations LAPACK solves: it shares larger ones among threads, whose number shows in last bits.
MOST_UNSHARED = 128


def budgets(
    allocation: Allocation, volatility: FloatArray, changes: FloatArray, stops: NDArray[np.int64]
) -> FloatArray:
    """Return the budgets b (T, S), at least 0; they sum to 1 over the symbols with a volatility, the others have 0.

    `volatility` (T, S) is annualised, NaN for a symbol that gets no budget. `changes` (U, S) are the symbols' returns;
    the window of a result ends before row `stops` (T,). Before a window is full, equal risk is inverse volatility.
    """
    if allocation is Allocation.INVERSE_VOL:
        return risk_budgets(volatility)
    usable = _usable(volatility)
    if allocation is Allocation.EQUAL:
        return _normalised(usable.astype(np.float64))
    result = risk_budgets(volatility)
    for rows, correlation in _chunks(changes, stops, usable):
        share = np.divide(
            balanced_risks(correlation), volatility[rows], out=np.zeros_like(result[rows]), where=usable[rows]
        )
        result[rows] = _normalised(share)
    return result


def balanced_risks(correlation: FloatArray) -> FloatArray:
    """Return y = σ·b at which every symbol contributes the same risk, (T, S), up to scale; 0 where C[i, i] is 0.

    `correlation` is (T, S, S). y ≥ 0 minimises ½·y'Cy − (1/n)·Σ ln yᵢ: cyclical coordinate descent (Griveau-Billion,
    Richard and Roncalli 2013) comes near, and damped Newton steps (Spinu 2013) end there. In y, unlike in b, the result
    does not depend on the symbols' volatilities.

    >>> hedged = np.array([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.5, 0.5, 1.0]]])
    >>> balanced_risks(hedged).round(4)
    array([[0.4896, 0.4896, 0.3823]])
    """
    usable = np.diagonal(correlation, axis1=1, axis2=2) > 0
    count = np.maximum(usable.sum(axis=1), 1).astype(np.float64)
    result = _scaled(usable.astype(np.float64), correlation)
    for _ in range(SWEEPS):
        for i in range(usable.shape[1]):
            others = (correlation[:, i] * result).sum(axis=1) - result[:, i]
            moved = (np.sqrt(others * others + 4.0 / count) - others) / 2.0
            result[:, i] = np.where(usable[:, i], moved, 0.0)
        result = _scaled(result, correlation)
    result[~usable] = 1.0
    for _ in range(NEWTON_STEPS):
        result -= _newton_step(result, correlation, usable / count[:, None])
    # Two symbols contribute the same at the same risk, whatever their correlation.
    result[count <= 2] = 1.0
    return np.where(usable, result, 0.0)


def _scaled(risk: FloatArray, correlation: FloatArray) -> FloatArray:
    """Return y scaled to y'Cy = 1, as the minimum is; a perfect hedge has no such scale and keeps its own."""
    variance = ((correlation * risk[:, None, :]).sum(axis=2) * risk).sum(axis=1, keepdims=True)
    known = variance > LEAST_VARIANCE * (risk * risk).sum(axis=1, keepdims=True)
    result: FloatArray = risk / np.sqrt(np.where(known, variance, 1.0))
    return result


def _newton_step(risk: FloatArray, correlation: FloatArray, share: FloatArray) -> FloatArray:
    """Return what a step takes off y, 0 where `share`, 1/n, is 0; it is damped so that y stays positive."""
    slope = np.where(share > 0, (correlation * risk[:, None, :]).sum(axis=2) - share / risk, 0.0)
    curvature = correlation.copy()
    own = np.arange(curvature.shape[1])
    curvature[:, own, own] += np.where(share > 0, share / (risk * risk), 1.0)
    step = solved(curvature, slope)
    least = np.where(share > 0, share, np.inf).min(axis=1)
    decrement = np.sqrt(np.maximum((slope * step).sum(axis=1), 0.0) / least)
    result: FloatArray = step / np.where(decrement > FULL_STEP, 1.0 + decrement, 1.0)[:, None]
    return result


def solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solution x of Ax = r for positive definite matrices, (T, S, S) and (T, S); overwrites neither.

    Its bits do not depend on the number of threads.

    >>> solved(np.array([[[2.0, 1.0], [1.0, 2.0]]]), np.array([[3.0, 3.0]])).round(12)
    array([[1., 1.]])
    """
    S = right.shape[1]
    if S <= MOST_UNSHARED:
        return np.asarray(np.linalg.solve(matrix, right[:, :, None])[:, :, 0], dtype=np.float64)
    left, result = matrix.copy(), right.copy()
    # Positive definite matrices need no pivots.
    for i in range(S):
        factor = left[:, i + 1 :, i] / left[:, i, i, None]
        left[:, i + 1 :, i + 1 :] -= factor[:, :, None] * left[:, i, None, i + 1 :]
        result[:, i + 1 :] -= factor * result[:, i, None]
    for i in reversed(range(S)):
        result[:, i] /= left[:, i, i]
        result[:, :i] -= left[:, :i, i] * result[:, i, None]
    return result


def risk_shares(budget: FloatArray, volatility: FloatArray, correlation: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return each symbol's share of the book's variance and its correlation with the book, both (S,).

    The book holds the budgets, (S,), without signals. NaN for both where the book has no variance, and for the
    correlation of a symbol without volatility.
    """
    usable = _usable(volatility)
    risk = np.where(usable, budget * np.where(usable, volatility, 0.0), 0.0)
    marginal = (correlation * risk).sum(axis=1)
    variance = float((risk * marginal).sum())
    if not variance > 0:
        return np.full(len(risk), np.nan), np.full(len(risk), np.nan)
    return risk * marginal / variance, np.where(usable, marginal / np.sqrt(variance), np.nan)


def correlations(changes: FloatArray, stops: NDArray[np.int64], usable: NDArray[np.bool_]) -> FloatArray:
    """Return the correlations C (T, S, S) of the usable (T, S) symbols, shrunk by half to their mean; 0 for the others.

    They are those of overlapping three-day returns in the window of PORTFOLIO_BARS rows that ends before row `stops`,
    exponentially weighted, with mean 0. NaN where fewer rows come before. Those of a symbol that never moved count as 0
    in the mean.
    """
    S = changes.shape[1]
    result = np.full((len(stops), S, S), np.nan)
    for rows, found in _chunks(changes, stops, usable):
        result[rows] = found
    return result


def _chunks(
    changes: FloatArray, stops: NDArray[np.int64], usable: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], FloatArray]]:
    """Yield the dates whose window is full, a chunk at a time, with their correlations."""
    full = np.flatnonzero(stops >= PORTFOLIO_BARS)
    if not len(full):
        return
    S = changes.shape[1]
    most = max(1, _CHUNK_NUMBERS // S**2)
    overlapping = np.zeros_like(changes)
    overlapping[OVERLAP_DAYS - 1 :] = sum(
        changes[lag : len(changes) - (OVERLAP_DAYS - 1 - lag)] for lag in range(OVERLAP_DAYS)
    )
    for first in range(0, len(full), most):
        rows = full[first : first + most]
        yield rows, _shrunk(_products(overlapping, stops[rows]), usable[rows])


def _products(overlapping: FloatArray, stops: NDArray[np.int64]) -> FloatArray:
    """Return the weighted sums of products of every two symbols' returns, (T, S, S).

    Day is added to day, for all dates at once: a matrix product could add in another order for other shapes.
    """
    S, days = overlapping.shape[1], PORTFOLIO_BARS - OVERLAP_DAYS + 1
    roots = np.sqrt(exponential_weights(VOLATILITY_SPAN, days))
    result = np.zeros((len(stops), S, S))
    most = max(1, _CACHED_NUMBERS // S**2)
    buffer = np.empty((most, S, S))
    for first in range(0, len(stops), most):
        total = result[first : first + most]
        product = buffer[: len(total)]
        oldest = stops[first : first + most] - days
        for day, root in enumerate(roots):
            moved = overlapping[oldest + day] * root
            np.multiply(moved[:, :, None], moved[:, None, :], out=product)
            total += product
    return result


def _shrunk(products: FloatArray, usable: NDArray[np.bool_]) -> FloatArray:
    """Return the correlations behind the sums of products, shrunk towards the mean over all pairs."""
    S = products.shape[1]
    variance = np.diagonal(products, axis1=1, axis2=2)
    inverse = np.where(variance > 0, 1.0 / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)
    inverse = np.where(usable, inverse, 0.0)
    correlation = products * inverse[:, :, None] * inverse[:, None, :]
    own = np.eye(S, dtype=np.bool_)
    correlation[:, own] = 0.0
    pairs = usable[:, :, None] & usable[:, None, :] & ~own
    count = np.maximum(pairs.sum(axis=(1, 2)), 1)
    mean = correlation.reshape(len(correlation), S * S).sum(axis=1) / count
    result: FloatArray = np.where(pairs, (1.0 - SHRINKAGE) * correlation + SHRINKAGE * mean[:, None, None], 0.0)
    result[:, own] = usable
    return result


def _usable(volatility: FloatArray) -> NDArray[np.bool_]:
    return np.isfinite(volatility) & (volatility > 0)


def _normalised(share: FloatArray) -> FloatArray:
    total = share.sum(axis=-1, keepdims=True)
    result: FloatArray = share / np.where(total > 0, total, 1.0)
    return result


def portfolio_volatilities(
    changes: FloatArray, stops: NDArray[np.int64], budgets: FloatArray, days_per_year: int
) -> FloatArray:
    """Return σₚ, the annualised, exponentially weighted volatility of Σ b·r over the last account dates, (T,).

    `changes` (U, S) are the symbols' returns; the window of a result ends before row `stops` (T,), and `budgets` (T, S)
    are those of its last date. NaN where fewer than PORTFOLIO_BARS rows come before.
    """
    result = np.full(len(stops), np.nan)
    weights = exponential_weights(VOLATILITY_SPAN, PORTFOLIO_BARS)
    full = np.flatnonzero(stops >= PORTFOLIO_BARS)
    most = max(1, _CACHED_NUMBERS // (PORTFOLIO_BARS * changes.shape[1]))
    windows = sliding_window_view(changes, PORTFOLIO_BARS, axis=0).swapaxes(1, 2) if len(full) else changes
    for first in range(0, len(full), most):
        at = full[first : first + most]
        # In this order of the numbers in memory a sum has the same bits in any chunk.
        parts = np.multiply(windows[stops[at] - PORTFOLIO_BARS], budgets[at, None], order="C")
        # A sum of one takes NumPy longer than all else here.
        returns = parts[:, :, 0] if parts.shape[2] == 1 else parts.sum(axis=2)
        result[at] = np.sqrt((returns * returns * weights).sum(axis=1) * days_per_year)
    return result
