"""A batch through the network in parts side by side, which two cores do faster than every product by both."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from strategy.networks.transformer import Network, fixed_threads

#: A constant, since gradients are added up part by part: the number of threads must not change the result.
PARTS = 4
Given = TypeVar("Given")
Made = TypeVar("Made")


class Parts:
    """A network that is trained in parts: the departures of a batch, and their gradient in the weights.

    The weights stay the network's own, so they may be changed in place, but not be replaced or moved to another device.
    Raises ValueError below one thread.
    """

    def __init__(self, network: Network, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads is {threads}; it must be at least 1")
        self.network = network
        self.twins = [_twin(network) for _ in range(PARTS)]
        # Threads that stay keep their memory warm: new ones at every step take a third longer. They end with the value.
        self._pool = ThreadPoolExecutor(max_workers=threads)

    def departures(self, rows: Tensor) -> Tensor:
        """network(rows), (N, T), with its gradient in the weights: the same bits for any number of threads.

        Each part of the batch goes through on one torch thread and draws what it drops out from a generator of its
        own, which torch's seeds. On another device than a processor the batch stays whole.
        """
        if not rows.is_cpu:
            whole: Tensor = self.network(rows)
            return whole
        # torch leaves its own apply without annotations.
        result: Tensor = _InParts.apply(self, rows, *self.network.parameters())  # type: ignore[no-untyped-call]
        return result

    def side_by_side(self, work: Callable[[Given], Made], given: Iterable[Given]) -> list[Made]:
        """What the work makes of each, in order, with one torch thread for each of the pool's."""
        # torch counts threads for each thread that calls it; a new one takes the count that was set last.
        with fixed_threads(1):
            return list(self._pool.map(work, given))


class _InParts(torch.autograd.Function):
    """Keeps a graph for each part, and adds up their gradients in order."""

    @staticmethod
    def forward(ctx: Any, parts: Parts, rows: Tensor, *_: Tensor) -> Tensor:
        def departure(given: tuple[Network, int, Tensor]) -> Tensor:
            twin, seed, some = given
            twin.train(parts.network.training)
            with torch.enable_grad():
                result: Tensor = twin(some, torch.Generator().manual_seed(seed))
            return result

        seeds = torch.randint(2**62, (PARTS,)).tolist()
        ctx.parts = parts
        ctx.kept = parts.side_by_side(departure, zip(parts.twins, seeds, rows.chunk(PARTS), strict=False))
        return torch.cat([kept.detach() for kept in ctx.kept])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        def gradients(given: tuple[Network, Tensor, Tensor]) -> tuple[Tensor, ...]:
            twin, departure, some = given
            return torch.autograd.grad(departure, list(twin.parameters()), some)

        each = zip(ctx.parts.twins, ctx.kept, gradient.chunk(PARTS), strict=False)
        shares = ctx.parts.side_by_side(gradients, each)
        return None, None, *(sum(rest, first) for first, *rest in zip(*shares, strict=True))


def _twin(network: Network) -> Network:
    """A network with the same weights in the same memory, but gradients of its own: parts may not add to one sum."""
    own: dict[int, Any] = {id(weight): nn.Parameter(weight.detach()) for weight in network.parameters()}
    return deepcopy(network, own)
