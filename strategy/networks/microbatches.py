"""Parallel micro-batches: on few cores, faster than threading each matrix product.

With the batch whole, a step of the default network takes 4.6 times the time on two cores that others used as well
(`benchmarks/training/attention_speed.py`): the threads of a product wait for each other at its end.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from strategy.networks.transformer import Network, fixed_threads

#: A constant, because gradients are summed part by part: the number of threads must not change the result.
PARTS = 4
Made = TypeVar("Made")


class Parts:
    """A network trained in micro-batches: the departures of a batch, and their gradient with respect to the weights.

    The weights stay the network's own: they may be changed in place, but not replaced or moved to another device.
    Raises ValueError below one thread.
    """

    def __init__(self, network: Network, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads is {threads}; it must be at least 1")
        self.network = network
        self.twins = [_twin(network) for _ in range(PARTS)]
        # A pool keeps its threads' memory warm: new threads at every step take a third longer. They end with the value.
        self._pool = ThreadPoolExecutor(max_workers=threads)

    def departures(self, rows: Tensor) -> Tensor:
        """Return network(rows), (N, T), differentiable in the weights, with the same bits for any number of threads.

        Each part of the batch runs on one torch thread and draws its dropout from its own generator, which is seeded
        from torch's. On a device other than the CPU the batch stays whole.
        """
        if not rows.is_cpu:
            whole: Tensor = self.network(rows)
            return whole
        # torch leaves its own apply without annotations.
        result: Tensor = _InParts.apply(self, rows, *self.network.parameters())  # type: ignore[no-untyped-call]
        return result

    def side_by_side(self, work: Callable[..., Made], *arguments: Iterable[Any]) -> list[Made]:
        """Return the results of the work for each part's arguments, in order, with one torch thread each."""
        # torch keeps a thread count for each calling thread; a new thread takes the count that was set last.
        with fixed_threads(1):
            return list(self._pool.map(work, *arguments))


class _InParts(torch.autograd.Function):
    """Torch function that keeps a graph for each part and sums their gradients in order."""

    @staticmethod
    def forward(ctx: Any, parts: Parts, rows: Tensor, *_: Tensor) -> Tensor:
        def departure(twin: Network, seed: int, some: Tensor) -> Tensor:
            twin.train(parts.network.training)
            with torch.enable_grad():
                result: Tensor = twin(some, torch.Generator().manual_seed(seed))
            return result

        seeds = torch.randint(2**62, (PARTS,)).tolist()
        ctx.parts = parts
        ctx.kept = parts.side_by_side(departure, parts.twins, seeds, rows.chunk(PARTS))
        return torch.cat([kept.detach() for kept in ctx.kept])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        def gradients(twin: Network, departure: Tensor, some: Tensor) -> tuple[Tensor, ...]:
            return torch.autograd.grad(departure, list(twin.parameters()), some)

        shares = ctx.parts.side_by_side(gradients, ctx.parts.twins, ctx.kept, gradient.chunk(PARTS))
        return None, None, *(sum(rest, first) for first, *rest in zip(*shares, strict=True))


def _twin(network: Network) -> Network:
    """Return a network that shares the weights' memory but has its own gradients, so that parts do not share a sum."""
    own: dict[int, Any] = {id(weight): nn.Parameter(weight.detach()) for weight in network.parameters()}
    return deepcopy(network, own)
