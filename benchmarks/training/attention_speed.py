"""Times a step of the default network with and without our attention and our micro-batches.

.venv/bin/python benchmarks/training/attention_speed.py

A step is 16 windows of 252 rows forward and backward, on two threads: with the compiled attention or torch's
`scaled_dot_product_attention`, in micro-batches or with the batch whole. All four take turns in random order. Ratios
are medians of each round's own, to the step of a training; processor time counts both threads and no one else's work.
"""

import argparse
import time
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from strategy.networks.attention import attention
from strategy.networks.microbatches import Parts
from strategy.networks.transformer import NetworkShape, fixed_threads, new_network
from strategy.signals.network_inputs import INPUTS

WINDOWS, THREADS = 16, 2
SHAPE = NetworkShape(features=len(INPUTS))
ATTEND = "strategy.networks.transformer.attention"


def torch_attention(mixed: Tensor, heads: int) -> Tensor:
    """Return what our attention gives, by torch's kernel in training too."""
    query, key, value = mixed.view(*mixed.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)
    return scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)


def step(attend: Callable[[Tensor, int], Tensor], rows: Tensor, *, whole: bool) -> Callable[[], None]:
    """A forward and backward pass of the default network."""
    network = new_network(SHAPE, 0).train()
    parts = Parts(network, THREADS)
    pull = torch.randn(WINDOWS, SHAPE.context_bars)

    def run() -> None:
        with patch(ATTEND, attend):
            departure = network(rows) if whole else parts.departures(rows)
            torch.autograd.backward((departure * pull).sum(), inputs=list(network.parameters()))

    return run


def seconds(run: Callable[[], None]) -> tuple[float, float]:
    """The seconds of the clock and of the processor, the less of two runs each."""
    taken = []
    for _ in range(2):
        began, worked = time.perf_counter(), time.process_time()
        run()
        taken.append((time.perf_counter() - began, time.process_time() - worked))
    return min(clock for clock, _ in taken), min(processor for _, processor in taken)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(mode=True)
    # As in training: what this would fill is never read.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    rows, order = torch.randn(WINDOWS, SHAPE.context_bars, SHAPE.features), np.random.default_rng(0)
    steps = {
        "compiled, micro-batches": step(attention, rows, whole=False),
        "torch's, micro-batches": step(torch_attention, rows, whole=False),
        "compiled, whole": step(attention, rows, whole=True),
        "torch's, whole": step(torch_attention, rows, whole=True),
    }
    taken = np.empty((rounds, len(steps), 2))
    with fixed_threads(THREADS):
        compiling = time.process_time()
        for run in steps.values():
            run()
        print(f"first runs of all, compilation included: {time.process_time() - compiling:.1f} s of the processor")
        for number in range(rounds):
            for place in order.permutation(len(steps)):
                taken[number, place] = seconds(list(steps.values())[place])
    for name, own in zip(steps, taken.transpose(1, 0, 2), strict=True):
        clock, processor = np.median(own / taken[:, 0], axis=0)
        milliseconds = 1000 * np.median(own, axis=0)
        print(
            f"{name:24} {milliseconds[0]:5.0f} ms, processor {milliseconds[1]:5.0f} ms; "
            f"{clock:.2f} and {processor:.2f} times the first"
        )


if __name__ == "__main__":
    main()
