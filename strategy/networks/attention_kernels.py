"""Compiled passes of causal attention and of its gradient.

torch's own kernel multiplies whole blocks of keys, future ones included, and copies the heads into separate arrays.
These passes read and write the projections in place: ROWS queries at a time are multiplied with the keys up to them,
which lie along the vector lanes. Columns are padded with zeros to whole vectors, because LLVM leaves the remainder of a
loop scalar.

With torch's kernel in their place, a step of the default network takes 1.08 times the processor time
(`benchmarks/training/attention_speed.py`), and the first step is spared their compilation. The networks behind the
figures of docs/evaluation.md were trained with these passes; another kernel rounds differently.
"""

import math
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Single = NDArray[np.float32]
P = ParamSpec("P")
T = TypeVar("T")
#: Queries at a time, which is also the number of terms added in one pass over a row; and float32 numbers in a vector.
ROWS, LANES = 8, 16
ONE = np.float32(1.0)
#: Sums may be regrouped. NaN and infinity keep their meaning, so that a diverging training is noticed.
FAST = {"reassoc", "contract", "arcp", "nsz"}


def _compiled(function: Callable[P, None]) -> Callable[P, None]:
    """Return the function, compiled at its first call; it releases the GIL."""
    result: Callable[P, None] = njit(nogil=True, error_model="numpy", fastmath=FAST)(function)
    return result


def _inner(function: Callable[P, T]) -> Callable[P, T]:
    """Return a part of a compiled function; it cannot be called from Python, which halves its compilation time."""
    # Both wrappers' options are missing in numba's own annotations.
    part = njit(nogil=True, error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)  # type: ignore[call-overload]
    result: Callable[P, T] = part(function)
    return result


