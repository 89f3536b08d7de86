"""Prints how long a grid of 1000 points takes, on this machine and on Dask workers.

    .venv/bin/python benchmarks/backtests/sweep.py --bars ../shared/data/ohlcv_daily.parquet

The whole command is timed, from its start to its statistics, in a fresh home and in one that holds the bars. With Dask
the tasks of a larger grid are timed, once the workers have compiled the account, on one worker process and on two.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from strategy.builtin.registry import TURBO

if TYPE_CHECKING:
    from tasks.backtest.sweep_chunks import Work

GRID = """
strategy = ["rules", "turbo"]
target_annual_vol = [0.05, 0.08, 0.10, 0.12, 0.15, 0.18, 0.20, 0.25, 0.30, 0.35]
max_position_size = [0.5, 1.0, 1.5, 2.0, 3.0]
neutral_zone = [0.0, 0.03]
fee_bps = [0.0, 1.0, 2.0, 3.0, 5.0]
"""
ROOT = Path(__file__).parents[2]


def command(options: Sequence[str]) -> tuple[float, dict[str, object]]:
    """The wall-clock seconds of the whole command, and its answer."""
    program = [sys.executable, "-c", "from flows.cli.main import main; main()", "backtest", "--json", *options]
    started = time.perf_counter()
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, json.loads(done.stdout)


def local(options: Sequence[str], runs: int) -> None:
    """Prints the seconds in a fresh home and in one that holds the bars."""
    with tempfile.TemporaryDirectory() as home:
        first, answer = command([*options, "--home", home])
        later = [command([*options, "--home", home])[0] for _ in range(runs)]
    print(f"{answer['points']} points on {answer['bars']} days, with statistics")
    print(f"  fresh home   {first:6.1f} s")
    print(f"  bars known   {statistics.median(later):6.1f} s (median of {runs}, {min(later):.1f} to {max(later):.1f})")


def tasks(count: int) -> "list[tuple[Work, ...]]":
    """Work of `count` chunks on random walks as long as the window of the grid."""
    import numpy as np

    from strategy.account.fees_and_slippage import Costs
    from strategy.kernel.grid import CHUNK_POINTS, Point
    from strategy.kernel.grid_accounts import sweep_panel
    from strategy.portfolio.sizing import SizingParams
    from tasks.backtest.sweep_chunks import Work
    from testing.markets.panels import mandate, walk

    bars = {"A": walk("A", 1, 4540)}
    instruments = mandate(bars).terms.instruments
    panel = sweep_panel(bars, instruments, TURBO, np.datetime64("2010-09-18", "us"))
    aims = [SizingParams(target_annual_vol=0.001 * number) for number in range(1, 1 + CHUNK_POINTS * count)]
    made = [Point(symbols=("A",), strategy=TURBO, sizing=aim, costs=Costs()) for aim in aims]
    return [
        (Work(panel=panel, points=tuple(made[first : first + CHUNK_POINTS])),)
        for first in range(0, len(made), CHUNK_POINTS)
    ]


def on_workers(runs: int) -> None:
    """Prints the seconds of the same tasks on one worker process and on two, and the efficiency."""
    from distributed import Client, LocalCluster

    from tasks.backtest.sweep_chunks import sweep_chunks

    work = tasks(24)
    taken: dict[int, list[float]] = {1: [], 2: []}
    for number in (1, 2):
        with (
            LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            client.gather(
                [client.submit(sweep_chunks, work[0], workers=[at]) for at in client.scheduler_info()["workers"]]
            )
            for _ in range(runs):
                started = time.perf_counter()
                client.gather([client.submit(sweep_chunks, chunk, pure=False) for chunk in work])
                taken[number].append(time.perf_counter() - started)
    one, two = (statistics.median(taken[number]) for number in (1, 2))
    print(f"{len(work) * len(work[0][0].points)} points in {len(work)} Dask tasks, their returns sent back")
    print(f"  1 worker     {one:6.2f} s")
    print(f"  2 workers    {two:6.2f} s, efficiency {one / two / 2:.0%} (medians of {runs})")


def main() -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        grid = Path(folder) / "grid.toml"
        grid.write_text(GRID)
        window = ["--start-date", "2005-01-01", "--end-date", "2021-12-31"]
        source = ["--symbol", "SPY", "--source", f"file:{given.bars.resolve()}", "--financing-rate", "0.05"]
        local([*source, *window, "--grid", str(grid)], given.runs)
    try:
        on_workers(given.runs)
    except ImportError:
        print("prefect-dask is not installed; see the extra `scale`")


if __name__ == "__main__":
    main()
