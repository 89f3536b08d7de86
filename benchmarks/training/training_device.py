"""Trains the same networks on the processor and on a CUDA device, and prints what that changes.

    .venv/bin/python benchmarks/training/training_device.py [--symbols 4] [--days 10000] [--steps 160]

On a made-up universe with a planted linear signal: seconds of the whole training (twin, three networks, gate), how far
the returns on the gate's dates lie apart, and whether the device gives the same bytes twice.
"""

import argparse
import os
import sys
import time
from dataclasses import replace

import numpy as np
import torch

from strategy.networks.transformer import NetworkShape
from strategy.training.fit import fitted
from strategy.training.loop import Trained
from strategy.training.settings import TrainingSettings
from testing.markets.planted_signals import Universe, linear, sown

# As the tasks do: CUDA's own products are deterministic only with this.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def main() -> None:
    """Prints a row for each training, then the differences; a sentence where there is no such device."""
    defaults = TrainingSettings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=4)
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--threads", type=int, default=defaults.threads)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("torch finds no CUDA device on this machine; there is nothing to compare")
    field = sown(linear(), Universe(symbols=options.symbols, days=options.days), seed=1)
    settings = replace(defaults, seed=1, steps=options.steps, threads=options.threads)

    def trained(device: str, steps: int = settings.steps) -> Trained:
        started = time.perf_counter()
        # The first steps rise to the learning rate.
        one = replace(settings, device=device, steps=steps, warmup_steps=min(settings.warmup_steps, steps))
        result = fitted(field.bars, field.config, NetworkShape(), one)
        taken = sum(len(member.losses) for member in result.members)
        seconds, best = time.perf_counter() - started, [member.best_step for member in result.members]
        figures = f"Sharpe ratio {result.gate.sharpe:.4f} against {result.prior_gate.sharpe:.4f} of the prior"
        print(f"{device:5} {seconds:7.1f} s for {taken} steps, best {best}, {figures}", flush=True)
        return result

    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {settings.threads} threads of the processor")
    # Kernels are compiled and loaded by whoever comes first.
    trained("cpu", 1)
    trained("cuda", 1)
    on_device, again, on_cpu = trained("cuda"), trained("cuda"), trained("cpu")
    print(f"the device gives the same losses and returns twice: {same(on_device, again)}")
    print(f"returns of a day on the gate's dates, device less processor: at most {apart(on_device, on_cpu):.1e}")


def same(one: Trained, other: Trained) -> bool:
    """Return whether both took the same steps to the same ends."""
    losses = all(a.losses == b.losses for a, b in zip(one.members, other.members, strict=True))
    return losses and np.array_equal(one.gate.net, other.gate.net)


def apart(one: Trained, other: Trained) -> float:
    """The largest difference of a day's net return."""
    return float(np.abs(one.gate.net - other.gate.net).max())


if __name__ == "__main__":
    main()
