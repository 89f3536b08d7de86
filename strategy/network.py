"""The network: a causal transformer whose signal is a bounded departure from the prior rule."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from strategy.bars import FloatArray
from strategy.features import FEATURE_BARS, FEATURES, features
from strategy.prior import prior

Arrays = dict[str, NDArray[np.generic]]

#: How far the network may move the signal away from the prior.
DEPARTURE_LIMIT = 0.5
#: Under this name the feature list travels with the weights, as UTF-8 bytes, one name a line.
FEATURES_KEY = "features"
#: Another number of threads adds in another order, so the count is fixed. One is nearly as fast as two on a single
#: window, and does not wait for a core that another process holds.
FORECAST_THREADS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """Sizes of the network; `context_bars` counts the feature rows that one signal sees.

    Raises ValueError if a size is not positive, heads do not divide dimensions, or dropout is outside [0, 1).

    >>> NetworkShape().history_bars
    504
    """

    dimensions: int = 96
    heads: int = 6
    layers: int = 5
    context_bars: int = 252
    features: int = len(FEATURES)
    dropout: float = 0.2

    def __post_init__(self) -> None:
        for name in ("dimensions", "heads", "layers", "context_bars", "features"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.dimensions % self.heads:
            raise ValueError(f"{self.heads} heads do not divide {self.dimensions} dimensions; choose a divisor")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and below 1")

    @property
    def history_bars(self) -> int:
        """Closes that one signal sees."""
        return self.context_bars + FEATURE_BARS - 1


class Network(nn.Module):
    """Pre-norm causal transformer with learned positions and a zero-initialised head."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Linear(shape.features, shape.dimensions)
        self.positions = nn.Parameter(0.02 * torch.randn(shape.context_bars, shape.dimensions))
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.dimensions)
        self.head = nn.Linear(shape.dimensions, 1)
        # An untrained network must trade exactly the prior.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, rows: Tensor) -> Tensor:
        """Departure from the prior at every row, (N, T), of features (N, T, F); T at most context_bars."""
        hidden = self.embed(rows) + self.positions[: rows.shape[1]]
        for block in self.blocks:
            hidden = block(hidden)
        departure: Tensor = DEPARTURE_LIMIT * torch.tanh(self.head(self.norm(hidden)).squeeze(-1))
        return departure


