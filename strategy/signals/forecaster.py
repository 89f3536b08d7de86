"""Forecaster: a trained model as the product uses it, whatever trained it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np

from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.signals.faults import Fault
from strategy.signals.strategies import Arrays, Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalParts:
    """The parts of a model's newest signal of a symbol: its inputs by name, and the signal of each member alone."""

    members: tuple[float, ...]
    features: Inputs = field(default_factory=lambda: MappingProxyType({}))


class Forecaster(Protocol):
    """A trained model that gives the signals of all symbols, each from its own bars and those of the others."""

    @property
    def history_bars(self) -> int:
        """Return the closes that a symbol needs; with fewer, its signal is the prior."""
        ...

    def look_back_bars(self, open_times: Mapping[str, TimeArray]) -> int:
        """Return how many of each symbol's newest bars determine the newest signal of all symbols."""
        ...

    def forecast(self, bars: Mapping[str, Bars], since: np.datetime64 | None = None) -> dict[str, FloatArray]:
        """Return signals in [-1, 1] at every row of each symbol, (T,); NaN where there is too little history.

        If `since` is given, rows before each symbol's newest row dated at most `since` need not be computed.
        """
        ...

    def refusals(self, bars: Mapping[str, Bars], since: np.datetime64 | None = None) -> tuple[Fault, ...]:
        """Return why signals of the same rows are refused, by day and symbol; those of the prior are used instead."""
        ...

    def parts(self, bars: Mapping[str, Bars], since: np.datetime64) -> Mapping[str, SignalParts]:
        """Return the parts of the newest signal of each symbol that has enough history for one."""
        ...

    def to_arrays(self) -> Arrays:
        """Return all that the model consists of, as arrays of finite numbers."""
        ...


@runtime_checkable
class Attributed(Protocol):
    """A model that says how much of its newest departure from the prior comes from each of its inputs."""

    def departure_parts(self, bars: Mapping[str, Bars], symbol: str) -> Mapping[str, float]:
        """Return parts by name that add up to the departure; none for a symbol with too little history."""
        ...
