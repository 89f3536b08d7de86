"""Replay check: the day is replayed through the backtest path and must equal the ledger."""

import logging
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger.row_codec import DayPass
from strategy.account.orders import Order, OrderState
from strategy.backtest.day_loop import AccountState, settle_day
from strategy.exit_codes import Exit
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import Decision, Status, as_decided
from strategy.portfolio.flattening import flattened, is_flattened, unsold
from strategy.signals.forecaster import Forecaster
from tasks.daily.account_days import late_day, next_day
from tasks.daily.account_state import account_config, late_quotes_of, quotes_since, state_at
from tasks.daily.order import planned_orders
from tasks.daily.restatement import restated
from tasks.daily.signals import judge_day, settled_state
from tasks.models.load import forecaster
from tasks.run.job import PAPER, Job
from tasks.run.passes import sight_of

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
    """Replay the day's passes and compare: equities must differ by at most TOLERANCE, decisions and orders not at all.

    Each pass starts from what the ledger has of the one before. Symbols held back when it was decided are held back in
    the replay, whatever a later run of the day finds. An earlier pass whose bars were revised since is not replayed.
    Raises ReconciliationFailed, with both sides in the message.
    """
    with connect(job.home) as store:
        provenance = ledger.provenance_on(store, job.account, job.as_of)
        passes = ledger.passes_on(store, job.account, job.as_of)
    model_id = provenance.model_id if provenance else None
    model = forecaster(job.home, job.policy.strategy, model_id)
    planned: tuple[Order, ...] = ()
    with connect(job.home) as store:
        config = account_config(store, job)
        for day_pass in passes:
            decided = ledger.decisions_in(store, job.account, job.as_of, day_pass.number)
            replayed, unrevised = _replayed(store, job, (config, model), day_pass, decided)
            if unrevised or day_pass is passes[-1]:
                equity, again, shortfall = _equities(store, job, config, day_pass)
                _demand_same_decisions(job, replayed, decided)
            else:
                log.warning("Pass %d of %s is not replayed: its bars were revised since.", day_pass.number, job.as_of)
            state = settled_state(store, job, day_pass.number)
            planned += planned_orders(store, job, (state, config), decided)
        decisions = ledger.decisions_on(store, job.account, job.as_of)
        orders = order_store.orders_on(store, job.account, job.as_of)
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


def _replayed(
    store: Connection,
    job: Job,
    rules: tuple[AccountConfig, Forecaster | None],
    day_pass: DayPass,
    decided: tuple[Decision, ...],
) -> tuple[tuple[Decision, ...], bool]:
    """Return the decisions that the pass makes again, and whether its bars are still those decided on."""
    config, model = rules
    held_back = {decision.symbol: decision.reason for decision in decided if decision.status is Status.QUARANTINED}
    sight = sight_of(store, job, day_pass, held_back)
    account = settled_state(store, job, day_pass.number), as_decided(config, decided)
    judged = judge_day(store, job, account, model, sight)
    again = judged.decisions
    if is_flattened(decided):
        again = flattened(again, account[0].account, unsold(decided))
    provenance = ledger.provenance_on(store, job.account, job.as_of, until_pass=day_pass.number)
    unrevised = provenance is not None and judged.judgement.data_sha256 == provenance.data_sha256
    return again, unrevised


def _demand_same_decisions(job: Job, replayed: tuple[Decision, ...], decided: tuple[Decision, ...]) -> None:
    """Raise ReconciliationFailed, with the first difference, unless the decisions are the same."""
    if replayed != decided:
        wrong = next((pair for pair in zip(replayed, decided, strict=False) if pair[0] != pair[1]), (replayed, decided))
        raise ReconciliationFailed(
            f"on {job.as_of} the replay decides {wrong[0]} where the ledger has {wrong[1]}; {REMEDY}"
        )


def _equities(
    store: Connection, job: Job, config: AccountConfig, day_pass: DayPass
) -> tuple[Decimal, Decimal, float | None]:
    """Return the ledger's equity, the replayed one, and the shortfall against paper fills at an external broker."""
    settled = settled_state(store, job, day_pass.number).snapshot
    if day_pass.number > 1:
        before = state_at(store, job, job.as_of, day_pass.number - 1)
        assert before is not None, "the day was settled by an earlier pass"
        late = late_quotes_of(store, job, before, config.terms, day_pass.symbols)
        replayed = late_day(store, job, (before, config), late).state.snapshot
        _demand_equal(job, settled.equity, replayed.equity)
        return settled.equity, replayed.equity, None
    before = state_at(store, job, job.as_of - timedelta(days=1))
    if before is None:
        return settled.equity, settled.equity, None
    known = quotes_since(store, job, before, config.terms).on(job.as_of)
    quotes = {symbol: quote for symbol, quote in known.items() if symbol not in day_pass.behind}
    replayed = next_day(store, job, (before, config), quotes, job.as_of).state.snapshot
    _demand_equal(job, settled.equity, replayed.equity)
    if job.broker == PAPER:
        return settled.equity, replayed.equity, None
    held = _paid_up(restated(store, job, before).state)
    paper = settle_day(held, quotes, job.as_of, config).state.snapshot.equity
    return settled.equity, replayed.equity, float((paper - settled.equity) / paper) if paper else None


def _paid_up(state: AccountState) -> AccountState:
    """Return the state of which the venue has charged the funding of every day so far, whether its bar came or not."""
    account = state.account
    positions = {symbol: replace(each, marked_on=account.as_of) for symbol, each in account.positions.items()}
    return replace(state, account=replace(account, positions=positions))


def _demand_equal(job: Job, equity: Decimal, replayed: Decimal) -> None:
    """Raise ReconciliationFailed if the equities differ by more than TOLERANCE."""
    difference = _gap(equity, replayed)
    if difference > TOLERANCE:
        raise ReconciliationFailed(
            f"on {job.as_of} the replay gives an equity of {replayed} where the ledger has {equity}, "
            f"a difference of {difference:.3g} of it, above {TOLERANCE:g}; {REMEDY}"
        )


def _gap(equity: Decimal, other: Decimal) -> float:
    """Return the difference as a fraction of the first; 1 for any difference from zero."""
    gap = abs(other - equity)
    return float(gap / abs(equity)) if equity else float(gap > Decimal(0))


def _sent(orders: tuple[Order, ...]) -> dict[str, Order]:
    """Return the orders as they were decided, by symbol, whatever became of them and however often they were sent."""
    return {
        order.symbol: replace(order, order_id="", state=OrderState.INTENDED, reason="", code=None) for order in orders
    }
