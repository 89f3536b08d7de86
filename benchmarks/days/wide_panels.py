"""Cost of import, a day, a backtest and a sweep of many symbols: processor time, memory, the exponent in symbols.

    .venv/bin/python benchmarks/days/wide_panels.py [--symbols 50 150 500] [--sessions 5000] [--only backtest report]

Made-up bars on weekdays from a fixed seed, as one Parquet file. Each command is a process of its own: `import` of all
sessions but the last two; `daily` of the last but one, the account's first, which also freezes what to expect of it;
`daily` of the last, which the file has gained since; a `backtest` over all sessions; the same with `--save-results`,
whose report is weighed; and a sweep over six points. The strategy is `vol-target`, which trains nothing. `--only`
leaves out the others, but for the import. Processor time counts all threads of a command, and memory is the most that
it held, so that what else the machine does counts little. The exponent is the slope of the logarithm of processor time
over that of the number of symbols; 1 is linear.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LAST = "2018-11-30"
STRATEGY = "vol-target"
#: The points of the sweep.
GRID = "target_annual_vol = [0.1, 0.15, 0.2]\nrebalance_band = [0.0, 0.005]\n"
COMMANDS = ("import", "first day", "next day", "backtest", "report", "sweep")
ROW = "{:>8} {:>10} {:>10} {:>10} {:>10}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of the processor and by the clock, and the most bytes that the process held."""

    processor_s: float
    wall_s: float
    peak_bytes: int


def made_up(symbols: int, sessions: int) -> pd.DataFrame:
    """Return random walks with a common part, on weekdays, oldest first, symbol after symbol."""
    days = pd.bdate_range(end=LAST, periods=sessions)
    draw = np.random.default_rng(0)
    market = draw.normal(0.0002, 0.008, sessions)
    parts = []
    for number in range(symbols):
        close = np.round(100 * np.exp(np.cumsum(market + draw.normal(0, 0.012, sessions))), 4)
        opened = np.round(close * np.exp(draw.normal(0, 0.003, sessions)), 4)
        span = np.exp(np.abs(draw.normal(0, 0.004, (2, sessions))))
        parts.append(
            pd.DataFrame(
                {
                    "symbol": f"S{number:03}",
                    "date": days,
                    "open": opened,
                    "high": np.round(np.maximum(opened, close) * span[0], 4),
                    "low": np.round(np.minimum(opened, close) / span[1], 4),
                    "close": close,
                    "volume": np.round(1e6 * np.exp(draw.normal(0, 0.3, sessions))),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def cost(words: Sequence[str], home: Path) -> Cost:
    """Return what the command costs. Raises CalledProcessError with its output if it fails."""
    command = str(Path(sys.executable).parent / "turbodmt")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TURBODMT_"))}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [command, *words, "--home", str(home), "--json"], env=kept, cwd=home.parent, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, said[-2000:])
    spent = used.ru_utime + used.ru_stime
    # Linux counts memory in kibibytes.
    return Cost(processor_s=spent, wall_s=time.perf_counter() - started, peak_bytes=used.ru_maxrss * 1024)


def measured(folder: Path, symbols: int, sessions: int, only: Sequence[str]) -> Iterator[tuple[str, Cost]]:
    """Yield the cost of each command on so many symbols; the folder keeps what they wrote."""
    bars = made_up(symbols, sessions)
    source, home, grid = folder / f"{symbols}.parquet", folder / str(symbols), folder / "grid.toml"
    days = sorted(bars["date"].unique())[-3:]
    asked = ["--source", f"file:{source}", "--strategy", STRATEGY]
    for name, last in zip(("import", "first day", "next day"), days, strict=True):
        if name != "import" and name not in only:
            continue
        bars[bars["date"] <= last].to_parquet(source)
        words = ["import", str(source)] if name == "import" else ["daily", *asked, "--as-of", f"{last:%Y-%m-%d}"]
        yield name, cost(words, home)
    bars.to_parquet(source)
    grid.write_text(GRID)
    more = {"backtest": [], "report": ["--save-results", str(home / "results")], "sweep": ["--grid", str(grid)]}
    for name in [name for name in more if name in only]:
        yield name, cost(["backtest", *asked, *more[name]], home)


def main() -> None:
    """Prints a row for each command and number of symbols, and the exponent of each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=[50, 150, 500])
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=COMMANDS)
    given = parser.parse_args()
    found: dict[str, list[Cost]] = {}
    print(ROW.format("symbols", "command", "processor", "clock", "memory"))
    with tempfile.TemporaryDirectory() as name:
        for symbols in given.symbols:
            for command, spent in measured(Path(name), symbols, given.sessions, given.only):
                found.setdefault(command, []).append(spent)
                cells = f"{spent.processor_s:.1f} s", f"{spent.wall_s:.1f} s", f"{spent.peak_bytes / 1e9:.2f} GB"
                print(ROW.format(symbols, command, *cells), flush=True)
            report = Path(name) / str(symbols) / "results" / "report.html"
            if report.exists():
                print(f"{symbols} symbols: the report has {report.stat().st_size / 1e6:.1f} MB")
    for command, costs in found.items() if len(given.symbols) > 1 else ():
        slope = np.polyfit(np.log(given.symbols), np.log([each.processor_s for each in costs]), 1)[0]
        print(f"{command}: exponent of processor time in symbols {slope:.2f}")
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
