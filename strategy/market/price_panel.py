"""Prices of several symbols side by side: what a strategy across symbols sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from strategy.market.bars import COLUMNS, Bars, FloatArray, TimeArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricePanel:
    """Bars of S symbols on the union of their T dates, oldest first.

    `open_time` is (T,), every price (T, S) in the order of `symbols`, NaN where a symbol has no session. Prices are
    raw; × `factor` they are adjusted. `columns` are the user's own by name, each (T, S), NaN where a symbol has none.
    """

    symbols: tuple[str, ...]
    open_time: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    factor: FloatArray
    columns: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.open_time)

    @property
    def adjusted_close(self) -> FloatArray:
        """Return the adjusted closes, (T, S): close × factor."""
        return self.close * self.factor

    def rows(self, start: int, stop: int) -> "PricePanel":
        """Return the panel of rows `start` up to, but not including, `stop`."""
        return PricePanel(
            symbols=self.symbols,
            **{name: getattr(self, name)[start:stop] for name in COLUMNS},
            columns={name: values[start:stop] for name, values in self.columns.items()},
        )


def price_panel(bars: Mapping[str, Bars], symbols: Sequence[str] | None = None) -> PricePanel:
    """Return the panel of these bars, in the order of `symbols` (default: sorted); a symbol without bars is all NaN.

    >>> from strategy.market.bars import make_bars
    >>> days = {"B": "2020-01-06", "A": "2020-01-03"}
    >>> panel = price_panel({name: make_bars(name, [day], close=[2.0]) for name, day in days.items()})
    >>> panel.symbols, panel.close.tolist()
    (('A', 'B'), [[2.0, nan], [nan, 2.0]])
    """
    order = tuple(sorted(bars) if symbols is None else symbols)
    union = np.unique(np.concatenate([np.empty(0, "datetime64[us]"), *(bars[name].open_time for name in bars)]))
    shape = (len(union), len(order))
    columns = {name: np.full(shape, np.nan) for name in COLUMNS if name != "open_time"}
    own = {
        name: np.full(shape, np.nan) for name in sorted({name for series in bars.values() for name in series.columns})
    }
    for place, symbol in enumerate(order):
        if symbol in bars:
            row = np.searchsorted(union, bars[symbol].open_time)
            for name, values in columns.items():
                values[row, place] = bars[symbol][name]
            for name, values in bars[symbol].columns.items():
                own[name][row, place] = values
    return PricePanel(symbols=order, open_time=union, **columns, columns=own)
