"""Cost and benefit of keeping a training only beyond `gain_errors` standard errors of its gain, on made-up universes.

    .venv/bin/python benchmarks/studies/gain_rule.py [--seeds 8]

Small networks learn fourteen years of four symbols, with noise or a planted signal of some strength in them, and are
judged by what they earn, net, on eight years of a fresh universe with the same law. Prints how far they end above or
below the prior, with standard errors over the seeds, where any gain is kept and where it must exceed one error.
"""

import argparse
from dataclasses import replace

import numpy as np

from strategy.networks.transformer import NetworkShape
from strategy.signals.features import FEATURE_BARS
from strategy.training.fit import fitted
from strategy.training.loop import judge
from strategy.training.settings import TrainingSettings
from testing.markets.planted_signals import Plant, Universe, interaction, linear, noise, sown

SHAPE = NetworkShape(dimensions=16, heads=2, layers=2, context_bars=64)
SETTINGS = TrainingSettings(batch_windows=64, learning_rate=4e-3, threads=1)
PLANTS = (noise(), linear(0.04), interaction(0.04), linear(0.08), interaction(0.08), linear(0.12), interaction(0.12))
RULES = (0.0, 1.0)
LEARNED_BARS, FRESH_BARS, WARM_UP_BARS = 3_500, 2_520, 504
FIRST_SEED = 500
#: Keeps the seeds of fresh universes apart from those of the universes learned from.
FRESH_SEED = 90_000


def main() -> None:
    """Prints one row for each plant and strength."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    print("| plant | correlation | any gain | more than one error |\n|---|---|---|---|")
    for plant in PLANTS:
        above = np.array([gains(plant, seed) for seed in seeds])
        errors = above.std(axis=0) / np.sqrt(len(above))
        told = " | ".join(f"{mean:+.2f} ± {error:.2f}" for mean, error in zip(above.mean(axis=0), errors, strict=True))
        print(f"| {plant.name} | {plant.rho} | {told} |", flush=True)


def gains(plant: Plant, seed: int) -> tuple[float, ...]:
    """Sharpe ratios above the prior's on a fresh universe, under each of the rules."""
    universe = Universe(days=FEATURE_BARS + LEARNED_BARS, correlation=0.5 * (seed // 2 % 2), clustering=0.3)
    field = sown(plant, universe, seed)
    fresh = sown(plant, replace(universe, days=WARM_UP_BARS + FRESH_BARS), FRESH_SEED + seed).panel
    span, rule = range(WARM_UP_BARS, len(fresh) - 1), SETTINGS.rule(SHAPE)
    models = [
        fitted(field.bars, field.config, SHAPE, replace(SETTINGS, seed=seed, gain_errors=errors)) for errors in RULES
    ]
    prior = judge((), fresh, span, rule).sharpe
    return tuple(judge(trained.ensemble.members, fresh, span, rule).sharpe - prior for trained in models)


if __name__ == "__main__":
    main()
