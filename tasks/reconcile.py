"""Reconcile: the day is replayed through the backtest path and must give what the ledger holds."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from prefect import task
from prefect.cache_policies import NO_CACHE

from storage import ledger
from storage.database import Connection, connect
from strategy.backtest import settle_day
from strategy.decision import Mandate
from strategy.orders import Order, OrderState
from tasks.forecast import forecaster
from tasks.job import Job
from tasks.signals import judge_day, settled_standing
from tasks.standing import mandate_of, quotes_since, standing_at
from tasks.trade import planned_orders

log = logging.getLogger(__name__)

#: Largest difference of equity, as a fraction of it, between the paper account and the replayed day.
TOLERANCE = 1e-9


class ReconciliationFailed(Exception):
    """The ledger does not hold what the backtest path gives (exit 7)."""


@task(name="reconcile", task_run_name="reconcile", cache_policy=NO_CACHE)
def reconcile(job: Job, held_back: Mapping[str, str]) -> float:
    """The difference of equity between ledger and replayed day, as a fraction of it; decisions and orders are equal.

    Raises ReconciliationFailed, with both sides in the message.
    """
    with connect(job.home) as store:
        provenance = ledger.provenance_on(store, job.account, job.as_of)
    model_id = provenance.model_id if provenance else None
    model = forecaster(job.home, model_id)
    with connect(job.home) as store:
        mandate = mandate_of(store, job)
        difference = _equity_difference(store, job, mandate)
        standing = settled_standing(store, job)
        replayed = judge_day(store, job, (standing, mandate), model, held_back).decisions
        decisions = ledger.decisions_on(store, job.account, job.as_of)
        planned = planned_orders(store, job, (standing, mandate), replayed)
        orders = ledger.orders_on(store, job.account, job.as_of)
    if replayed != decisions:
        wrong = next(
            (pair for pair in zip(replayed, decisions, strict=False) if pair[0] != pair[1]), (replayed, decisions)
        )
        raise ReconciliationFailed(
            f"on {job.as_of} the replay decides {wrong[0]} where the ledger has {wrong[1]}; {REMEDY}"
        )
    if _sent(planned) != _sent(orders):
        raise ReconciliationFailed(
            f"on {job.as_of} the replay orders {planned} where the ledger has {orders}; {REMEDY}"
        )
    log.info("The replayed day differs from the ledger by %g of equity.", difference)
    return difference


REMEDY = "no figure of this day can be trusted: check whether its bars or the code changed since it was decided"


def _equity_difference(store: Connection, job: Job, mandate: Mandate) -> float:
    before = standing_at(store, job, job.as_of - timedelta(days=1))
    if before is None:
        return 0.0
    settled = settled_standing(store, job).snapshot
    quotes = quotes_since(store, job, before)
    replayed = settle_day(before, quotes.on(job.as_of), job.as_of, mandate).standing.snapshot
    gap = abs(replayed.equity - settled.equity)
    difference = float(gap / abs(settled.equity)) if settled.equity else float(gap > Decimal(0))
    if difference > TOLERANCE:
        raise ReconciliationFailed(
            f"on {job.as_of} the replay gives an equity of {replayed.equity} where the ledger has {settled.equity}, "
            f"a difference of {difference:.3g} of it, above {TOLERANCE:g}; {REMEDY}"
        )
    return difference


def _sent(orders: tuple[Order, ...]) -> list[Order]:
    """The orders as they were decided, whatever became of them."""
    return sorted(
        (replace(order, state=OrderState.INTENDED, reason="") for order in orders), key=lambda order: order.order_id
    )
