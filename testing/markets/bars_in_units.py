"""A source of made-up bars that is told in another unit: all of it, or from a day on."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from exchange.ports import BarRequest
from testing.markets.bars import FakeBars

PRICES = ["open", "high", "low", "close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InUnits(FakeBars):
    """Prices of two decimals, all told at a ratio; `since` drops what it no longer tells.

    `changed` multiplies the prices of single days, `levels` those of a symbol from a day on.
    """

    ratio: float = 1.0
    since: date = date.min
    changed: dict[str, float] = field(default_factory=dict, hash=False)
    levels: tuple[tuple[str, date, float], ...] = ()

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        frame = FakeBars(listings=self.listings).fetch(request)
        frame[PRICES] = np.round(frame[PRICES] * 100 * self.ratio, 2)
        for day, factor in self.changed.items():
            frame.loc[frame["open_time"] == pd.Timestamp(day), PRICES] *= factor
        for symbol, first, factor in self.levels:
            told = (frame["symbol"] == symbol) & (frame["open_time"] >= pd.Timestamp(first))
            frame.loc[told, PRICES] = np.round(frame.loc[told, PRICES] * factor, 2)
        rows: pd.DataFrame = frame[frame["open_time"] >= np.datetime64(self.since, "us")].reset_index(drop=True)
        return rows
