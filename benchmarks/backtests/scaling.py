"""Prints what a backtest costs against bars, paths and symbols.

    .venv/bin/python benchmarks/backtests/scaling.py --plot FILE

The account in bulk is varied around 512 paths x 2520 bars x 1 symbol, the exact backtest around 2520 bars of 2 symbols.
The exponent is the slope of the logarithm of the CPU time; 1 is linear.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from strategy.account.quotes import quotes_by_date
from strategy.backtest.replay import replay
from strategy.kernel.simulate import AccountMarket, flat_rates, simulate
from strategy.market.session_dates import account_dates
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from tasks.report.plots import Canvas, below_axis, drawing, key, line_mark, value_axis
from testing.markets.panels import mandate, walk

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
        rates=flat_rates(0.05, bars),
        drawdown=np.zeros(paths),
    )
    target = rng.uniform(-1.0, 1.5, close.shape) / symbols
    return lambda: simulate(target, market, SizingParams())


def exactly(bars: int, symbols: int) -> Callable[[], object]:
    """The exact backtest of the prior, from the estimates to the last mark."""
    known = {f"S{number:02}": walk(f"S{number:02}", number, bars + HISTORY) for number in range(symbols)}
    rules = mandate(known)
    calendars = {symbol: instrument.calendar for symbol, instrument in rules.terms.instruments.items()}
    dates = account_dates(known)[HISTORY:]

    def work() -> object:
        view = aligned_signals(symbol_signals(known, calendars, rules.strategy), rules.symbols)
        return replay(view, quotes_by_date(known, dates[0], dates[-1]), dates, Decimal(10_000), rules)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU seconds at each size of what was varied."""

    name: str
    sizes: list[int]
    taken_s: list[float]

    @property
    def exponent(self) -> float:
        """The slope of the logarithm of the time over that of the size."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.taken_s), 1)[0])


def cost(name: str, sizes: list[int], make: Callable[[int], Callable[[], object]], runs: int) -> Cost:
    """The cost of one quantity; prints its row: milliseconds at each size, and the exponent over all of them."""
    found = Cost(name=name, sizes=sizes, taken_s=[seconds(make(size), runs) for size in sizes])
    cells = "".join(f"{size:>9,}: {1e3 * spent:8.1f} ms" for size, spent in zip(sizes, found.taken_s, strict=True))
    print(f"{name:16}{cells}   exponent {found.exponent:.2f}")
    return found


def plot(costs: Sequence[Cost]) -> str:
    """Time over size, each as a multiple of its least, on logarithmic axes; dashed is linear. An SVG text."""
    canvas, doublings = Canvas(width_px=760, height_px=420), 4
    captions = [(line_mark(index), f"{one.name} ({one.exponent:.2f})") for index, one in enumerate(costs)]
    head, top_px = key("CPU time against size, with its exponent", captions, canvas)
    top_px, floor_px = top_px + 8.0, float(canvas.height_px - 34)
    step_px = (canvas.plot_right_px - canvas.left_px) / doublings, (floor_px - top_px) / (doublings + 1)

    def at(size: float, spent: float) -> str:
        return f"{canvas.left_px + step_px[0] * np.log2(size):.1f} {floor_px - step_px[1] * np.log2(spent):.1f}"

    marks = [(canvas.left_px + step_px[0] * power, f"{2**power}x") for power in range(doublings + 1)]
    rows = [(floor_px - step_px[1] * power, f"{2**power}x") for power in range(doublings + 2)]
    parts = [head, below_axis(marks, (top_px, floor_px), canvas), value_axis(rows, canvas)]
    parts.append(f'<path class="td-level" fill="none" d="M{at(1, 1)}L{at(2**doublings, 2**doublings)}"/>')
    for index, one in enumerate(costs):
        pairs = zip(one.sizes, one.taken_s, strict=True)
        points = "L".join(at(size / one.sizes[0], max(1.0, spent / one.taken_s[0])) for size, spent in pairs)
        parts.append(f'<path class="td-line td-{index}" d="M{points}"/>')
    return drawing("CPU time of a backtest against its size", canvas, parts)


def main() -> None:
    """Prints a row for each quantity that is varied."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="where to draw the lines, as SVG")
    options = parser.parse_args()
    runs = options.runs
    costs = [
        cost("bulk, bars", [630, 1260, 2520, 5040, 10080], lambda size: in_bulk(size, 1, 512), runs),
        cost("bulk, paths", [128, 256, 512, 1024, 2048], lambda size: in_bulk(2520, 1, size), runs),
        cost("bulk, symbols", [1, 2, 4, 8, 16], lambda size: in_bulk(630, size, 512), runs),
        cost("exact, bars", [630, 1260, 2520, 5040], lambda size: exactly(size, 2), 2),
        cost("exact, symbols", [1, 2, 4, 8, 16], lambda size: exactly(630, size), 2),
    ]
    if options.plot is not None:
        options.plot.write_text(plot(costs), encoding="utf-8")


if __name__ == "__main__":
    main()
