"""The steps as Prefect tasks: the one place where it learns of them, so that everything else runs without it.

Prefect's cache is off: each step has effects and is idempotent by the keys of its rows.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

import tasks.artifacts.report
import tasks.artifacts.validate
import tasks.backfill.run
import tasks.daily.order
import tasks.daily.replay_check
import tasks.daily.settle
import tasks.daily.signals
import tasks.data.ingest
import tasks.models.retrain
import tasks.strategies.audit_gate
from tasks.daily.steps import DaySteps

P = ParamSpec("P")
R = TypeVar("R")


def step(function: Callable[P, R], name: str) -> Task[P, R]:
    """The function as a Prefect task of that name."""
    return task(name=name, task_run_name=name, cache_policy=NO_CACHE)(function)


ingest = step(tasks.data.ingest.ingest, "ingest")
validate = step(tasks.artifacts.validate.validate, "validate")
inspect_past = step(tasks.artifacts.validate.inspect_past, "validate")
settle = step(tasks.daily.settle.settle, "settle")
audit = step(tasks.strategies.audit_gate.audit, "audit strategy")
retrain = step(tasks.models.retrain.retrain, "retrain if due")
signal = step(tasks.daily.signals.signal, "signal")
order = step(tasks.daily.order.trade, "order")
reconcile = step(tasks.daily.replay_check.reconcile, "reconcile")
report = step(tasks.artifacts.report.report, "report")
train = step(tasks.models.retrain.train_now, "train")
fill = step(tasks.backfill.run.fill, "fill")

#: The steps of a day as tasks.
AS_TASKS = DaySteps(
    ingest=ingest,
    validate=validate,
    settle=settle,
    audit=audit,
    retrain=retrain,
    signal=signal,
    order=order,
    reconcile=reconcile,
    report=report,
)