class _Block(nn.Module):
    """Attention and feed-forward, each added to what it read; dropout acts on what is added.

    Dropout inside the attention would keep the fused kernel from being used on a CPU.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(shape.dimensions)
        self.attention_in = nn.Linear(shape.dimensions, 3 * shape.dimensions)
        self.attention_out = nn.Linear(shape.dimensions, shape.dimensions)
        self.forward_norm = nn.LayerNorm(shape.dimensions)
        self.forward_in = nn.Linear(shape.dimensions, 4 * shape.dimensions)
        self.forward_out = nn.Linear(4 * shape.dimensions, shape.dimensions)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """The hidden rows (N, T, D) after this block."""
        paths, bars, dimensions = hidden.shape
        mixed = self.attention_in(self.attention_norm(hidden))
        query, key, value = mixed.view(paths, bars, 3, self.heads, dimensions // self.heads).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(query, key, value, is_causal=True)
        attended = attended.transpose(1, 2).reshape(paths, bars, dimensions)
        hidden = hidden + self.dropout(self.attention_out(attended))
        widened = nn.functional.gelu(self.forward_in(self.forward_norm(hidden)), approximate="tanh")
        result: Tensor = hidden + self.dropout(self.forward_out(widened))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkForecaster:
    """A trained network as the rest of the product sees it."""

    network: Network
    threads: int = FORECAST_THREADS

    @property
    def context_bars(self) -> int:
        """Closes that one signal of the network sees."""
        return self.network.shape.history_bars

    def forecast(self, close: FloatArray, last_rows: int | None = None) -> FloatArray:
        """Signals in [-1, 1] of adjusted closes (T,), (T,) or (last_rows,); see `forecast`."""
        return forecast(self.network, close, last_rows, self.threads)


def forecast(
    network: Network, close: FloatArray, last_rows: int | None = None, threads: int = FORECAST_THREADS
) -> FloatArray:
    """Signals in [-1, 1] of adjusted closes (T,), (T,); the last `last_rows` of them only, if given.

    A row with fewer than `shape.history_bars` closes gets the prior, one with too few for the prior NaN. Every signal
    is computed alone, in one shape and thread count, so a bare window of history_bars closes gives the very same bits
    as the whole series. Puts the network into evaluation mode. Raises ValueError if last_rows is outside 0..T.
    """
    wanted = len(close) if last_rows is None else last_rows
    if not 0 <= wanted <= len(close):
        raise ValueError(f"last_rows is {last_rows}; it must be between 0 and the {len(close)} closes given")
    # What lies before the first wanted row's own window cannot change it, and is not worth computing.
    seen = close[max(0, len(close) - wanted - network.shape.history_bars + 1) :]
    signals = prior(seen)
    rows = features(seen).astype(np.float32)
    network.eval()
    with fixed_threads(threads), torch.no_grad():
        for row in range(max(network.shape.history_bars - 1, len(seen) - wanted), len(seen)):
            window = torch.from_numpy(rows[row + 1 - network.shape.context_bars : row + 1].copy())
            signals[row] += network(window[None])[0, -1].item()
    result: FloatArray = np.clip(signals[len(seen) - wanted :], -1.0, 1.0)
    return result


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Runs the block with this many torch threads and puts the number back that was set before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_network(shape: NetworkShape, seed: int) -> Network:
    """An untrained network, the same for the same seed; it trades exactly the prior."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Network(shape)


def to_arrays(network: Network) -> Arrays:
    """The weights by name, as independent float32 arrays, and the feature list they were trained on."""
    arrays: Arrays = {name: weight.detach().numpy().copy() for name, weight in network.state_dict().items()}
    arrays[FEATURES_KEY] = np.frombuffer("\n".join(FEATURES).encode(), dtype=np.uint8).copy()
    return arrays


def from_arrays(shape: NetworkShape, arrays: Mapping[str, NDArray[np.generic]]) -> Network:
    """The network with these weights, in evaluation mode.

    Raises ValueError if the feature list is another one, or a weight is missing, foreign, wrongly shaped or not finite.
    """
    _refuse_other_features(arrays)
    network = new_network(shape, seed=0)
    expected = network.state_dict()
    given = {name: array for name, array in arrays.items() if name != FEATURES_KEY}
    if missing := sorted(expected.keys() - given.keys()):
        raise ValueError(f"the weights lack {missing[0]!r} and {len(missing) - 1} more; train again")
    if foreign := sorted(given.keys() - expected.keys()):
        raise ValueError(f"the weights hold the unknown {foreign[0]!r} and {len(foreign) - 1} more; train again")
    for name, array in given.items():
        if array.shape != tuple(expected[name].shape):
            raise ValueError(
                f"the weight {name!r} has shape {array.shape} where {tuple(expected[name].shape)} fits; train again"
            )
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"the weight {name!r} is not made of finite float32 numbers; train again")
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in given.items()})
    return network.eval()


def _refuse_other_features(arrays: Mapping[str, NDArray[np.generic]]) -> None:
    if FEATURES_KEY not in arrays:
        raise ValueError("the weights do not say on which features they were trained; train again")
    trained_on = tuple(arrays[FEATURES_KEY].tobytes().decode(errors="replace").split("\n"))
    if trained_on != FEATURES:
        changed = sorted(set(trained_on) ^ set(FEATURES)) or ["the order"]
        raise ValueError(f"the weights were trained on another feature list ({changed[0]} differs); train again")
