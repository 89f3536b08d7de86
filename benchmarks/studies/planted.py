"""Share of a planted signal that the default recipe learns, on dates that chose nothing.

    .venv/bin/python benchmarks/studies/planted.py [--seeds 1 2] [--days 10000] [--members 3]

Trains the full network on made-up universes of four symbols with twin and ensemble, and prints Markdown: Sharpe ratios,
net, on the gate's dates. `attainable` is what the same account earns whose signal is the planted one itself,
`reachable` the same moved no further from the prior than the network may, `share` network over attainable.
"""

import argparse
import time
from dataclasses import replace

import numpy as np

from strategy.networks.transformer import DEPARTURE_LIMIT, NetworkShape
from strategy.training.fit import fitted
from strategy.training.settings import TrainingSettings
from testing.markets.planted_signals import Plant, Universe, interaction, linear, noise, sown


def main() -> None:
    """Prints one row for each universe, and the mean of each plant."""
    defaults = TrainingSettings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=defaults.members)
    parser.add_argument("--threads", type=int, default=defaults.threads)
    options = parser.parse_args()
    settings = replace(defaults, members=options.members, threads=options.threads)
    print("| plant | seed | attainable | reachable | prior | network | share | best steps | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for plant in (linear(), interaction(), noise()):
        rows = [measured(plant, Universe(days=options.days), replace(settings, seed=seed)) for seed in options.seeds]
        if plant.rho:
            attainable, reachable, prior, network = np.mean(rows, axis=0)
            print(
                f"| **{plant.name}** | mean | {attainable:.2f} | {reachable:.2f} | {prior:.2f} | {network:.2f} "
                f"| **{network / attainable:.0%}** | | |"
            )


def measured(plant: Plant, universe: Universe, settings: TrainingSettings) -> tuple[float, float, float, float]:
    """Sharpe ratios of the oracle, the oracle within the departure's bound, the prior and the networks; prints them."""
    field = sown(plant, universe, settings.seed)
    started = time.perf_counter()
    trained = fitted(field.bars, field.config, NetworkShape(), settings)
    seconds = time.perf_counter() - started
    span = trained.gate_span
    oracle = [field.attainable(span, limit).sharpe for limit in (np.inf, DEPARTURE_LIMIT)] if plant.rho else [0.0, 0.0]
    found = (oracle[0], oracle[1], trained.prior_gate.sharpe, trained.gate.sharpe)
    share = f"{found[3] / found[0]:.0%}" if plant.rho else ""
    steps = " ".join(str(member.best_step) for member in trained.members)
    print(
        f"| {plant.name} | {settings.seed} | {' | '.join(f'{value:.2f}' for value in found)} | {share} | {steps} "
        f"| {seconds:.0f} |",
        flush=True,
    )
    return found


if __name__ == "__main__":
    main()
