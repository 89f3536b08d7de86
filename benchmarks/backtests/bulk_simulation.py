"""Prints symbol-bars a second of the account in bulk, with costs, position limits and drawdown control, and peers.

    .venv/bin/python benchmarks/backtests/bulk_simulation.py

vectorbt comes with `pip install -e ".[peers]"` and is left out without it. All meet the same arrays in turn on one
thread, and CPU time counts, so that what else runs on the machine does not. The
account clips its targets, and `simulate` reports exposures and turnover besides the equity; vectorbt's
`Portfolio.from_orders` trades the clipped targets with the same fees and no drawdown control; the NumPy pass is one
expression that reads the same arrays, about what memory allows. A second account has a band of rebalancing and other
rates each day; vectorbt is given the orders that it sent, and neither decides them nor charges interest.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from strategy.account.interest_rates import RateArrays
from strategy.kernel.simulate import AccountMarket, flat_rates, kernel_inputs, rule_of, run, simulate
from strategy.market.bars import FloatArray
from strategy.portfolio.sizing import SizingParams

FEE = 0.001
CAP = 1.0
BAND = 0.0025


def drawn(T: int, N: int) -> tuple[FloatArray, AccountMarket]:
    """Wanted exposures and a market of one symbol on N paths, from a fixed seed."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (T, 1, N)), axis=0))
    market = AccountMarket(
        open=close * np.exp(rng.normal(0, 0.003, close.shape)),
        close=close,
        tradable=np.ones(close.shape, np.bool_),
        days=np.ones((T, N)),
        cost=np.full((1, N), FEE),
        rates=flat_rates(0.05, T),
        drawdown=np.zeros(N),
    )
    return rng.uniform(-1.0, 1.5, close.shape), market


def dated_rates(T: int) -> RateArrays:
    """Rates of interest that move from day to day."""
    risk_free = 0.02 + 0.01 * np.sin(np.arange(T) / 250)
    return RateArrays(borrow=risk_free + 0.015, cash=risk_free - 0.005, short=np.full(T, 0.005), risk_free=risk_free)


def vectorbt_same_orders(wanted: FloatArray, market: AccountMarket, params: SizingParams) -> Callable[[], Any]:
    """vectorbt on the orders that the account sent, one asset a column; its cash is enough for each of them."""
    import vectorbt

    ledger = run(kernel_inputs(wanted, market), rule_of(params), 1)
    orders = np.diff(ledger.held[:, 0], axis=0, prepend=0.0)
    size = np.where(orders == 0.0, np.nan, orders)
    close, price = pd.DataFrame(market.close[:, 0]), market.open[:, 0]

    def work() -> Any:
        portfolio = vectorbt.Portfolio.from_orders(close, size=size, price=price, fees=FEE, init_cash=1000.0)
        return portfolio.value()

    return work


def vectorbt_run(wanted: FloatArray, market: AccountMarket) -> Callable[[], Any]:
    """vectorbt on the same targets, one asset a column, each with cash of its own."""
    import vectorbt

    size, price = np.clip(wanted[:, 0], -CAP, CAP), market.open[:, 0]
    close = pd.DataFrame(market.close[:, 0])
    # A target is decided at the close before the open that fills it.
    decided = np.concatenate([np.full((1, size.shape[1]), np.nan), size[:-1]])

    def work() -> Any:
        portfolio = vectorbt.Portfolio.from_orders(
            close, size=decided, size_type="targetpercent", price=price, fees=FEE, init_cash=1.0
        )
        return portfolio.value()

    return work


def cpu_seconds(work: Callable[[], object]) -> float:
    """The CPU time of the work, done twice in a row: the first pays for memory that others gave back."""
    work()
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Prints medians of runs in turn, and of their ratios to `simulate`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2520)
    parser.add_argument("--paths", type=int, default=512)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    wanted, market = drawn(options.bars, options.paths)
    params = SizingParams(rebalance_band=0.0)
    dated, banded = replace(market, rates=dated_rates(options.bars)), SizingParams(rebalance_band=BAND)
    clipped = np.clip(wanted, -CAP, CAP)
    inputs, rule = kernel_inputs(clipped, market), rule_of(params)
    plain, full = "account, simulate", "account, band and dated rates"
    works: dict[str, Callable[[], object]] = {
        plain: lambda: simulate(np.clip(wanted, -CAP, CAP), market, params),
        full: lambda: simulate(np.clip(wanted, -CAP, CAP), dated, banded),
        "account, kernel alone": lambda: run(inputs, rule, 1),
        "NumPy, one expression": lambda: wanted * market.open + market.close * market.days[:, None],
    }
    try:
        works["vectorbt, from_orders"] = vectorbt_run(wanted, market)
        works["vectorbt, orders of the band"] = vectorbt_same_orders(clipped, dated, banded)
    except ImportError:
        print("vectorbt is not installed; see the extra `peers`")
    warnings.simplefilter("ignore")
    for work in works.values():
        work()
    taken = [{name: cpu_seconds(work) for name, work in works.items()} for _ in range(options.runs)]
    owns = (plain, full, "account, kernel alone")
    print(f"{options.paths} paths x {options.bars} bars, medians of {options.runs}; then times as long as the account")
    print(f"{'':30}{'M symbol-bars/s':>16}{'simulate':>14}{'with band':>14}{'kernel alone':>14}")
    for name in works:
        rate = wanted.size / statistics.median(figures[name] for figures in taken) / 1e6
        ratios = [statistics.median(figures[name] / figures[own] for figures in taken) for own in owns]
        print(f"{name:30}{rate:16.1f}" + "".join(f"{ratio:14.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
