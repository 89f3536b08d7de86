"""Prints bars a second of one exact backtest and of backtesting.py given the same orders, as a ratio of paired runs.

    .venv/bin/python benchmarks/backtests/exact_backtest.py

The peer comes with `pip install -e ".[peers]"` and is left out without it. Ours decides, orders, fills and marks in
Decimal, day by day, and is timed with its metrics; the peer gets the orders ready made, trades in float at the same
opens with the same cost, and is timed with its statistics.
"""

import argparse
import gc
import io
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from strategy.account.fees_and_slippage import Costs
from strategy.account.interest_rates import flat
from strategy.account.quotes import quotes_by_date
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import Replay, turnovers
from strategy.backtest.replay import replay
from strategy.builtin.registry import RULES
from strategy.evaluation.metrics import metrics
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar, Instrument
from strategy.market.session_dates import account_dates
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from testing.markets.panels import stock

#: So much money that whole units follow the targets closely: the peer knows no fractions of one.
CAPITAL = Decimal(1_000_000_000)
COST_BPS = Decimal(2)


def ours(bars: Bars, count: int) -> Callable[[], Replay]:
    """The exact backtest of the rules over the last `count` bars, estimates ready."""
    instruments = {bars.symbol: Instrument(symbol=bars.symbol, calendar=Calendar.WEEKDAYS, lot=Decimal(1))}
    config = AccountConfig(
        strategy=RULES,
        symbols=(bars.symbol,),
        sizing=SizingParams(),
        limits=RiskLimits(),
        terms=TradingTerms(
            account="bench",
            instruments=instruments,
            costs=Costs(fee_bps=COST_BPS, slippage_bps=Decimal(0), financing=flat(Decimal(0))),
        ),
    )
    known = {bars.symbol: bars}
    view = aligned_signals(symbol_signals(known, {bars.symbol: Calendar.WEEKDAYS}, RULES), config.symbols)
    dates = account_dates(known)[-count:]

    def run() -> Replay:
        replayed = replay(view, quotes_by_date(known, dates[0], dates[-1]), dates, CAPITAL, config)
        metrics([float(snapshot.equity) for snapshot in replayed.snapshots], turnovers(replayed), 252)
        return replayed

    return run


def theirs(bars: Bars, replayed: Replay) -> Callable[[], Any]:
    """backtesting.py over the same bars, which is told at each close what ours ordered there."""
    from backtesting import Backtest
    from backtesting import Strategy as Rule

    dates = [snapshot.account.as_of for snapshot in replayed.snapshots]
    # The peer asks its strategy from the second row on, so the first day is its second row.
    kept = bars.rows(len(bars) - len(dates) - 1, len(bars))
    columns = {"Open": kept.open, "High": kept.high, "Low": kept.low, "Close": kept.close, "Volume": kept.volume}
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(kept.open_time)).fillna({"Volume": 0.0})
    place = {day: number for number, day in enumerate(dates, start=1)}
    wanted = np.zeros(len(dates) + 1)
    for order in replayed.orders:
        wanted[place[order.as_of]] = float(order.signed_quantity)

    class Handed(Rule):  # type: ignore[misc]
        def init(self) -> None:
            """Nothing to estimate."""

        def next(self) -> None:
            size = wanted[len(self.data) - 1]
            if size > 0:
                self.buy(size=size)
            elif size < 0:
                self.sell(size=-size)

    test = Backtest(frame, Handed, cash=float(CAPITAL), commission=float(COST_BPS) / 1e4, margin=0.1)
    run: Callable[[], Any] = test.run
    return run


def seconds(work: Callable[[], object]) -> float:
    """The CPU time of the work, so that what else runs on the machine is not counted."""
    started = time.process_time()
    # The peer's progress bar.
    with redirect_stderr(io.StringIO()):
        work()
    return time.process_time() - started


def main() -> None:
    """Prints the medians of paired runs, and how close the two end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2520)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    bars = stock("A", 3, options.bars + 260)
    exact = ours(bars, options.bars)
    replayed = exact()
    print(f"{options.bars} bars, {len(replayed.fills)} fills")
    try:
        peer = theirs(bars, replayed)
    except ImportError:
        print(f"exact: {options.bars / statistics.median(seconds(exact) for _ in range(options.runs)):,.0f} bars/s")
        print("backtesting.py is not installed; see the extra `peers`")
        return
    with redirect_stderr(io.StringIO()):
        theirs_found = peer()
    final = float(theirs_found["Equity Final [$]"]) / float(replayed.snapshots[-1].equity)
    # Neither pays for searching what the other has imported.
    gc.collect()
    gc.freeze()
    pairs = [(seconds(exact), seconds(peer)) for _ in range(options.runs)]
    for name, taken in zip(("exact, Decimal", "backtesting.py"), zip(*pairs, strict=True), strict=True):
        print(f"{name:16} {options.bars / statistics.median(taken):10,.0f} bars/s (median of {options.runs})")
    ratios = sorted(peer_s / exact_s for exact_s, peer_s in pairs)
    print(f"exact / backtesting.py: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"final equity, backtesting.py / exact: {final:.6f}")


if __name__ == "__main__":
    main()
