"""Times one day's signals of 50 symbols by one network: `.venv/bin/python benchmarks/days/signal_speed.py`.

Windows go through one at a time, each on one torch thread, two side by side; beside it the same on one thread, and the
whole forward pass of each window, as a measure of what computing the last row alone spares. All take turns; figures
are medians over the rounds.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from strategy.networks.transformer import NetworkShape, fixed_threads, new_network, newest_departures
from strategy.signals.network_inputs import INPUTS

SYMBOLS = 50


def milliseconds(run: Callable[[], object]) -> float:
    """Time of one run."""
    started = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Prints the figures, and whether the signals are equal to the last bit whatever the order and the threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    shape = NetworkShape(features=len(INPUTS))
    network = new_network(shape, 0)
    torch.nn.init.normal_(network.head.weight, std=0.3, generator=torch.Generator().manual_seed(0))
    windows = np.random.default_rng(0).standard_normal((SYMBOLS, shape.context_bars, shape.features))

    def whole() -> None:
        with torch.no_grad(), fixed_threads(1):
            for window in windows:
                network(torch.tensor(window, dtype=torch.float32)[None])[0, -1].item()

    runs = (
        lambda: newest_departures(network, windows),
        lambda: newest_departures(network, windows, threads=1),
        whole,
    )
    for run in runs:
        run()
    two, one, full = np.median([[milliseconds(run) for run in runs] for _ in range(rounds)], axis=0)
    alike = np.array_equal(newest_departures(network, windows), newest_departures(network, windows[::-1], 1)[::-1])
    print(f"one day, {SYMBOLS} symbols, two threads  {two:.0f} ms")
    print(f"  one thread                    {one:.0f} ms")
    print(f"  one thread, all rows          {full:.0f} ms")
    print(f"equal to the bit                {alike}")


if __name__ == "__main__":
    main()
