"""Bars that differ after a row, in single rows, in rounding or in order: what a signal must not notice."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import COLUMNS, Bars, FloatArray
from strategy.market.price_panel import PricePanel

Known = Bars | PricePanel

#: Altered later prices are those of other days, multiplied by a random factor between these.
LEAST_SCALE, MOST_SCALE = 0.5, 2.0
PRICES = ("open", "high", "low", "close")

#: Relative noise that is as small as rounding errors are.
ROUNDING = 1e-13
#: An altered row's factor moves less than its prices: dividends are small.
_LEAST_FACTOR = 0.9


def another_future(known: Known, cut: int, draw: np.random.Generator) -> Known:
    """Return the same rows up to `cut`; later ones are shuffled, and prices, volumes and factors scaled at random."""
    past, later = np.arange(cut + 1), np.arange(cut + 1, len(known))
    order = np.concatenate([past, draw.permutation(later)])
    shape = known.close.shape

    def scale() -> FloatArray:
        scales = np.ones(shape)
        scales[cut + 1 :] = draw.uniform(LEAST_SCALE, MOST_SCALE, (len(later), *shape[1:]))
        return scales

    price = scale()
    columns = {name: getattr(known, name)[order] * price for name in PRICES}
    volume, factor = known.volume[order] * scale(), known.factor[order] * scale()
    own = {name: _other_values(values[order], later, draw) for name, values in known.columns.items()}
    return replace(known, **columns, volume=volume, factor=factor, columns=own)


def altered_rows(known: Known, rows: NDArray[np.int64], draw: np.random.Generator) -> Known:
    """Return the same bars but for the given rows, each above 0, whose changes from the row before turn around.

    A row whose close rose is scaled down, one whose close fell is scaled up, so that a signal that only reads the sign
    of a change notices.
    """
    price = _against(known.adjusted_close, rows, draw)
    scales = dict.fromkeys(PRICES, price) | {
        "volume": _against(known.volume, rows, draw),
        "factor": np.where(price < 1.0, _LEAST_FACTOR, 1.0 / _LEAST_FACTOR),
    }
    columns = {name: getattr(known, name).copy() for name in scales}
    for name, scale in scales.items():
        columns[name][rows] *= scale
    own = {name: _against_column(values, rows, draw) for name, values in known.columns.items()}
    return replace(known, **columns, columns=own)


def _against(values: FloatArray, rows: NDArray[np.int64], draw: np.random.Generator) -> FloatArray:
    """Return factors, (N,) or (N, S), that take back more than the rows' changes unless these were huge."""
    size = draw.uniform(MOST_SCALE / 2, MOST_SCALE, values[rows].shape) + LEAST_SCALE
    return np.where(values[rows] > values[rows - 1], 1.0 / size, size)


def _against_column(values: FloatArray, rows: NDArray[np.int64], draw: np.random.Generator) -> FloatArray:
    """Return a column of the user's own whose values at the rows move the other way, beyond all that it ever was."""
    size = _spread(values) * draw.uniform(LEAST_SCALE, MOST_SCALE, values[rows].shape)
    altered = values.copy()
    altered[rows] += np.where(values[rows] > values[rows - 1], -size, size)
    return altered


def _other_values(values: FloatArray, rows: NDArray[np.int64], draw: np.random.Generator) -> FloatArray:
    """Return a column of the user's own that is higher at all of the rows, or lower at all, so that its mean moves."""
    altered = values.copy()
    size = _spread(values) * draw.uniform(LEAST_SCALE, MOST_SCALE, values[rows].shape)
    altered[rows] += size if draw.random() < 0.5 else -size
    return altered


def _spread(values: FloatArray) -> float:
    """Return the difference of the largest and the smallest number of a column, its size or 1 where that is 0."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 1.0
    return float(np.ptp(known)) or float(np.abs(known[0])) or 1.0


def rounded_otherwise(known: Known, draw: np.random.Generator) -> Known:
    """Return the bars with every price changed by no more than rounding errors would."""
    noise = 1.0 + ROUNDING * draw.standard_normal(known.close.shape)
    return replace(known, **{name: getattr(known, name) * noise for name in PRICES})


def reordered(panel: PricePanel, columns: NDArray[np.int64]) -> PricePanel:
    """Return the panel with its symbols in another order."""
    symbols = tuple(panel.symbols[column] for column in columns.tolist())
    prices = {name: getattr(panel, name)[:, columns] for name in COLUMNS if name != "open_time"}
    own = {name: values[:, columns] for name, values in panel.columns.items()}
    return replace(panel, symbols=symbols, **prices, columns=own)
