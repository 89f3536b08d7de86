"""Prefect's share of a day's time: `.venv/bin/python -W ignore benchmarks/days/prefect_overhead.py`.

Each day of the sample is run three times in turn: its steps as plain functions, as the daily flow, and a bare flow of
as many tasks that do nothing, against one server on loopback. The overhead is flow less plain; its ratio to the bare
flow is what our own report, artifacts, names and logs add.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exchange.ports import BarRequest

STEPS = 8


def timed(call: Callable[[], object]) -> float:
    """Seconds that the call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Prints the medians and the ratio with its quartiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # The first two are left out: imports and the first fetch.
        rows = measured(Path(folder), given.days + 2)[2:]
    ratios = [(whole - work) / empty for work, whole, empty in rows]
    low, middle, high = statistics.quantiles(ratios, n=4)
    work, whole, empty = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"work alone {work * 1e3:.0f} ms, under Prefect {whole * 1e3:.0f} ms, bare flow {empty * 1e3:.0f} ms a day")
    print(
        f"overhead over a bare flow of {STEPS} tasks: {middle:.2f} "
        f"(quartiles {low:.2f} to {high:.2f}), {len(rows)} days"
    )


def measured(folder: Path, count: int) -> list[tuple[float, float, float]]:
    """Seconds of the newest days as plain functions, as the daily flow, and of the bare flow."""
    under = folder / "under"
    os.environ["TURBODMT_HOME"] = str(under)
    from flows.cli.prefect_run import prepare_run

    prepare_run(under)
    from prefect import flow, task

    from exchange.bars.sample import SampleBars
    from flows.config.wall_clock import clock
    from flows.daily import daily

    @task
    def nothing() -> None:
        return

    @flow
    def bare() -> None:
        for _ in range(STEPS):
            nothing()

    def under_prefect(day: date) -> None:
        daily(as_of=day, strategy="rules", home=under)

    days = sorted({stamp.date() for stamp in SampleBars().fetch(_request(clock()))["open_time"]})[-count:]
    return [
        (timed(partial(by_hand, folder / "plain", day)), timed(partial(under_prefect, day)), timed(bare))
        for day in days
    ]


def by_hand(home: Path, day: date) -> None:
    """Run the day's steps without Prefect, but for its report."""
    from exchange.bars.sample import SampleBars
    from exchange.brokers.paper import PaperBroker
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.plan import Request, plan
    from tasks.daily import order as trade
    from tasks.daily import replay_check as reconcile
    from tasks.daily import settle, signals
    from tasks.data import ingest
    from tasks.models import retrain as train
    from tasks.validation import gate as validate

    settings = load({"home": home, "strategy": "rules"})
    job = plan(settings, SampleBars(), Request(account="daily", as_of=day, clock=clock()))
    ingest.ingest(job, SampleBars)
    gate = validate.validate(job)
    settle.settle(job, PaperBroker)
    champion = train.retrain(job)
    signals.signal(job, champion, gate.barred)
    trade.trade(job, PaperBroker)
    reconcile.reconcile(job)


def _request(now: datetime) -> "BarRequest":
    from exchange.ports import BarRequest

    return BarRequest(since=dict.fromkeys(("^GSPC", "^IXIC")), until=date(2018, 12, 31), now=now)


if __name__ == "__main__":
    main()
