"""Times the audit of a user's strategy: `.venv/bin/python benchmarks/studies/strategy_audit.py [--symbols 10]`.

Prints the processor time of auditing strategies on ten years of each symbol, beside the time spent inside the strategy
alone: a signal of one millisecond a call however short its bars, and a rolling mean and deviation by pandas.
"""

import argparse
import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from strategy.audit.user_strategy import audit_strategy
from strategy.market.bars import Bars, FloatArray
from strategy.signals.strategies import Strategy
from testing.markets.panels import market, stock

ROWS, HISTORY_BARS, CALL_S = 2_520, 100, 0.001


def millisecond(bars: Bars) -> FloatArray:
    """Whether a close is above the one before, after a millisecond of the processor."""
    until = time.process_time() + CALL_S
    while time.process_time() < until:
        pass
    return np.sign(np.diff(bars.close, prepend=bars.close[0]))


def score(bars: Bars) -> FloatArray:
    """The distance from the rolling mean in deviations."""
    close = pd.Series(bars.adjusted_close)
    window = close.rolling(HISTORY_BARS)
    return np.clip(((close - window.mean()) / window.std()).to_numpy() / 4.0, -1.0, 1.0)


def timed(signal: Callable[[Bars], FloatArray], bars: Mapping[str, Bars]) -> str:
    """One row of the table."""
    inside, calls = 0.0, 0

    def counted(bars: Bars) -> FloatArray:
        nonlocal inside, calls
        started = time.process_time()
        values = signal(bars)
        inside, calls = inside + time.process_time() - started, calls + 1
        return values

    started = time.process_time()
    audit = audit_strategy(Strategy(name="mine", signal=counted, history_bars=HISTORY_BARS), bars, "seed")
    whole = time.process_time() - started
    verdict = "passed" if audit.passed else f"refused: {audit.faults[0].message}"
    return f"| {signal.__name__} | {verdict} | {calls} | {inside:.1f} | {whole:.1f} | {whole / inside:.2f} |"


def main() -> None:
    """Prints one row for each strategy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=10)
    symbols = [f"S{number}" for number in range(parser.parse_args().symbols)]
    bars = market(*(stock(symbol, seed, ROWS) for seed, symbol in enumerate(symbols)))
    print("| signal | verdict | calls | in the strategy, s | audit, s | ratio |\n|---|---|---|---|---|---|")
    for signal in (millisecond, score):
        print(timed(signal, bars), flush=True)


if __name__ == "__main__":
    main()
