"""Time of the daily retraining: three networks trained on for 40 steps, ten symbols and ten years.

    .venv/bin/python benchmarks/training/warm_retrain.py

The bars are made up; time does not depend on them. Prints the seconds of the twin and of the training together.
"""

import time
from dataclasses import replace

from strategy.networks.ensemble import Ensemble
from strategy.networks.transformer import NetworkShape, new_network
from strategy.training.fit import fitted
from strategy.training.settings import TrainingSettings
from testing.markets.planted_signals import Universe, noise, sown

SYMBOLS, DAYS, WARM_STEPS = 10, 2_520, 40


def main() -> None:
    """Prints the seconds of one retraining and its steps."""
    cold = TrainingSettings()
    warm = replace(cold, steps=WARM_STEPS, warmup_steps=min(cold.warmup_steps, WARM_STEPS // 4))
    field = sown(noise(), Universe(symbols=SYMBOLS, days=DAYS, correlation=0.5), seed=0)
    champion = Ensemble(members=tuple(new_network(NetworkShape(), seed) for seed in range(warm.members)))
    started, busy = time.perf_counter(), time.process_time()
    trained = fitted(field.bars, field.config, NetworkShape(), warm, champion)
    steps = [len(member.losses) for member in trained.members]
    print(f"warm retraining, {SYMBOLS} symbols, {DAYS} days: {time.perf_counter() - started:.1f} s, of a processor")
    print(f"{time.process_time() - busy:.1f} s; steps {steps}")


if __name__ == "__main__":
    main()
