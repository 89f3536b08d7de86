"""Replay check: the day is replayed through the backtest path and must equal the ledger."""

import logging
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from strategy.account.orders import Order, OrderState
from strategy.backtest.day_loop import settle_day
from strategy.exit_codes import Exit
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import Status, as_decided
from tasks.daily.account_days import next_day
from tasks.daily.account_state import account_config, quotes_since, state_at
from tasks.daily.order import planned_orders
from tasks.daily.restatement import restated
from tasks.daily.signals import judge_day, settled_state
from tasks.models.load import forecaster
from tasks.run.job import PAPER, Job

log = logging.getLogger(__name__)

#: Largest difference between the equity of the paper account and that of the replayed day, as a fraction.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The result of a replay check: both equities, their difference as a fraction, and the numbers of equal rows.

    `shortfall` is what the equity lacks, as a fraction, against orders filled by the paper rule; None where they were.
    """

    as_of: date
    equity: Decimal
    replayed: Decimal
    difference: float
    decisions: int
    orders: int
    shortfall: float | None = None


class ReconciliationFailed(Exception):
    """A ledger that differs from its replay through the backtest path (exit 7)."""

    exit_code = Exit.RECONCILIATION


def reconcile(job: Job) -> Reconciliation:
    """Replay the day and compare: equities must differ by at most TOLERANCE, decisions and orders not at all.

    Symbols held back when the day was decided are held back in the replay, whatever a later run of the day finds.
    Raises ReconciliationFailed, with both sides in the message.
    """
    with connect(job.home) as store:
        provenance = ledger.provenance_on(store, job.account, job.as_of)
    model_id = provenance.model_id if provenance else None
    model = forecaster(job.home, job.policy.strategy, model_id)
    with connect(job.home) as store:
        config = account_config(store, job)
        equity, again, shortfall = _equities(store, job, config)
        state = settled_state(store, job)
        decisions = ledger.decisions_on(store, job.account, job.as_of)
        held_back = {
            decision.symbol: decision.reason for decision in decisions if decision.status is Status.QUARANTINED
        }
        replayed = judge_day(store, job, (state, as_decided(config, decisions)), model, held_back).decisions
        planned = planned_orders(store, job, (state, config), replayed)
        orders = order_store.orders_on(store, job.account, job.as_of)
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
    found = Reconciliation(
        as_of=job.as_of,
        equity=equity,
        replayed=again,
        difference=_gap(equity, again),
        decisions=len(decisions),
        orders=len(orders),
        shortfall=shortfall,
    )
    log.info("The replayed day differs from the ledger by %g of equity.", found.difference)
    return found


REMEDY = "no figure of this day can be trusted: check whether its bars or the code changed since it was decided"


def _equities(store: Connection, job: Job, config: AccountConfig) -> tuple[Decimal, Decimal, float | None]:
    """Return the ledger's equity, the replayed one, and the shortfall against paper fills at an external broker."""
    settled = settled_state(store, job).snapshot
    before = state_at(store, job, job.as_of - timedelta(days=1))
    if before is None:
        return settled.equity, settled.equity, None
    quotes = quotes_since(store, job, before, config.terms).on(job.as_of)
    replayed = next_day(store, job, (before, config), quotes, job.as_of).state.snapshot
    difference = _gap(settled.equity, replayed.equity)
    if difference > TOLERANCE:
        raise ReconciliationFailed(
            f"on {job.as_of} the replay gives an equity of {replayed.equity} where the ledger has {settled.equity}, "
            f"a difference of {difference:.3g} of it, above {TOLERANCE:g}; {REMEDY}"
        )
    if job.broker == PAPER:
        return settled.equity, replayed.equity, None
    paper = settle_day(restated(store, job, before).state, quotes, job.as_of, config).state.snapshot.equity
    return settled.equity, replayed.equity, float((paper - settled.equity) / paper) if paper else None


def _gap(equity: Decimal, other: Decimal) -> float:
    """Return the difference as a fraction of the first; 1 for any difference from zero."""
    gap = abs(other - equity)
    return float(gap / abs(equity)) if equity else float(gap > Decimal(0))


def _sent(orders: tuple[Order, ...]) -> dict[str, Order]:
    """Return the orders as they were decided, by symbol, whatever became of them and however often they were sent."""
    return {
        order.symbol: replace(order, order_id="", state=OrderState.INTENDED, reason="", code=None) for order in orders
    }
