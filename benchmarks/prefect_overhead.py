"""What Prefect costs a day on top of its work: `.venv/bin/python -W ignore benchmarks/prefect_overhead.py`.

Each day of the sample is run three times in turn: its steps as plain functions, as the daily flow, and a bare flow of
as many tasks that do nothing, against one server on loopback. The overhead is flow less plain; its ratio to the bare
flow is what our own report, artifacts, names and logs add.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
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
        plain, under = Path(folder) / "plain", Path(folder) / "under"
        os.environ["TURBODMT_HOME"] = str(under)
        from flows.commands import prepare_run

        prepare_run(under)
        from prefect import flow, task

        from exchange.paper import PaperBroker
        from exchange.sample import SampleBars
        from flows.daily import daily
        from flows.plan import Request, plan
        from flows.settings import load
        from flows.wall_clock import clock
        from strategy.signals import Strategy
        from tasks import ingest, reconcile, settle, signals, trade, train, validate

        @task
        def nothing() -> None:
            return

        @flow
        def bare() -> None:
            for _ in range(STEPS):
                nothing()

        def by_hand(day: date) -> None:
            settings = load({"home": plain, "strategy": Strategy.RULES})
            job = plan(settings, SampleBars(), Request(account="daily", as_of=day, clock=clock()))
            ingest.ingest(job, SampleBars)
            gate = validate.validate(job)
            settle.settle(job, PaperBroker)
            champion = train.retrain(job)
            signals.signal(job, champion, gate.barred)
            trade.trade(job, PaperBroker)
            reconcile.reconcile(job, gate.barred)

        source = SampleBars()
        frame = source.fetch(_request(clock()))
        days = sorted({stamp.date() for stamp in frame["open_time"]})[-given.days - 2 :]
        rows = []
        for day in days:
            work = timed(lambda day=day: by_hand(day))
            whole = timed(lambda day=day: json.loads(daily(as_of=day, strategy=Strategy.RULES, home=under)))
            rows.append((work, whole, timed(bare)))
        rows = rows[2:]  # imports and the first fetch
    ratios = [(whole - work) / empty for work, whole, empty in rows]
    low, middle, high = statistics.quantiles(ratios, n=4)
    work, whole, empty = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"work alone {work * 1e3:.0f} ms, under Prefect {whole * 1e3:.0f} ms, bare flow {empty * 1e3:.0f} ms a day")
    print(
        f"overhead over a bare flow of {STEPS} tasks: {middle:.2f} "
        f"(quartiles {low:.2f} to {high:.2f}), {len(rows)} days"
    )


def _request(now: datetime) -> "BarRequest":
    from exchange.ports import BarRequest

    return BarRequest(since=dict.fromkeys(("^GSPC", "^IXIC")), until=date(2018, 12, 31), now=now)


if __name__ == "__main__":
    main()
