"""Prints symbol-bars a second of the exact account from plain records and value by value, as ratios of paired runs.

    .venv/bin/python benchmarks/backtests/plain_records.py

Both give the same digits, which is checked first. Signals and quotes are ready; the decisions before the account, all
days, and the curve of the equity are timed. With `--bars N --symbols N` other sizes; time is that of the processor.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from strategy.account.quotes import quotes_by_date
from strategy.backtest.day_loop import Leg, Replay
from strategy.backtest.replay import replay_by_day, replay_legs
from strategy.builtin.registry import HOLD, RULES, VOL_TARGET
from strategy.market.session_dates import account_dates
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from testing.markets.panels import mandate, stock

#: Bars before the first that is traded: what the rules need.
HISTORY = 260
CAPITAL = Decimal(1_000_000)
#: What is compared, with its rebalance band as a multiple of an equal share of the capital.
CASES = {"rules, no band": (RULES, 0.0), "vol-target, a band": (VOL_TARGET, 0.05), "hold": (HOLD, 0.0)}

Account = Callable[[], Replay]


def accounts(strategy: Strategy, bars: int, symbols: int, band: float) -> tuple[Account, Account]:
    """The account value by value, and from plain records."""
    known = {f"S{number:03}": stock(f"S{number:03}", number, bars + HISTORY) for number in range(symbols)}
    rules = mandate(known)
    config = replace(rules, strategy=strategy, sizing=replace(rules.sizing, rebalance_band=band / symbols))
    calendars = {symbol: instrument.calendar for symbol, instrument in config.terms.instruments.items()}
    dates = account_dates(known)[-bars:]
    quotes = quotes_by_date(known, dates[0], dates[-1])
    view = aligned_signals(symbol_signals(known, calendars, strategy), config.symbols)
    legs = [Leg(view=view, dates=dates, config=config)]
    return lambda: replay_by_day(legs, quotes, CAPITAL), lambda: replay_legs(legs, quotes, CAPITAL)


def seconds(work: Account) -> float:
    """The processor time of the work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Prints the medians of paired runs of each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2520)
    parser.add_argument("--symbols", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    amount = options.bars * options.symbols
    for name, (strategy, band) in CASES.items():
        by_value, plain = accounts(strategy, options.bars, options.symbols, band)
        replayed = plain()
        assert replayed == by_value(), "both are the same account"
        pairs = [(seconds(by_value), seconds(plain)) for _ in range(options.runs)]
        ratios = sorted(slow / quick for slow, quick in pairs)
        slow, quick = (amount / statistics.median(each) for each in zip(*pairs, strict=True))
        print(
            f"{name:20}{options.symbols} x {options.bars}, {len(replayed.fills):,} fills: {quick:9,.0f} symbol-bars/s, "
            f"by value {slow:8,.0f}: {statistics.median(ratios):.1f} times ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )


if __name__ == "__main__":
    main()
