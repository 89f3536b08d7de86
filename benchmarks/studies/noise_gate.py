"""Rate at which the gate promotes a network trained on pure noise: at most 19 of 200 at a level of 0.05.

    .venv/bin/python benchmarks/studies/noise_gate.py [--universes 200]

Universe n has the seed n and is one of four kinds in turn: independent or correlated symbols, steady or clustered
volatility. Small networks, trained as the large ones are: with the twin, an ensemble, early stopping and the purge.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
from scipy.stats import binom

from strategy.networks.transformer import NetworkShape
from strategy.training.fit import fitted
from strategy.training.promotion_gate import GateRules, Verdict, judge_first
from strategy.training.settings import TrainingSettings
from testing.markets.planted_signals import Universe, noise, sown

SHAPE = NetworkShape(dimensions=16, heads=2, layers=2, context_bars=64)
#: A window of 64 rows scores 32: four times as many windows make the days of a batch of the full network. What is
#: small takes larger steps.
SETTINGS = TrainingSettings(batch_windows=64, learning_rate=4e-3, threads=1)
KINDS = ("independent, steady", "correlated, steady", "independent, clustered", "correlated, clustered")
LEVEL = 0.05


def universe(seed: int) -> Universe:
    """The kind of noise of this seed: ten years of three symbols."""
    return Universe(symbols=3, days=2_520, correlation=0.5 * (seed % 2), clustering=0.4 * (seed // 2 % 2))


def judged(seed: int) -> Verdict:
    """The gate's verdict on networks trained on the noise of this seed."""
    field = sown(noise(), universe(seed), seed)
    trained = fitted(field.bars, field.config, SHAPE, replace(SETTINGS, seed=seed))
    rules = GateRules(days_per_year=trained.gate.days_per_year, trials=1, level=LEVEL)
    return judge_first(trained.gate.net, trained.prior_gate.net, rules)


def main() -> None:
    """Prints each promotion as it comes, then how many there were of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--universes", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first universe")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.universes)
    started, verdicts = time.perf_counter(), {}
    for seed in seeds:
        verdicts[seed] = judged(seed)
        if verdicts[seed].promoted:
            print(f"<!-- seed {seed}, number {len(verdicts)}: {verdicts[seed].reason} -->", flush=True)
    print("| noise | universes | promoted | mean difference in Sharpe |")
    print("|---|---|---|---|")
    for number, kind in enumerate(KINDS):
        told(kind, [verdicts[seed] for seed in seeds if seed % len(KINDS) == number])
    told("**all**", list(verdicts.values()))
    promoted = sum(verdict.promoted for verdict in verdicts.values())
    luck = binom.sf(promoted - 1, len(verdicts), LEVEL)
    p = np.array([verdict.figures.p for verdict in verdicts.values() if verdict.figures.p is not None])
    print(f"\n{promoted} of {len(verdicts)} at a level of {LEVEL}: as many or more come by luck with p {luck:.2f}.")
    print(f"Shares of p below 0.1, 0.25, 0.5: {(p < 0.1).mean():.2f}, {(p < 0.25).mean():.2f}, {(p < 0.5).mean():.2f}.")
    print(f"{time.perf_counter() - started:.0f} s.")


def told(kind: str, verdicts: list[Verdict]) -> None:
    """Prints one row of the table."""
    differences = np.array(
        [verdict.figures.difference for verdict in verdicts if verdict.figures.difference is not None]
    )
    error = differences.std() / np.sqrt(len(differences))
    promoted = sum(verdict.promoted for verdict in verdicts)
    print(f"| {kind} | {len(verdicts)} | {promoted} | {differences.mean():+.2f} ± {error:.2f} |")


if __name__ == "__main__":
    main()
