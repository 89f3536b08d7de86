"""A source of made-up bars whose next return a small network can foretell, and the job that trains such a network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from exchange.bars.record_window import newest_until, requested
from exchange.ports import BAR_COLUMNS, BarRequest
from strategy.builtin.registry import TURBO
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar, Instrument
from tasks.run.job import Job
from testing.markets.planted_signals import Universe, linear, planted
from testing.runs.jobs import RECIPE, a_job, policy

#: Weekdays from 1995-01-02 to 2000-09-29, with a signal so strong that twenty steps on a blink of a network find it.
SOWN = planted(linear(0.9), Universe(symbols=2, days=1_500), seed=1)
SOWN_RECIPE = replace(RECIPE, members=1, steps=20, twins=0, validation_share=0.4)


def a_sown_job(home: Path, as_of: date) -> Job:
    """A replay of the day for all symbols of SOWN."""
    return replace(a_job(home, tuple(SOWN), as_of), policy=policy(TURBO, SOWN_RECIPE))


@dataclass(frozen=True, slots=True, kw_only=True)
class SownBars:
    """A BarSource over bars that are there already."""

    bars: Mapping[str, Bars]
    name: str = "fake"
    streaming: bool = False

    def symbols(self) -> tuple[str, ...]:
        return tuple(self.bars)

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        return tuple(Instrument(symbol=symbol, calendar=Calendar.WEEKDAYS) for symbol in symbols)

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        return newest_until({symbol: self._record(symbol) for symbol in symbols}, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        return requested({symbol: self._record(symbol) for symbol in request.since}, request)

    def _record(self, symbol: str) -> pd.DataFrame:
        bars = self.bars[symbol]
        prices = {name: bars[name] for name in ("open_time", "open", "high", "low", "close", "volume")}
        named = pd.Series([symbol] * len(bars), dtype="str")
        return pd.DataFrame({"symbol": named, **prices, "adj_close": np.nan})[list(BAR_COLUMNS)]
