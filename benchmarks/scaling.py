"""Prints what a backtest costs against bars, paths and symbols: `.venv/bin/python benchmarks/scaling.py`.

The account in bulk is varied around 512 paths x 2520 bars x 1 symbol, the exact backtest around 2520 bars of 2 symbols.
The exponent is the slope of the logarithm of the CPU time; 1 is linear.
"""

import argparse
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np

from strategy.account_kernel import AccountMarket, simulate
from strategy.backtest import replay
from strategy.decision import panorama
from strategy.market import account_dates, tape
from strategy.signals import outlooks
from strategy.sizing import SizingParams

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.fakes.panels import mandate, walk

#: Bars before the first that is traded: what the prior needs.
HISTORY = 260


def in_bulk(bars: int, symbols: int, paths: int) -> Callable[[], object]:
    """The account of random targets on random walks."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (bars, symbols, paths)), axis=0))
    market = AccountMarket(
        open=close * np.exp(rng.normal(0, 0.003, close.shape)),
        close=close,
        tradable=np.ones(close.shape, np.bool_),
        days=np.ones((bars, paths)),
        cost=np.full((symbols, paths), 0.001),
        financing_rate=0.05,
        drawdown=np.zeros(paths),
    )
    target = rng.uniform(-1.0, 1.5, close.shape) / symbols
    return lambda: simulate(target, market, SizingParams())


def exactly(bars: int, symbols: int) -> Callable[[], object]:
    """The exact backtest of the prior, from the estimates to the last mark."""
    known = {f"S{number:02}": walk(f"S{number:02}", number, bars + HISTORY) for number in range(symbols)}
    rules = mandate(known)
    calendars = {symbol: one.calendar for symbol, one in rules.terms.instruments.items()}
    dates = account_dates(known)[HISTORY:]

    def work() -> object:
        view = panorama(outlooks(known, calendars, rules.strategy), rules.symbols)
        return replay(view, tape(known, dates[0], dates[-1]), dates, Decimal(10_000), rules)

    return work


def seconds(work: Callable[[], object], runs: int) -> float:
    """The shortest CPU time of some runs, after one that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def shown(name: str, sizes: list[int], make: Callable[[int], Callable[[], object]], runs: int) -> None:
    """Prints one row: milliseconds at each size, and the exponent over all of them."""
    taken = [seconds(make(size), runs) for size in sizes]
    exponent = float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])
    cells = "".join(f"{size:>9,}: {1e3 * spent:8.1f} ms" for size, spent in zip(sizes, taken, strict=True))
    print(f"{name:16}{cells}   exponent {exponent:.2f}")


def main() -> None:
    """Prints a row for each quantity that is varied."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    shown("bulk, bars", [630, 1260, 2520, 5040, 10080], lambda size: in_bulk(size, 1, 512), runs)
    shown("bulk, paths", [128, 256, 512, 1024, 2048], lambda size: in_bulk(2520, 1, size), runs)
    shown("bulk, symbols", [1, 2, 4, 8, 16], lambda size: in_bulk(630, size, 512), runs)
    shown("exact, bars", [630, 1260, 2520, 5040], lambda size: exactly(size, 2), 2)
    shown("exact, symbols", [1, 2, 4, 8, 16], lambda size: exactly(630, size), 2)


if __name__ == "__main__":
    main()
