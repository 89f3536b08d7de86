"""Forward adjustment factor: 1 at the first bar, and unchanged when a source rebases its adjusted prices.

Sources scale adjusted closes to their newest bar, so each split or dividend changes the whole history. The forward
factor is the ratio of adjusted to raw close, divided by a `link`: the ratio that corresponds to a factor of 1. A rebase
scales ratio and link alike, so a published factor never changes.
"""

from dataclasses import dataclass

import numpy as np

from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlap:
    """Bars that were published before and are delivered again, oldest first; every array is (N,).

    `ratio` is the adjusted over the raw close as delivered now; `stored_ratio`, `stored_link` and `stored_factor` are
    the values stored when the bars were published.
    """

    ratio: FloatArray
    stored_ratio: FloatArray
    stored_link: FloatArray
    stored_factor: FloatArray


def adjustment_ratio(close: FloatArray, adjusted_close: FloatArray) -> FloatArray:
    """Return adjusted over raw close, (T,); a missing adjusted close takes the ratio before it, else after it, else 1.

    >>> adjustment_ratio(np.array([40.0, 10.0, 11.0]), np.array([10.0, 10.0, np.nan]))
    array([0.25, 1.  , 1.  ])
    """
    ratio = adjusted_close / close
    known = np.flatnonzero(~np.isnan(ratio))
    if not known.size:
        return np.ones(len(close))
    before = np.searchsorted(known, np.arange(len(close)), side="right") - 1
    result: FloatArray = ratio[known[np.maximum(before, 0)]]
    return result


def link(ratio: FloatArray, overlap: Overlap) -> float:
    """Return the ratio that corresponds to factor 1 in this delivery.

    A new series links to its first ratio. If every overlapping bar has exactly its stored ratio, the stored link is
    kept, bit for bit. Otherwise the source was rebased, even if rounding hides that on some bars, and the link is
    chosen so that the last overlapping bar keeps its factor.
    """
    if not len(overlap.ratio):
        return float(ratio[0])
    if np.array_equal(overlap.ratio, overlap.stored_ratio):
        return float(overlap.stored_link[-1])
    return float(overlap.ratio[-1] / overlap.stored_factor[-1])
