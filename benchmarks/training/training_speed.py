"""Times a training step beside the machine's peak and a peer: `.venv/bin/python benchmarks/training/training_speed.py`.

A step is 16 windows of 252 rows through the default network, 16 accounts over the second halves, the gradient, clipping
and AdamW. The peer is torch's own encoder of the same sizes with the account as a plain torch loop. All take
turns, on two threads, so that what disturbs the machine disturbs them alike; figures are medians over the rounds,
ratios medians of each round's own.

Work is counted as products of matrices only: two operations for each weight and row, those of attention for the
rows that a row sees (the causal half); the gradient counts twice, what is computed again not at all.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from strategy.kernel.autograd import account
from strategy.kernel.sharpe_loss import returns_of, sharpe
from strategy.kernel.simulate import AccountMarket, flat_rates
from strategy.networks.microbatches import Parts
from strategy.networks.transformer import Network, NetworkShape, fixed_threads, new_network
from strategy.portfolio.sizing import SizingParams
from strategy.signals.network_inputs import INPUTS
from testing.accounts.torch_scan import scanned

WINDOWS, THREADS, PEAK_SIZES = 16, 2, (1024, 1536, 2048)
SHAPE = NetworkShape(features=len(INPUTS))
SCORED = SHAPE.context_bars // 2


def work(network: Network) -> float:
    """Operations of one step, in units of 10⁹."""
    shape, rows = network.shape, WINDOWS * network.shape.context_bars
    weights = sum(module.weight.numel() for module in network.modules() if isinstance(module, nn.Linear))
    # Nobody asks for the gradient of the inputs.
    entrance = network.embed.weight.numel() + network.gate.weight.numel()
    seen = rows * (shape.context_bars + 1) / 2
    return (2 * rows * (3 * weights - entrance) + 3 * shape.layers * 2 * 2 * seen * shape.dimensions) / 1e9


class Peer(nn.Module):
    """torch's encoder with the same sizes, a linear embedding and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(SHAPE.features, SHAPE.dimensions)
        self.positions = nn.Parameter(0.02 * torch.randn(SHAPE.context_bars, SHAPE.dimensions))
        layer = nn.TransformerEncoderLayer(
            SHAPE.dimensions,
            SHAPE.heads,
            4 * SHAPE.dimensions,
            SHAPE.dropout,
            "gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, SHAPE.layers, enable_nested_tensor=False)
        self.head = nn.Linear(SHAPE.dimensions, 1)
        self.mask = nn.Transformer.generate_square_subsequent_mask(SHAPE.context_bars)

    def forward(self, rows: Tensor) -> Tensor:
        """Departure at every row, (N, T)."""
        hidden = self.encoder(self.embed(rows) + self.positions, mask=self.mask, is_causal=True)
        return 0.5 * torch.tanh(self.head(hidden).squeeze(-1))


def learner(network: nn.Module, optimiser: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """One training step of the network on this loss."""

    def step() -> None:
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step


def contestants() -> tuple[Network, Callable[[], None], Callable[[], None], Callable[[], None]]:
    """The network, its step, its account forward and backward alone, and the peer's step, on the same random market."""
    draw, params = np.random.default_rng(0), SizingParams()
    rows = torch.randn(WINDOWS, SHAPE.context_bars, SHAPE.features)
    close = 100 * np.exp(np.cumsum(0.01 * draw.standard_normal((SCORED + 1, 1, WINDOWS)), axis=0))
    opening = np.concatenate([close[:1], close[:-1]])
    market = AccountMarket(
        open=opening,
        close=close,
        tradable=np.ones(close.shape, dtype=bool),
        days=np.ones((SCORED + 1, WINDOWS)),
        cost=np.full((1, WINDOWS), 0.001),
        rates=flat_rates(0.05, SCORED + 1),
        drawdown=np.zeros(WINDOWS),
    )

    def loss(departure: Tensor, equity_of: Callable[[Tensor, AccountMarket, SizingParams], Tensor]) -> Tensor:
        # The last date only settles.
        target = nn.functional.pad(departure[:, -SCORED:].double().T[:, None], (0, 0, 0, 0, 0, 1)).contiguous()
        returns = returns_of(equity_of(target, market, params))
        return -sharpe(returns, torch.ones_like(returns))

    network, peer = new_network(SHAPE, 0).train(), Peer().train()
    parts = Parts(network, THREADS)
    departure = (0.1 * torch.randn(WINDOWS, SHAPE.context_bars)).requires_grad_()
    fused = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.05, fused=True)
    plain = torch.optim.AdamW(peer.parameters(), lr=1e-4, weight_decay=0.05)
    return (
        network,
        learner(network, fused, lambda: loss(parts.departures(rows), account)),
        lambda: loss(departure, account).backward(),  # type: ignore[no-untyped-call]
        learner(peer, plain, lambda: loss(peer(rows), scanned)),
    )


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The least of several times."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(mode=True)
    # As in training: what this would fill is never read.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    network, step, account_alone, peer_step = contestants()
    squares = [torch.randn(size, size) for size in PEAK_SIZES]
    taken = np.empty((rounds, 4))
    with fixed_threads(THREADS):
        for run in (step, account_alone, peer_step):
            run()
        for number in range(rounds):
            peak = max(2 * len(square) ** 3 / seconds(partial(torch.matmul, square, square), 2) for square in squares)
            taken[number] = peak / 1e9, seconds(step, 2), seconds(account_alone, 2), seconds(peer_step, 2)
    peak, ours, alone, theirs = np.median(taken, axis=0)
    rate = work(network) / taken[:, 1]
    print(f"sgemm peak, {THREADS} threads          {peak:.0f} GFLOP/s (best of {PEAK_SIZES})")
    print(f"work of a step               {work(network):.1f} GFLOP, causal half of attention")
    print(f"training step                {1000 * ours:.0f} ms, {np.median(rate):.0f} GFLOP/s")
    print(f"  of the peak                {100 * np.median(rate / taken[:, 0]):.0f} %")
    print(f"  of it the account          {1000 * alone:.2f} ms, {100 * np.median(taken[:, 2] / taken[:, 1]):.1f} %")
    print(f"peer's step                  {1000 * theirs:.0f} ms")
    print(f"steps per second over peer's {np.median(taken[:, 3] / taken[:, 1]):.2f}")


if __name__ == "__main__":
    main()
