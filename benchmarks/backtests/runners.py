"""Prints how long sweeps and trainings take with each runner, as ratios of paired runs.

    .venv/bin/python benchmarks/backtests/runners.py

`local 1` and `local 2` are processes of this machine with one thread each, `dask 2` two such workers of a Dask cluster
on it, which the extra `scale` brings. The time of a map holds the start of local processes; Dask's workers stand by.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.studies.markets import mandate, sample
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import TURBO
from strategy.kernel.grid import CHUNK_POINTS, Point
from strategy.kernel.grid_accounts import sweep_panel
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar
from strategy.networks.transformer import NetworkShape
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.sizing import SizingParams
from strategy.training.fit import fitted
from strategy.training.settings import TrainingSettings
from tasks.backtest.sweep_chunks import Work, accounts
from tasks.parallel.dask_cluster import DaskCluster
from tasks.parallel.processes import Processes
from tasks.parallel.runner import Runner
from testing.markets.panels import mandate as mandate_of
from testing.markets.panels import walk


def swept(chunks: int) -> Callable[[Runner], object]:
    """A sweep of so many full chunks of points on one panel."""
    bars = {"A": walk("A", 1, 4540)}
    panel = sweep_panel(bars, mandate_of(bars).terms.instruments, TURBO, np.datetime64("2010-09-18", "us"))
    aims = [SizingParams(target_annual_vol=0.0001 * number) for number in range(1, 1 + CHUNK_POINTS * chunks)]
    made = [Point(symbols=("A",), strategy=TURBO, sizing=aim, costs=Costs()) for aim in aims]
    work = [Work(panel=panel, points=tuple(made[at : at + CHUNK_POINTS])) for at in range(0, len(made), CHUNK_POINTS)]
    return partial(accounts, work)


def trained(folds: int, steps: int) -> Callable[[Runner], object]:
    """So many trainings of one member on the sample, each from a seed of its own; none stops early: all last alike."""
    bars = sample()
    settings = replace(TrainingSettings(), steps=steps, patience_steps=steps, members=1, threads=1)
    shared = Training(bars=bars, config=mandate(bars, Calendar.XNYS), settings=settings)
    return lambda run: list(run.map(one_training, range(folds), shared))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """Shared by the trainings: all but their seeds."""

    bars: Mapping[str, Bars]
    config: AccountConfig
    settings: TrainingSettings


def one_training(shared: Training, seed: int) -> float:
    """The Sharpe ratio on the early-stopping dates."""
    found = fitted(shared.bars, shared.config, NetworkShape(), replace(shared.settings, seed=seed))
    return found.members[0].stop_sharpe


@contextmanager
def runners() -> Iterator[dict[str, Runner]]:
    """The runners by name."""
    local: dict[str, Runner] = {"local 1": Processes(workers=1), "local 2": Processes(workers=2)}
    try:
        from distributed import LocalCluster
    except ImportError:
        print("Dask is not installed; see the extra `scale`")
        yield local
        return
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield {**local, "dask 2": DaskCluster(address=cluster.scheduler_address)}


def main() -> None:
    """Prints the seconds of each, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=400)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    works = {
        f"sweep of {given.chunks * CHUNK_POINTS:,} points": swept(given.chunks),
        f"{given.folds} trainings": trained(given.folds, given.steps),
    }
    with runners() as known:
        for what, work in works.items():
            print(what)
            taken: dict[str, list[float]] = {name: [] for name in known}
            for _ in range(given.runs):
                for name, run in known.items():
                    begun_s = time.perf_counter()
                    work(run)
                    taken[name].append(time.perf_counter() - begun_s)
            for name, seconds in taken.items():
                ratios = [one / own for one, own in zip(taken["local 1"], seconds, strict=True)]
                print(
                    f"  {name:8} {statistics.median(seconds):7.2f} s, {statistics.median(ratios):.2f} times local 1 "
                    f"({min(ratios):.2f} to {max(ratios):.2f})"
                )


if __name__ == "__main__":
    main()
