"""Hash of the bars on which a decision or a backtest is based."""

from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from strategy.market.bars import COLUMNS, Bars


def data_sha256(bars: Mapping[str, Bars]) -> str:
    """Return the SHA-256 of the bars: every symbol, column and row, bit for bit, the user's own columns too."""
    digest = sha256()
    for symbol in sorted(bars):
        digest.update(symbol.encode())
        for name in COLUMNS:
            digest.update(np.ascontiguousarray(bars[symbol][name]).tobytes())
        for name, values in sorted(bars[symbol].columns.items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
