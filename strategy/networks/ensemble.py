"""Ensemble of networks as one model: the mean of their departures from the prior, and their stored arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from strategy.market.bars import Bars, FloatArray, TimeArray
from strategy.networks.integrated_gradients import departure_parts
from strategy.networks.transformer import Arrays, Network, NetworkShape, from_arrays, newest_departures, to_arrays
from strategy.signals.faults import Fault
from strategy.signals.forecaster import SignalParts
from strategy.signals.network_inputs import INPUTS, bars_behind, inputs
from strategy.signals.prior import prior

#: Windows that are built at once: it bounds the memory of a long backtest.
FORECAST_WINDOWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A trained model: networks of one shape. Raises ValueError if there is none."""

    members: tuple[Network, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("the model holds no network; train again")

    @property
    def history_bars(self) -> int:
        """Return the closes that a symbol needs; with fewer, its signal is the prior."""
        return self.members[0].shape.history_bars

    @property
    def context_bars(self) -> int:
        """Return the rows of inputs on which one signal depends."""
        return self.members[0].shape.context_bars

    def forecast(self, bars: Mapping[str, Bars], since: np.datetime64 | None = None) -> dict[str, FloatArray]:
        """Return signals in [-1, 1] at every row of each symbol, (T,); the prior with fewer than `history_bars` closes.

        With `since`, rows before each symbol's newest row dated at most `since` are the prior too. Every signal is
        computed alone, with one shape and thread count: a bare window gives the same bits as the whole history.
        """
        seen = inputs(bars)
        signals = {symbol: prior(series.close * series.factor) for symbol, series in sorted(bars.items())}
        asked = [(symbol, row) for symbol in signals for row in self._asked(bars[symbol].open_time, since)]
        for start in range(0, len(asked), FORECAST_WINDOWS):
            some = asked[start : start + FORECAST_WINDOWS]
            windows = np.stack([seen[symbol][row + 1 - self.context_bars : row + 1] for symbol, row in some])
            departures = [newest_departures(network, windows.astype(np.float32)) for network in self.members]
            for (symbol, row), departure in zip(some, np.mean(departures, axis=0), strict=True):
                signals[symbol][row] += departure
        return {symbol: np.clip(signal, -1.0, 1.0) for symbol, signal in signals.items()}

    def signals(self, panel: Mapping[str, Bars]) -> dict[str, FloatArray]:
        """Return the signal of every symbol at every row, (T,)."""
        return self.forecast(panel)

    def look_back_bars(self, open_times: Mapping[str, TimeArray]) -> int:
        """Return how many of each symbol's newest bars determine the newest signal of all symbols."""
        return bars_behind(open_times, self.context_bars)

    def refusals(self, bars: Mapping[str, Bars], since: np.datetime64 | None = None) -> tuple[Fault, ...]:  # noqa: ARG002
        """Return no refusal: a bounded departure from the prior is always a signal."""
        return ()

    def parts(self, bars: Mapping[str, Bars], since: np.datetime64) -> dict[str, SignalParts]:
        """Return the newest row of inputs and each network's own signal, the same as within the ensemble."""
        seen = inputs(bars)
        alone = [replace(self, members=(network,)).forecast(bars, since) for network in self.members]
        return {
            symbol: SignalParts(
                members=tuple(float(signals[symbol][-1]) for signals in alone),
                features=dict(zip(INPUTS, seen[symbol][-1].tolist(), strict=True)),
            )
            for symbol, series in bars.items()
            if len(series) >= self.history_bars
        }

    def departure_parts(self, bars: Mapping[str, Bars], symbol: str) -> dict[str, float]:
        """Return the mean departure at the symbol's newest row as a sum: by input, with all at 0, and an error left.

        See `strategy.networks.integrated_gradients`. Empty for a symbol with fewer than `history_bars` closes.
        """
        if len(bars[symbol]) < self.history_bars:
            return {}
        window = inputs(bars)[symbol][-self.context_bars :]
        found = [departure_parts(network, window) for network in self.members]
        return {
            **dict(zip(INPUTS, np.mean([each.inputs for each in found], axis=0).tolist(), strict=True)),
            "every input at 0": float(np.mean([each.start for each in found])),
            "left by the integration": float(np.mean([each.left for each in found])),
        }

    def to_arrays(self) -> Arrays:
        """Return the weights of all members by name, and the list of their inputs."""
        return keep(self.members)

    def _asked(self, open_time: TimeArray, since: np.datetime64 | None) -> range:
        """Return the rows of a symbol for which the networks compute a signal."""
        first = 0 if since is None else int(np.searchsorted(open_time, since, side="right")) - 1
        return range(max(first, self.history_bars - 1), len(open_time))


def keep(members: Sequence[Network]) -> Arrays:
    """Return the weights of all members by name, prefixed with `0.`, `1.` …, and the list of their inputs."""
    return {
        f"{number}.{name}": array
        for number, network in enumerate(members)
        for name, array in to_arrays(network).items()
    }


def revive(shape: NetworkShape, arrays: Arrays) -> Ensemble:
    """Return the ensemble that `keep` turned into these arrays, in evaluation mode.

    Raises ValueError if there is no member, or if one has different inputs or weights that are missing, unknown,
    wrongly shaped or not finite.
    """
    parts: dict[str, Arrays] = {}
    for name, array in arrays.items():
        number, _, own = name.partition(".")
        parts.setdefault(number, {})[own] = array
    expected = [str(number) for number in range(len(parts))]
    if sorted(parts, key=lambda number: (len(number), number)) != expected:
        raise ValueError(f"the weights are of the members {', '.join(sorted(parts))}; train again")
    return Ensemble(members=tuple(from_arrays(shape, parts[number]) for number in expected))
