"""Hash of the data on which a decision or a backtest is based: bars, closes of currency pairs, interest rates."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType

import numpy as np

from strategy.market.bars import COLUMNS, Bars
from strategy.market.currencies import FxSeries

#: Prices that need no conversion.
UNCONVERTED: Mapping[str, FxSeries] = MappingProxyType({})


def data_sha256(bars: Mapping[str, Bars], fx: Mapping[str, FxSeries] = UNCONVERTED, rates: Sequence[str] = ()) -> str:
    """Return the SHA-256 of the bars: every symbol, column and row, bit for bit, the user's own columns too.

    `fx` are the series that convert their prices, of which those closes count that are in force from the first bar to
    the last; `rates` are the hashes of series of interest rates. Without either it is the hash of the bars alone.
    """
    digest = sha256()
    for symbol in sorted(bars):
        digest.update(symbol.encode())
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(bars[symbol][name]).tobytes())
        for name, values in sorted(bars[symbol].columns.items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    for line in (*_closes(bars, fx), *rates):
        digest.update(line.encode())
    return digest.hexdigest()


def _closes(bars: Mapping[str, Bars], fx: Mapping[str, FxSeries]) -> list[str]:
    """Return a line for each rate that the bars are converted at."""
    stamps = [stamp for one in bars.values() for stamp in (one.open_time[:1], one.open_time[-1:]) if len(stamp)]
    if not stamps:
        return []
    days = np.concatenate(stamps).astype("datetime64[D]")
    first, last = days.min().item(), days.max().item()
    return [
        f"{unit} {day} {rate.normalize()}\n"
        for unit, series in sorted(fx.items())
        for day, rate in series.used(first, last)
    ]
