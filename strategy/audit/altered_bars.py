"""Bars that differ after a row, in single rows, in rounding or in order: what a signal must not notice."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from strategy.audit.lookahead import LEAST_SCALE, MOST_SCALE, PRICES
from strategy.market.bars import COLUMNS, Bars, FloatArray
from strategy.market.price_panel import PricePanel

Known = Bars | PricePanel

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
    return replace(known, **columns, volume=known.volume[order] * scale(), factor=known.factor[order] * scale())


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
    return replace(known, **columns)


def _against(values: FloatArray, rows: NDArray[np.int64], draw: np.random.Generator) -> FloatArray:
    """Return factors, (N,) or (N, S), that take back more than the rows' changes unless these were huge."""
    size = draw.uniform(MOST_SCALE / 2, MOST_SCALE, values[rows].shape) + LEAST_SCALE
    return np.where(values[rows] > values[rows - 1], 1.0 / size, size)


def rounded_otherwise(known: Known, draw: np.random.Generator) -> Known:
    """Return the bars with every price changed by no more than rounding errors would."""
    noise = 1.0 + ROUNDING * draw.standard_normal(known.close.shape)
    return replace(known, **{name: getattr(known, name) * noise for name in PRICES})


def reordered(panel: PricePanel, columns: NDArray[np.int64]) -> PricePanel:
    """Return the panel with its symbols in another order."""
    symbols = tuple(panel.symbols[column] for column in columns.tolist())
    prices = {name: getattr(panel, name)[:, columns] for name in COLUMNS if name != "open_time"}
    return replace(panel, symbols=symbols, **prices)
