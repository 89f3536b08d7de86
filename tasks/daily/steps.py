"""The steps of a day by name, as plain functions; `tasks.prefect_tasks` has them as Prefect tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from exchange.ports import BarSource, Broker
from strategy.account.orders import Order
from tasks.daily.order import trade
from tasks.daily.replay_check import Reconciliation, reconcile
from tasks.daily.report import report
from tasks.daily.settle import Settled, settle
from tasks.daily.signals import signal
from tasks.data.ingest import ingest
from tasks.models.retrain import Champion, retrain
from tasks.run.job import Job
from tasks.run.runs import Findings
from tasks.strategies.audit_gate import audit
from tasks.validation.gate import Gate, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySteps:
    """The steps of a day, each idempotent for its day."""

    ingest: Callable[[Job, Callable[[], BarSource]], dict[str, int]] = ingest
    validate: Callable[[Job], Gate] = validate
    settle: Callable[[Job, Callable[[datetime], Broker], Mapping[str, str]], Settled] = settle
    audit: Callable[[Job], None] = audit
    retrain: Callable[[Job], Champion] = retrain
    signal: Callable[[Job, Champion, Mapping[str, str], Mapping[str, str]], tuple[str, ...]] = signal
    order: Callable[[Job, Callable[[datetime], Broker]], tuple[Order, ...]] = trade
    reconcile: Callable[[Job], Reconciliation] = reconcile
    report: Callable[[Job, Champion, Gate, Reconciliation | None], Findings] = report
