"""Prints the processor time of a whole `turbodmt backtest` of one symbol and ten years, as ratios of paired runs.

    .venv/bin/python benchmarks/backtests/whole_command.py [--other PATH/TO/turbodmt] [--runs 7]

It is compared with a script of backtesting.py over the same file, which the extra `peers` brings, with nothing but the
imports of numpy, pandas and duckdb, and with another checkout's command. The target is 1.5 times the script.
"""

import argparse
import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from testing.markets.panels import stock

#: Bars of ten years, and those before the first that is traded.
BARS, HISTORY = 2520, 260
IMPORTS = "import numpy, pandas, duckdb"
PEER = """
import sys
import pandas as pd
from backtesting import Backtest, Strategy

class Trend(Strategy):
    def init(self):
        self.mean = self.I(lambda close: pd.Series(close).rolling(200).mean(), self.data.Close)

    def next(self):
        if self.data.Close[-1] > self.mean[-1] and not self.position:
            self.buy()
        elif self.data.Close[-1] < self.mean[-1] and self.position:
            self.position.close()

bars = pd.read_parquet(sys.argv[1]).rename(columns=str.capitalize).set_index("Date")
print(Backtest(bars, Trend, cash=1e6, commission=2e-4).run())
"""


def write_bars(path: Path) -> str:
    """Write the bars of one symbol to a file, and return the first day to trade."""
    bars = stock("A", 3, BARS + HISTORY)
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    pd.DataFrame({"date": bars.open_time, "symbol": "A", **prices, "volume": 1e6}).to_parquet(path)
    return str(bars.open_time[HISTORY].astype("datetime64[D]"))


def seconds(command: list[str]) -> float:
    """The processor time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints the medians, and the median ratios of the pairs with their extremes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.parquet"
        asked = ["backtest", "--source", f"file:{path}", "--symbol", "A", "--strategy", "rules", "--json"]
        asked += ["--start-date", write_bars(path), "--financing-rate", "0.05", "--home"]
        this = [str(Path(sys.executable).parent / "turbodmt"), *asked, f"{folder}/this"]
        others = {IMPORTS: [sys.executable, "-c", IMPORTS]}
        if importlib.util.find_spec("backtesting"):
            others["backtesting.py"] = [sys.executable, "-W", "ignore", "-c", PEER, str(path)]
        if given.other:
            others["the other"] = [str(given.other), *asked, f"{folder}/other"]
        commands = {"turbodmt backtest": this, **others}
        for command in commands.values():
            # Fills homes and the machine's cache of files.
            seconds(command)
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(given.runs):
            for name, command in commands.items():
                taken[name].append(seconds(command))
    print(f"turbodmt backtest: {statistics.median(taken['turbodmt backtest']):.2f} s (median of {given.runs})")
    for name in others:
        ratios = sorted(own / its for own, its in zip(taken["turbodmt backtest"], taken[name], strict=True))
        print(
            f"  {statistics.median(ratios):.2f} times {name}, {statistics.median(taken[name]):.2f} s "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
