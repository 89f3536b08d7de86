"""Value of training with the twin: planted signals, three lengths of history, paired over seeds.

    .venv/bin/python benchmarks/studies/twin_value.py [--seeds 8]

Small networks learn from 3, 6 or 12 years, with four twins and with none, and are judged by what they earn, net, on ten
years of a fresh universe with the same law. Prints Markdown with 95 % intervals of the paired difference.
"""

import argparse
from dataclasses import replace

import numpy as np
from scipy.stats import t

from strategy.networks.transformer import NetworkShape
from strategy.signals.features import FEATURE_BARS
from strategy.training.fit import fitted
from strategy.training.loop import judge
from strategy.training.settings import TrainingSettings
from testing.markets.planted_signals import Plant, Universe, interaction, linear, noise, sown

SHAPE = NetworkShape(dimensions=16, heads=2, layers=2, context_bars=64)
SETTINGS = TrainingSettings(members=2, batch_windows=64, learning_rate=4e-3, threads=1)
YEAR_BARS = 252
FRESH_BARS = 10 * YEAR_BARS
#: Keeps the seeds of fresh universes apart from those of the universes learned from.
FRESH_SEED = 10_000


def main() -> None:
    """Prints one row for each plant and length of history."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    print("| plant | years | prior | twin off | twin on | on minus off | 95 % interval |")
    print("|---|---|---|---|---|---|---|")
    for plant in (linear(), interaction(), noise()):
        for years in (3, 6, 12):
            rows = np.array([measured(plant, years, seed) for seed in range(options.seeds)])
            gain = rows[:, 2] - rows[:, 1]
            half = t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
            means = " | ".join(f"{value:.2f}" for value in rows.mean(axis=0))
            print(
                f"| {plant.name} | {years} | {means} | {gain.mean():+.2f} "
                f"| {gain.mean() - half:+.2f} to {gain.mean() + half:+.2f} |",
                flush=True,
            )


def measured(plant: Plant, years: int, seed: int) -> tuple[float, float, float]:
    """Sharpe ratios on a fresh universe: of the prior, of networks trained without twins, and with them."""
    validation = 2 * YEAR_BARS
    learned = years * YEAR_BARS + SETTINGS.purge_bars
    share = validation / (learned + validation)
    field = sown(plant, Universe(days=FEATURE_BARS + learned + validation), seed)
    fresh = sown(plant, Universe(days=FRESH_BARS), FRESH_SEED + seed).panel
    settings = replace(SETTINGS, seed=seed, validation_share=share)
    rule = settings.rule(SHAPE)
    span = range(2 * YEAR_BARS, len(fresh) - 1)
    plain, mirrored = (
        fitted(field.bars, field.config, SHAPE, replace(settings, twins=twins)).ensemble.members for twins in (0, 4)
    )
    prior, off, on = (judge(networks, fresh, span, rule).sharpe for networks in ((), plain, mirrored))
    return prior, off, on


if __name__ == "__main__":
    main()
