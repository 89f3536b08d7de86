"""Network: a causal transformer whose signal is a bounded departure from the prior rule."""

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention, silu

from strategy.market.bars import FloatArray
from strategy.networks.attention import attention
from strategy.signals.features import FEATURE_BARS
from strategy.signals.network_inputs import INPUTS

Arrays = dict[str, NDArray[np.generic]]

#: Largest distance by which the network may move the signal away from the prior.
DEPARTURE_LIMIT = 1.0
#: Key under which the list of inputs is stored with the weights, as UTF-8 bytes, one name per line.
INPUTS_KEY = "inputs"
#: Signals that are computed in parallel, each on one torch thread.
SIGNAL_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """Sizes of the network; `context_bars` counts the feature rows on which one signal depends.

    Raises ValueError if a size is not positive, heads do not divide dimensions, or dropout is outside [0, 1).

    >>> NetworkShape().history_bars
    504
    """

    dimensions: int = 96
    heads: int = 6
    layers: int = 5
    context_bars: int = 252
    features: int = len(INPUTS)
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
        """Return the closes on which one signal depends."""
        return self.context_bars + FEATURE_BARS - 1


class Network(nn.Module):
    """Pre-norm causal transformer with learned positions, a gated input and a zero-initialised head."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Linear(shape.features, shape.dimensions)
        self.gate = nn.Linear(shape.features, shape.dimensions)
        self.positions = nn.Parameter(0.02 * torch.randn(shape.context_bars, shape.dimensions))
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.dimensions)
        self.head = nn.Linear(shape.dimensions, 1)
        # An open gate passes each feature unchanged; it then learns products of two features.
        nn.init.ones_(self.gate.bias)
        # An untrained network must trade exactly the prior.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, rows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the departure from the prior at every row, (N, T), of features (N, T, F); T at most context_bars.

        The generator draws the dropout in training; without one, torch's own does.
        """
        hidden = self._embedded(rows)
        kept = self._kept(hidden, generator)
        for number, block in enumerate(self.blocks):
            hidden = block(hidden, kept[2 * number : 2 * number + 2])
        return self._departure(hidden)

    def newest(self, rows: Tensor) -> Tensor:
        """Return the departure at the last row, (N,), of features (N, T, F), as in evaluation: without dropout."""
        hidden = self._embedded(rows)
        *before, last = self.blocks
        for block in before:
            hidden = block(hidden)
        return self._departure(cast(_Block, last).newest(hidden)).squeeze(1)

    def _embedded(self, rows: Tensor) -> Tensor:
        embedded: Tensor = self.embed(rows) * self.gate(rows) + self.positions[: rows.shape[1]]
        return embedded

    def _departure(self, hidden: Tensor) -> Tensor:
        departure: Tensor = DEPARTURE_LIMIT * torch.tanh(self.head(self.norm(hidden)).squeeze(-1))
        return departure

    def _kept(self, hidden: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return dropout factors of what each block adds, (2·layers, N, T, D): 0 where dropped; empty without dropout.

        All are drawn at once, a byte each, so the rate is a multiple of 1/256: one draw per number takes ten times as
        long.
        """
        level = round(256 * self.shape.dropout)
        if not self.training or level == 0:
            return hidden.new_empty(0)
        shape = (2 * len(self.blocks), *hidden.shape)
        drawn = torch.empty(-(-math.prod(shape) // 8), dtype=torch.int64, device=hidden.device)
        # Only the range without an upper end fills all 64 bits.
        drawn.random_(-(2**63), None, generator=generator)
        kept = drawn.view(torch.uint8)[: math.prod(shape)].view(shape) >= level
        return kept.to(hidden.dtype).mul_(256 / (256 - level))


class _Block(nn.Module):
    """Attention and a gated feed-forward (SwiGLU), each with a residual connection; dropout acts on what is added.

    The gated form has as many weights as a plain one of four times the dimensions. The linear layers have no bias: the
    norms before them have one, and adding a bias copies the product.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        dimensions, inner = shape.dimensions, 8 * shape.dimensions // 3
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(dimensions)
        self.attention_in = nn.Linear(dimensions, 3 * dimensions, bias=False)
        self.attention_out = nn.Linear(dimensions, dimensions, bias=False)
        self.forward_norm = nn.LayerNorm(dimensions)
        self.forward_in = nn.Linear(dimensions, inner, bias=False)
        self.forward_gate = nn.Linear(dimensions, inner, bias=False)
        self.forward_out = nn.Linear(inner, dimensions, bias=False)

    def forward(self, hidden: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return the hidden rows (N, T, D) after this block; `kept` (2, N, T, D) are its dropout factors, or empty."""
        attended = self.attention_out(attention(self.attention_in(self.attention_norm(hidden)), self.heads))
        hidden = _added(hidden, attended, kept, 0)
        return _added(hidden, self._forwarded(hidden), kept, 1)

    def newest(self, hidden: Tensor) -> Tensor:
        """Return the last hidden row (N, 1, D) after this block, without dropout."""
        paths, bars, dimensions = hidden.shape
        weight = self.attention_in.weight
        read = self.attention_norm(hidden)
        last = linear(read[:, -1:], weight[:dimensions]).view(paths, 1, self.heads, -1).transpose(1, 2)
        key, value = linear(read, weight[dimensions:]).view(paths, bars, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(last, key, value).transpose(1, 2).flatten(2)
        row: Tensor = hidden[:, -1:] + self.attention_out(attended)
        return row + self._forwarded(row)

    def _forwarded(self, hidden: Tensor) -> Tensor:
        read = self.forward_norm(hidden)
        forwarded: Tensor = self.forward_out(silu(self.forward_gate(read)) * self.forward_in(read))
        return forwarded


def _added(hidden: Tensor, added: Tensor, kept: Tensor | None, place: int) -> Tensor:
    return hidden + added if kept is None or not len(kept) else torch.addcmul(hidden, added, kept[place])


def newest_departures(network: Network, windows: FloatArray, threads: int = SIGNAL_THREADS) -> FloatArray:
    """Return the network's departure at the end of each window (N, context_bars, F), as (N,).

    Every window is evaluated alone, on one torch thread, so that its departure is the same to the last bit whatever the
    other windows, their order, and the number of parallel `threads`. Puts the network into evaluation mode.
    """
    network.eval()

    def departure(window: FloatArray) -> float:
        # A new tensor starts on a cache line, wherever the window was in memory.
        rows = torch.tensor(window, dtype=torch.float32)[None].to(network.positions.device)
        with torch.no_grad():
            return network.newest(rows).item()

    # torch keeps a thread count for each calling thread; a new thread takes the count that was set last.
    with fixed_threads(1), ThreadPoolExecutor(max_workers=threads) as pool:
        return np.array(list(pool.map(departure, windows)), dtype=np.float64)


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Run the block with this many torch threads, then restore the previous number."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_network(shape: NetworkShape, seed: int) -> Network:
    """Return an untrained network, the same for the same seed; it trades exactly the prior."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Network(shape)


def to_arrays(network: Network) -> Arrays:
    """Return the weights by name, as independent float32 arrays, and the feature list they were trained on."""
    arrays: Arrays = {name: weight.detach().numpy().copy() for name, weight in network.state_dict().items()}
    arrays[INPUTS_KEY] = np.frombuffer("\n".join(INPUTS).encode(), dtype=np.uint8).copy()
    return arrays


def from_arrays(shape: NetworkShape, arrays: Mapping[str, NDArray[np.generic]]) -> Network:
    """Return the network with these weights, in evaluation mode.

    Raises ValueError if the feature list differs, or a weight is missing, unknown, wrongly shaped or not finite.
    """
    _refuse_other_features(arrays)
    network = new_network(shape, seed=0)
    expected = network.state_dict()
    given = {name: array for name, array in arrays.items() if name != INPUTS_KEY}
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
    if INPUTS_KEY not in arrays:
        raise ValueError("the weights do not say on which inputs they were trained; train again")
    trained_on = tuple(arrays[INPUTS_KEY].tobytes().decode(errors="replace").split("\n"))
    if trained_on != INPUTS:
        changed = sorted(set(trained_on) ^ set(INPUTS)) or ["the order"]
        raise ValueError(f"the weights were trained on another list of inputs ({changed[0]} differs); train again")
