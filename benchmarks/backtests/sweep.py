"""Prints how long a grid of 1000 points takes.

    .venv/bin/python benchmarks/backtests/sweep.py --bars ../shared/data/ohlcv_daily.parquet

The whole command is timed, from its start to its statistics, in a fresh home and in one that holds the bars.
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


def main() -> None:
    """Prints them."""
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


if __name__ == "__main__":
    main()
