"""Times a walk-forward backtest of one symbol over one year with the default recipe, and the same once more.

    .venv/bin/python benchmarks/backtests/backtest_turbo.py --data FOLDER

FOLDER holds ohlcv_daily.parquet; the symbol is SPY, the year 2020. Both are whole commands, the first in a new home.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WINDOW = ("--symbol", "SPY", "--start-date", "2020-01-01", "--end-date", "2021-01-01", "--financing-rate", "0.05")
COLD_LIMIT_S, REPEAT_LIMIT_S = 300.0, 2.0
REPEATS = 3


def main() -> None:
    """Prints the seconds beside their limits, and who traded the year."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of ohlcv_daily.parquet")
    source = f"file:{parser.parse_args().data / 'ohlcv_daily.parquet'}"
    turbodmt = Path(sys.executable).parent / "turbodmt"
    with tempfile.TemporaryDirectory() as home:
        command = [str(turbodmt), "backtest", "--json", "--home", home, "--source", source, *WINDOW]
        cold, first = timed(command)
        repeats = [timed(command) for _ in range(REPEATS)]
    assert all(answer["net"] == first["net"] for _, answer in repeats), "a repeat must give the same account"
    repeat = min(seconds for seconds, _ in repeats)
    print(f"cold    {cold:7.1f} s   limit {COLD_LIMIT_S:.0f} s")
    print(f"repeat  {repeat:7.1f} s   limit {REPEAT_LIMIT_S:.0f} s, best of {REPEATS}")
    for fold in first["folds"]:
        trader = "the network" if fold["promoted"] else "the prior"
        print(f"{fold['start']} to {fold['end']}: {trader}, since {fold['reason']}")


def timed(command: list[str]) -> tuple[float, dict[str, Any]]:
    """Seconds of the whole command, and its answer."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return time.perf_counter() - started, json.loads(done.stdout)


if __name__ == "__main__":
    main()
