"""Trains the default model on the sample, cold and then warm, and prints the seconds.

.venv/bin/python benchmarks/training/train_default.py
"""

import argparse
import time
from dataclasses import replace

import numpy as np

from benchmarks.studies.markets import mandate, sample
from strategy.market.instruments import Calendar
from strategy.networks.transformer import NetworkShape
from strategy.training.fit import fitted
from strategy.training.promotion_gate import GateRules, judge_first
from strategy.training.settings import TrainingSettings

WARM_STEPS = 40


def main() -> None:
    """Prints sizes, seconds, figures and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=TrainingSettings().steps)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    bars = sample()
    rules = mandate(bars, Calendar.XNYS)
    settings = TrainingSettings(seed=options.seed, steps=options.steps)
    started = time.perf_counter()
    cold = fitted(bars, rules, NetworkShape(), settings)
    done = time.perf_counter()
    warm_settings = replace(settings, steps=WARM_STEPS, warmup_steps=WARM_STEPS // 4)
    warm = fitted(bars, rules, NetworkShape(), warm_settings, start=cold.ensemble)
    again = time.perf_counter()
    steps = [len(member.losses) for member in cold.members]
    print(f"bars                  {[len(series) for series in bars.values()]}")
    print(f"training windows      {cold.training_windows}, twins {cold.twins}")
    print(f"cold                  {done - started:.1f} s for {steps} steps, {settings.threads} threads")
    print(f"warm                  {again - done:.1f} s for {[len(member.losses) for member in warm.members]} steps")
    print(f"best steps            {[member.best_step for member in cold.members]}")
    losses = cold.members[0].losses
    print(f"loss, first and last  {np.mean(losses[:10]):.3f} {np.mean(losses[-10:]):.3f}")
    verdict = judge_first(cold.gate.net, cold.prior_gate.net, GateRules(days_per_year=252, trials=1))
    print(f"gate                  {'promoted' if verdict.promoted else 'refused'}: {verdict.reason}")


if __name__ == "__main__":
    main()