@_inner
def _columns(size: int, bars: int) -> Single:
    return np.zeros(((size + ROWS - 1) // ROWS * ROWS, (bars + LANES - 1) // LANES * LANES), np.float32)


@_inner
def _transpose(block: Single, columns: Single) -> None:
    for j in range(block.shape[0]):
        for d in range(block.shape[1]):
            columns[d, j] = block[j, d]


@_inner
def _restore(columns: Single, block: Single) -> None:
    for j in range(block.shape[0]):
        for d in range(block.shape[1]):
            block[j, d] = columns[d, j]


@_inner
def _read(block: Single, scale: np.float32, rows: Single) -> None:
    """Copy at most ROWS rows of the block, scaled; missing rows become 0."""
    rows[block.shape[0] :] = np.float32(0.0)
    for r in range(block.shape[0]):
        for d in range(block.shape[1]):
            rows[r, d] = block[r, d] * scale


@_inner
def _write(rows: Single, scale: Single, block: Single) -> None:
    for r in range(block.shape[0]):
        for d in range(block.shape[1]):
            block[r, d] = rows[r, d] * scale[r]


@_inner
def _products(rows: Single, columns: Single, result: Single, count: int) -> None:
    """Set result[r, j] = Σd rows[r, d]·columns[d, j] for j below count."""
    for r in range(ROWS):
        for d in range(0, columns.shape[0], ROWS):
            a0, a1, a2, a3 = rows[r, d], rows[r, d + 1], rows[r, d + 2], rows[r, d + 3]
            a4, a5, a6, a7 = rows[r, d + 4], rows[r, d + 5], rows[r, d + 6], rows[r, d + 7]
            for j in range(count):
                term = a0 * columns[d, j] + a1 * columns[d + 1, j] + a2 * columns[d + 2, j] + a3 * columns[d + 3, j]
                term += (
                    a4 * columns[d + 4, j] + a5 * columns[d + 5, j] + a6 * columns[d + 6, j] + a7 * columns[d + 7, j]
                )
                result[r, j] = term if d == 0 else result[r, j] + term


@_inner
def _gather(weights: Single, columns: Single, result: Single, count: int) -> None:
    """Set result[r, d] = Σj weights[r, j]·columns[d, j] over j below count."""
    for d in range(columns.shape[0]):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0.0)
        for j in range(count):
            column = columns[d, j]
            s0 += weights[0, j] * column
            s1 += weights[1, j] * column
            s2 += weights[2, j] * column
            s3 += weights[3, j] * column
            s4 += weights[4, j] * column
            s5 += weights[5, j] * column
            s6 += weights[6, j] * column
            s7 += weights[7, j] * column
        result[0, d], result[1, d], result[2, d], result[3, d] = s0, s1, s2, s3
        result[4, d], result[5, d], result[6, d], result[7, d] = s4, s5, s6, s7


@_inner
def _scatter(weights: Single, rows: Single, columns: Single, count: int) -> None:
    """Add Σr rows[r, d]·weights[r, j] to columns[d, j] for j below count."""
    for d in range(columns.shape[0]):
        a0, a1, a2, a3 = rows[0, d], rows[1, d], rows[2, d], rows[3, d]
        a4, a5, a6, a7 = rows[4, d], rows[5, d], rows[6, d], rows[7, d]
        for j in range(count):
            term = a0 * weights[0, j] + a1 * weights[1, j] + a2 * weights[2, j] + a3 * weights[3, j]
            term += a4 * weights[4, j] + a5 * weights[5, j] + a6 * weights[6, j] + a7 * weights[7, j]
            columns[d, j] += term


@_inner
def _exp(x: np.float32) -> np.float32:
    """Return e^x for x <= 0, at least 2^-126, to a relative 1e-6: a power of two by its bits, a polynomial between."""
    power = min(max(x * np.float32(1.4426950408889634), np.float32(-126.0)), np.float32(0.0))
    whole = np.float32(math.floor(power))
    rest = power - whole
    value = np.float32(1.8775767e-3)
    value = value * rest + np.float32(8.9893397e-3)
    value = value * rest + np.float32(5.5826318e-2)
    value = value * rest + np.float32(2.4015361e-1)
    value = value * rest + np.float32(6.9315308e-1)
    value = value * rest + np.float32(9.9999994e-1)
    return value * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@_inner
def _ordered(bits: np.int32) -> np.int32:
    """Map the bits of a float32 number to an integer of the same order, and back."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@_inner
def _dot(left: Single, right: Single) -> np.float32:
    total = np.float32(0.0)
    for d in range(len(left)):
        total += left[d] * right[d]
    return total


@_inner
def _softmax(scores: Single, seen: int, count: int) -> tuple[np.float32, np.float32]:
    """Turn a row of scores into e^(score - top), 0 from `seen` on; return their sum and the top.

    The maximum is taken over integers, because LLVM does not vectorise it over floats.
    """
    bits = scores.view(np.int32)
    highest = np.int32(-2147483648)
    for j in range(seen):
        key = _ordered(bits[j])
        highest = np.int32(key if key > highest else highest)
    top = np.int32(_ordered(highest)).view(np.float32)
    total = np.float32(0.0)
    for j in range(count):
        weight = _exp(scores[j] - top) if j < seen else np.float32(0.0)
        scores[j] = weight
        total += weight
    return total, top


@_inner
def _recall(scores: Single, pulls: Single, seen: int, count: int, row: tuple[np.float32, np.float32]) -> None:
    """Turn a row of scores into weights, and in `pulls` the gradient of the weights into that of the scores.

    `row` holds the log of the sum of exponentials, and the mean of that gradient under the weights.
    """
    log, mean = row
    for j in range(count):
        weight = _exp(scores[j] - log) if j < seen else np.float32(0.0)
        scores[j] = weight
        pulls[j] = weight * (pulls[j] - mean)


@_compiled
def forward(mixed: Single, attended: Single, logs: Single) -> None:
    """Fill in `attended` (N, T, D) and, in `logs`, the log of each row's sum of exponentials (N, H, T)."""
    N, heads, T = logs.shape
    width = attended.shape[2]
    size = width // heads
    keys, values = _columns(size, T), _columns(size, T)
    queries, drawn = np.zeros((ROWS, len(keys)), np.float32), np.zeros((ROWS, len(keys)), np.float32)
    scores, shares = np.zeros((ROWS, keys.shape[1]), np.float32), np.zeros(ROWS, np.float32)
    scale = np.float32(1.0 / math.sqrt(size))
    for n in range(N):
        for h in range(heads):
            own, key, value = h * size, width + h * size, 2 * width + h * size
            _transpose(mixed[n, :, key : key + size], keys)
            _transpose(mixed[n, :, value : value + size], values)
            for i in range(0, T, ROWS):
                count = (i + ROWS + LANES - 1) // LANES * LANES
                _read(mixed[n, i : i + ROWS, own : own + size], scale, queries)
                _products(queries, keys, scores, count)
                for r in range(ROWS):
                    total, top = _softmax(scores[r], i + r + 1, count)
                    shares[r] = ONE / total
                    if i + r < T:
                        logs[n, h, i + r] = top + np.float32(math.log(total))
                _gather(scores, values, drawn, count)
                _write(drawn, shares, attended[n, i : i + ROWS, own : own + size])


@_compiled
def backward(mixed: Single, attended: Single, logs: Single, given: Single, result: Single) -> None:
    """Fill in the gradient of `mixed` (N, T, 3D), given the gradient of `attended` (N, T, D)."""
    N, heads, T = logs.shape
    width = attended.shape[2]
    size = width // heads
    keys, values, from_keys, from_values = _columns(size, T), _columns(size, T), _columns(size, T), _columns(size, T)
    queries, drawn = np.zeros((ROWS, len(keys)), np.float32), np.zeros((ROWS, len(keys)), np.float32)
    pulled, pulls = np.zeros((ROWS, len(keys)), np.float32), np.zeros((ROWS, keys.shape[1]), np.float32)
    scores, scale = np.zeros((ROWS, keys.shape[1]), np.float32), np.float32(1.0 / math.sqrt(size))
    scales = np.full(ROWS, scale)
    for n in range(N):
        for h in range(heads):
            own, key, value = h * size, width + h * size, 2 * width + h * size
            _transpose(mixed[n, :, key : key + size], keys)
            _transpose(mixed[n, :, value : value + size], values)
            from_keys[:], from_values[:] = np.float32(0.0), np.float32(0.0)
            for i in range(0, T, ROWS):
                count = (i + ROWS + LANES - 1) // LANES * LANES
                _read(mixed[n, i : i + ROWS, own : own + size], scale, queries)
                _read(given[n, i : i + ROWS, own : own + size], ONE, pulled)
                _read(attended[n, i : i + ROWS, own : own + size], ONE, drawn)
                _products(queries, keys, scores, count)
                _products(pulled, values, pulls, count)
                for r in range(ROWS):
                    log = logs[n, h, i + r] if i + r < T else np.float32(0.0)
                    _recall(scores[r], pulls[r], i + r + 1, count, (log, _dot(pulled[r], drawn[r])))
                _scatter(scores, pulled, from_values, count)
                _scatter(pulls, queries, from_keys, count)
                _gather(pulls, keys, drawn, count)
                _write(drawn, scales, result[n, i : i + ROWS, own : own + size])
            _restore(from_keys, result[n, :, key : key + size])
            _restore(from_values, result[n, :, value : value + size])
