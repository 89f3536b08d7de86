"""Prints the cost of a user's strategy file beside the same rule built in.

    .venv/bin/python -W ignore benchmarks/backtests/own_strategy.py

Whole backtests of ten years of each symbol, beside hold, in pairs that take turns: the first strategy of
docs/own-strategy.md as a file, in the process that runs it, and the same function as a trusted strategy of this
process, as the built-in ones are. The file is tried before its audit, when 500 windows of each symbol check every call
on the whole history, and after it. Times are of the processor, those of the child included, its start aside.
"""

import argparse
import re
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil

from flows.cli.research.backtest import run_planned
from flows.planning.backtest_plan import plan_backtest
from flows.planning.plan import between
from strategy.builtin.registry import BASELINE
from strategy.signals.strategies import Strategy
from tasks.backtest.run import Backtest, Window
from tasks.strategies.audit_gate import Subject, demand_audited
from tasks.strategies.catalogue import of_file
from tasks.strategy_process.loading import load_strategy
from testing.markets.panels import stock

GUIDE = Path(__file__).parents[2] / "docs" / "own-strategy.md"
ROWS = 2_520


def bars_file(folder: Path, symbols: int) -> Path:
    """A csv file of ten years of each symbol."""
    frames = []
    for seed in range(symbols):
        bars = stock(f"S{seed}", seed, ROWS)
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        frames.append(pd.DataFrame({"date": bars.open_time, "symbol": bars.symbol, **columns}))
    path = folder / "bars.csv"
    pd.concat(frames).fillna({"volume": 1.0}).to_csv(path, index=False)
    return path


def tested(home: Path, bars: Path, strategy: Strategy) -> Backtest:
    """The whole backtest, as the command line makes it."""
    request = between("backtest", None, None)
    planned = plan_backtest({"home": home, "source": f"file:{bars}", "financing_rate": 0.05}, request, strategy)
    return run_planned(planned, Window(strategies=(strategy, BASELINE), start=request.since))


def used_s() -> float:
    """The processor time of this process and its children so far."""
    here = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (here, *here.children()))


def seconds(work: Callable[[], object]) -> float:
    """The processor time of the work."""
    started = used_s()
    work()
    return used_s() - started


def compared(label: str, own: Callable[[], Backtest], ours: Callable[[], Backtest], pairs: int) -> None:
    """Prints the medians of paired runs and their ratio."""
    # The first run of each starts the child, reads the bars and compiles.
    own()
    ours()
    taken = [(seconds(own), seconds(ours)) for _ in range(pairs)]
    ratios = sorted(theirs / built_in for theirs, built_in in taken)
    theirs, built_in = (statistics.median(column) for column in zip(*taken, strict=True))
    print(
        f"{label}: file {theirs:.2f} s, built in {built_in:.2f} s, ratio {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}, {pairs} pairs)",
        flush=True,
    )


def main() -> None:
    """Prints a line before and a line after the audit for each number of symbols."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 10])
    options = parser.parse_args()
    pairs = options.pairs
    example = re.findall(r"^```python\n(.+?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[0]
    for symbols in options.symbols:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path, bars, home = folder / "trend.py", bars_file(folder, symbols), folder / "home"
            path.write_text(example, encoding="utf-8")
            own = of_file(str(path), {})
            built_in = replace(load_strategy(example.encode(), str(path)), version="", trusted=True)

            def file(own: Strategy = own, home: Path = home, bars: Path = bars) -> Backtest:
                return tested(home, bars, own)

            def ours(built_in: Strategy = built_in, home: Path = home, bars: Path = bars) -> Backtest:
                return tested(home, bars, built_in)

            first, second = file(), ours()
            assert first.net.replay.snapshots == second.net.replay.snapshots, "the same account, to the last digit"
            compared(f"{symbols} x {ROWS} bars, not audited", file, ours, pairs)
            job = first.job
            subject = Subject(home=home, source=job.source, symbols=job.symbols, strategy=own, at=job.now)
            demand_audited(subject, lambda _: None)
            compared(f"{symbols} x {ROWS} bars, audited", file, ours, pairs)


if __name__ == "__main__":
    main()
