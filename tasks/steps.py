"""The steps as Prefect tasks: the one place where it learns of them, so that everything else runs without it.

Prefect's cache is off: each step has effects and is idempotent by the keys of its rows.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

import tasks.backfill
import tasks.ingest
import tasks.inspected
import tasks.reconcile
import tasks.report
import tasks.settle
import tasks.signals
import tasks.trade
import tasks.train

P = ParamSpec("P")
R = TypeVar("R")


def step(function: Callable[P, R], name: str) -> Task[P, R]:
    """The function as a Prefect task of that name."""
    return task(name=name, task_run_name=name, cache_policy=NO_CACHE)(function)


ingest = step(tasks.ingest.ingest, "ingest")
validate = step(tasks.inspected.validate, "validate")
inspect_past = step(tasks.inspected.inspect_past, "validate")
settle = step(tasks.settle.settle, "settle")
retrain = step(tasks.train.retrain, "retrain if due")
signal = step(tasks.signals.signal, "signal")
order = step(tasks.trade.trade, "order")
reconcile = step(tasks.reconcile.reconcile, "reconcile")
report = step(tasks.report.report, "report")
train = step(tasks.train.train_now, "train")
fill = step(tasks.backfill.fill, "fill")
