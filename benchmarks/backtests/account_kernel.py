"""Prints symbol-bars a second of the account kernel and its peers.

    .venv/bin/python benchmarks/backtests/account_kernel.py

With `--band 0.02` the accounts trade within a rebalance band, at rates that change every row. With `--cpu`
the processor's time counts, so that what else runs on the machine does not. The peers, which have
neither, meet the same arrays in the same run: one NumPy expression over all of them (about what memory allows), a
plain numba loop over one path after the other, and the plain torch loop of the tests, which is spared a look-back that
slides.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from strategy.account.interest_rates import RateArrays
from strategy.kernel.autograd import account
from strategy.kernel.simulate import AccountMarket, flat_rates, kernel_inputs, rule_of, run, simulate
from strategy.portfolio.sizing import SizingParams
from testing.accounts.torch_scan import scanned

FloatArray = NDArray[np.float64]


def drawn(T: int, S: int, N: int, rates: RateArrays) -> tuple[FloatArray, AccountMarket]:
    """Targets and a market without gaps in its sessions, from a fixed seed."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (T, S, N)), axis=0))
    market = AccountMarket(
        open=close * np.exp(rng.normal(0, 0.003, close.shape)),
        close=close,
        tradable=np.ones(close.shape, np.bool_),
        days=np.ones(T),
        cost=np.full((S, N), 0.001),
        rates=rates,
        drawdown=np.zeros(N),
    )
    return rng.uniform(-1.0, 1.5, close.shape) / S, market


def dated_rates(rows: int) -> RateArrays:
    """Rates of 0 to 5 % that change every row, with spreads."""
    yearly = np.random.default_rng(1).uniform(0.0, 0.05, rows)
    return RateArrays(
        borrow=yearly + 0.015, cash=np.maximum(yearly - 0.005, 0.0), short=np.full(rows, 0.005), risk_free=yearly
    )


@njit(error_model="numpy")
def plain(target: FloatArray, opens: FloatArray, close: FloatArray, days: FloatArray, equities: FloatArray) -> None:
    """The account of one symbol path by path, arrays (N, T), with the costs of `drawn` and a peak that never ages."""
    for n in range(target.shape[0]):
        equity, peak, held, wanted = 1.0, 1.0, 0.0, 0.0
        for t in range(target.shape[1]):
            if t > 0:
                value = held * close[n, t - 1]
                borrowed = max(max(value, 0.0) - equity, 0.0) + max(-value, 0.0)
                gain = held * (opens[n, t] - close[n, t - 1]) + wanted * (close[n, t] - opens[n, t])
                cost = 0.001 * abs(wanted - held) * opens[n, t]
                equity += gain - cost - 0.05 / 365.0 * days[n, t] * borrowed
                held = wanted
            peak = max(peak, equity)
            depth = min(max(5.0 * (1.0 - equity / peak - 0.1), 0.0), 0.75)
            wanted = target[n, t] * (1.0 - depth) * equity / close[n, t] if equity > 0.0 else 0.0
            equities[n, t] = equity


def seconds(work: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """The shortest of some runs by the clock, after one that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        started = clock()
        work()
        taken.append(clock() - started)
    return min(taken)


def main() -> None:
    """Prints compile times, then million symbol-bars a second and the ratio to the kernel's forward pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2520)
    parser.add_argument("--symbols", type=int, default=1)
    parser.add_argument("--paths", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--band", type=float, default=0.0)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    rates_of = dated_rates if options.band else partial(flat_rates, 0.05)
    target, market = drawn(options.bars, options.symbols, options.paths, rates_of(options.bars))
    params = SizingParams(rebalance_band=options.band, max_position_size=2.0)
    inputs = kernel_inputs(target, market)
    wanted = torch.from_numpy(target).requires_grad_()

    def follow(threads: int) -> None:
        with torch.no_grad():
            account(wanted, market, params, threads)

    def learn(follower: Callable[..., torch.Tensor]) -> None:
        wanted.grad = None
        follower(wanted, market, params).sum().backward()  # type: ignore[no-untyped-call]

    started = time.process_time()
    follow(1)
    compiled = time.process_time()
    learn(account)
    print(f"compilation, CPU seconds: forward {compiled - started:.1f}, backward {time.process_time() - compiled:.1f}")
    works: dict[str, Callable[[], object]] = {
        "kernel, forward": lambda: follow(1),
        "kernel, forward, 2 threads": lambda: follow(2),
        "kernel, forward pass alone": lambda: run(inputs, rule_of(params), 1),
        "kernel, simulate": lambda: simulate(target, market, params),
        "kernel, forward and backward": lambda: learn(account),
        "NumPy, one expression": lambda: target * market.open + market.close * market.days[:, None, None],
    }
    if options.symbols == 1:
        rows = [np.ascontiguousarray(values[:, 0].T) for values in (target, market.open, market.close)]
        equities, days = np.empty_like(rows[0]), np.ones((options.paths, options.bars))
        works["plain numba loop, forward"] = lambda: plain(*rows, days, equities)  # type: ignore[call-arg]
    rates = {name: target.size / seconds(work, options.repeats, clock) / 1e6 for name, work in works.items()}
    bars = min(options.bars, params.lookback_period - 1)
    short, least = drawn(bars, options.symbols, options.paths, rates_of(bars))
    wanted, market = torch.from_numpy(short).requires_grad_(), least
    rates[f"torch loop on {bars} bars, both"] = short.size / seconds(lambda: learn(scanned), 1) / 1e6
    print(f"{options.paths} paths x {options.symbols} symbols x {options.bars} bars    M symbol-bars/s    ratio")
    for name, rate in rates.items():
        print(f"{name:40} {rate:15.2f} {rate / rates['kernel, forward']:10.4f}")


if __name__ == "__main__":
    main()
