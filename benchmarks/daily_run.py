"""Times a daily run of ten symbols with ten and with twenty years of bars: `.venv/bin/python benchmarks/daily_run.py`.

The model is trained on the first day and not due on the others. Wall is the whole command; work is a later day in a
process that has imported everything and started Prefect already.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

SYMBOLS = tuple(f"S{number}" for number in range(10))
LAST = np.datetime64("2021-12-31")
REPEATS = 3


def write_bars(path: Path, years: int) -> None:
    """None; random walks around the clock over so many years, as a Parquet file."""
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


def measure(folder: Path, years: int) -> tuple[float, float]:
    """Seconds of the command and of the work of one day, each the median of several days."""
    source = folder / f"{years}.parquet"
    write_bars(source, years)
    os.environ["TURBODMT_HOME"] = str(folder / f"home{years}")
    os.environ["TURBODMT_SOURCE"] = f"file:{source}"
    os.environ["TURBODMT_TRAINING_STEPS"] = "2"
    from flows.commands import prepare_run

    prepare_run(folder / f"home{years}")
    # Prefect reads its environment when it is imported.
    from flows.daily import daily

    days = [(LAST - np.timedelta64(2 * REPEATS - back, "D")).astype(date) for back in range(2 * REPEATS + 1)]
    daily(as_of=days[0])
    work = [_seconds(lambda day=day: daily(as_of=day)) for day in days[1 : REPEATS + 1]]
    wall = [_seconds(lambda day=day: _command(day)) for day in days[REPEATS + 1 :]]
    return float(np.median(wall)), float(np.median(work))


def _command(day: date) -> None:
    turbodmt = Path(sys.executable).parent / "turbodmt"
    command = [str(turbodmt), "daily", "--json", "--as-of", str(day)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measured(years: int) -> tuple[float, float]:
    """What `measure` gives in a process of its own, since Prefect is set up once a process."""
    command = [sys.executable, __file__, str(years)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    wall, work = answer.stdout.split()
    return float(wall), float(work)


def main() -> None:
    """Prints the seconds and the ratio."""
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as name:
            print(*measure(Path(name), int(sys.argv[1])))
        return
    ten_wall, ten_work = measured(10)
    twenty_wall, twenty_work = measured(20)
    print("ten symbols, model not due     10 years   20 years   ratio")
    print(f"command, wall                  {ten_wall:7.2f} s  {twenty_wall:7.2f} s  {twenty_wall / ten_wall:6.2f}")
    print(f"work, Prefect already running  {ten_work:7.2f} s  {twenty_work:7.2f} s  {twenty_work / ten_work:6.2f}")


if __name__ == "__main__":
    main()
