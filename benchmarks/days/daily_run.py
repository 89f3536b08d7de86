"""Times a daily run of ten symbols with ten and with twenty years of bars.

    .venv/bin/python benchmarks/days/daily_run.py

The model is trained on the first day and not due on the others. Each figure is the median of several days: the whole
command; the flow in a process that has imported everything, on a Prefect server that runs already; and the steps from
ingest to reconcile alone, called as plain functions.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

SYMBOLS = tuple(f"S{number}" for number in range(10))
LAST = np.datetime64("2021-12-31")
REPEATS = 3


def write_bars(path: Path, years: int) -> None:
    """Write random walks around the clock over so many years as a Parquet file."""
    days = np.arange(LAST - np.timedelta64(365 * years, "D"), LAST + 1)
    draw = np.random.default_rng(0)
    parts = []
    for symbol in SYMBOLS:
        close = 100 * np.exp(np.cumsum(draw.normal(0.0003, 0.01, len(days))))
        opened = close * np.exp(draw.normal(0, 0.003, len(days)))
        span = np.exp(np.abs(draw.normal(0, 0.004, len(days))))
        prices = {"high": np.maximum(opened, close) * span, "low": np.minimum(opened, close) / span}
        bars = {"symbol": symbol, "date": days, "open": opened, **prices, "close": close, "volume": 1e6}
        parts.append(pd.DataFrame(bars))
    pd.concat(parts).to_parquet(path)


def measure(folder: Path, years: int) -> tuple[float, float, float]:
    """Seconds of the command, of the flow and of its steps for one day, each the median of several days."""
    source = folder / f"{years}.parquet"
    write_bars(source, years)
    os.environ["TURBODMT_HOME"] = str(folder / f"home{years}")
    os.environ["TURBODMT_SOURCE"] = f"file:{source}"
    os.environ["TURBODMT_FINANCING_RATE"] = "0.05"
    os.environ["TURBODMT_TRAINING_STEPS"] = "2"
    from flows.cli.prefect_run import prepare_run

    prepare_run(folder / f"home{years}")
    # Prefect reads its environment when it is imported.
    from flows.daily import daily

    days = [(LAST - np.timedelta64(3 * REPEATS - back, "D")).astype(date) for back in range(3 * REPEATS + 1)]
    daily(as_of=days[0])
    flow = [_seconds(partial(daily, as_of=day)) for day in days[1 : REPEATS + 1]]
    steps = [_seconds(partial(_steps, day)) for day in days[REPEATS + 1 : 2 * REPEATS + 1]]
    wall = [_seconds(partial(_command, day)) for day in days[2 * REPEATS + 1 :]]
    return float(np.median(wall)), float(np.median(flow)), float(np.median(steps))


def _steps(day: date) -> None:
    from exchange.brokers.paper import PaperBroker
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source, source_factory
    from flows.planning.plan import Request, plan
    from tasks.daily.order import trade
    from tasks.daily.replay_check import reconcile
    from tasks.daily.settle import settle
    from tasks.daily.signals import signal
    from tasks.data.ingest import ingest
    from tasks.models.retrain import retrain
    from tasks.validation.gate import validate

    settings = load({})
    job = plan(settings, open_source(settings), Request(account="daily", as_of=day, clock=clock()))
    ingest(job, source_factory(settings))
    gate = validate(job)
    settle(job, PaperBroker)
    signal(job, retrain(job), gate.barred)
    trade(job, PaperBroker)
    reconcile(job)


def _command(day: date) -> None:
    turbodmt = Path(sys.executable).parent / "turbodmt"
    command = [str(turbodmt), "daily", "--json", "--as-of", str(day)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measured(years: int) -> list[float]:
    """Return what `measure` gives in a process of its own, since Prefect is set up once a process."""
    command = [sys.executable, __file__, str(years)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return [float(seconds) for seconds in answer.stdout.split()]


def main() -> None:
    """Prints the seconds and the ratios."""
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as name:
            print(*measure(Path(name), int(sys.argv[1])))
        return
    print("ten symbols, model not due     10 years   20 years   ratio")
    for label, ten, twenty in zip(("command, wall", "flow", "steps"), measured(10), measured(20), strict=True):
        print(f"{label:28}  {ten:7.2f} s  {twenty:7.2f} s  {twenty / ten:6.2f}")


if __name__ == "__main__":
    main()
