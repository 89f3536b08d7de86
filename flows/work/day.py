"""One trading day from its plan to its answer, whether its steps are Prefect tasks or plain functions."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from exchange.ports import BarSource, Broker, SourceRefused, SourceUnavailable
from flows.config.wall_clock import clock
from flows.planning.adapters import source_factory
from flows.planning.day_plan import DayPlan
from flows.planning.plan import RequestRefused, holiday
from flows.work.done_days import DayEnd
from tasks.broker.unknown_orders import unresolved_notices
from tasks.daily.flattening import with_held_beside
from tasks.daily.order import AccountHalted, OrdersBlocked, demand_nothing_withheld
from tasks.daily.replay_check import Reconciliation
from tasks.daily.steps import DaySteps
from tasks.data.funding_rates import with_series
from tasks.models.retrain import champion_of
from tasks.report.markup import money
from tasks.run.answers import DayAnswer, day_answer
from tasks.run.job import Job
from tasks.run.kept_terms import not_taken
from tasks.run.runs import (
    Findings,
    begin,
    close_done,
    close_failed,
    close_halted,
    close_late,
    day_result,
    finished,
    halted_before,
    last_day,
    partial,
    symbols_asked,
)
from tasks.strategies.binding import changed_file, other_strategy
from tasks.validation.gate import NothingPublishable

log = logging.getLogger("flows.daily")


def prepared(day: DayPlan) -> DayPlan:
    """Return the plan with what a flattened account holds besides its symbols."""
    return replace(day, job=with_held_beside(day.job))


def without_work(day: DayPlan) -> DayEnd | None:
    """Return the end of a day that is done already or is no session; None if there is work to do.

    Raises RequestRefused for a day before the account's last one: the past is not traded again.
    """
    job = day.job
    done = finished(job)
    if done is not None:
        again = f"{done.warnings[-1]}."
        log.info("%s", again)
        return DayEnd(answer=done.to_json(), sentence=again)
    last = last_day(job)
    if last is not None and job.as_of < last:
        raise RequestRefused(
            f"--as-of is {job.as_of}, before {last}, the last day of account {job.account}; name that day or a later "
            "one, or start another with --account"
        )
    if not holiday(day.source, job):
        return None
    closed = f"{job.as_of} is not a session of {', '.join(job.symbols)}; there was nothing to do"
    log.info("%s.", closed)
    findings = Findings(warnings=(closed, *not_taken(job)))
    return DayEnd(answer=day_answer(day_result(job, findings)).to_json(), sentence=f"{closed}.")


def withheld_before(day: DayPlan) -> DayEnd | None:
    """Return the end of a day whose orders a halt has withheld in an earlier run; None if there was none."""
    job = day.job
    if not halted_before(job):
        return None
    again = f"{job.as_of} was already decided, and a halt withheld orders; nothing was left to do"
    return DayEnd(answer=day_answer(day_result(job, Findings(warnings=(again,)))).to_json(), sentence=f"{again}.")


#: Tells a person of a day that has ended, and returns warnings if that failed.
Tell = Callable[[DayPlan], tuple[str, ...]]


def worked(day: DayPlan, steps: DaySteps, tell: Tell) -> DayEnd:
    """Run the day and return its end; the run is recorded with its begin and end, also where it fails.

    Whatever `tell` meets, the day is recorded by then.
    """
    job = day.job
    begin(job, clock())
    try:
        answer = run_day(job, source_factory(day.settings), day.open_broker, steps)
    except AccountHalted as error:
        close_halted(job, clock(), str(error))
        tell(day)
        raise
    except (SourceUnavailable, NothingPublishable) as error:
        close_late(job, clock(), str(error))
        raise
    except BaseException as error:
        close_failed(job, clock(), str(error) or type(error).__name__)
        raise
    ended = told(DayAnswer.of_json(answer), tell(day))
    return DayEnd(answer=ended.to_json(), sentence=in_words(ended))


def told(answer: DayAnswer, warnings: tuple[str, ...]) -> DayAnswer:
    """Return a day's answer with warnings of what came after it was recorded."""
    return answer.model_copy(update={"warnings": (*answer.warnings, *warnings)}) if warnings else answer


def run_day(
    job: Job, open_bars: Callable[[], BarSource], open_broker: Callable[[datetime], Broker], steps: DaySteps
) -> str:
    """Run the steps of the day, in order; return its result as JSON text.

    A run that may not send orders still settles, decides and reports before it raises OrdersBlocked.
    """
    before = partial(job)
    symbols = symbols_asked(job)
    if symbols:
        _fetch(replace(job, symbols=symbols), open_bars, steps)
    gate = steps.validate(job.in_data)
    job = with_series(job)
    settled = steps.settle(job, open_broker, gate.barred)
    gate = replace(
        gate,
        held_back={**gate.held_back, **settled.agreement.barred},
        warnings=(*gate.warnings, *settled.agreement.warnings),
    )
    if job.policy.strategy.version:
        steps.audit(job)
    # A later pass never retrains: the day keeps its model.
    champion = steps.retrain(job) if before is None else champion_of(before)
    faults = steps.signal(job, champion, gate.barred, settled.agreement.barred)
    own = (*other_strategy(job), *changed_file(job.policy.strategy), *faults)
    gate = replace(gate, warnings=(*gate.warnings, *own))
    blocked: OrdersBlocked | None = None
    reconciled: Reconciliation | None = None
    try:
        steps.order(job, open_broker)
        gate = replace(gate, warnings=(*gate.warnings, *unresolved_notices(job, gate.held_back)))
    except OrdersBlocked as error:
        blocked = error
    else:
        reconciled = steps.reconcile(job)
    findings = steps.report(job, champion, gate, reconciled)
    if blocked is not None:
        raise blocked
    demand_nothing_withheld(job)
    result = day_result(job, findings)
    answer = day_answer(result).to_json()
    close_done(job, clock(), result, answer)
    return answer


def _fetch(job: Job, open_bars: Callable[[], BarSource], steps: DaySteps) -> None:
    """Stage the bars of the day; a source that refuses what a flattened account holds besides stops nothing."""
    try:
        steps.ingest(job.in_data, open_bars)
    except SourceRefused:
        if not job.besides:
            raise
        steps.ingest(job, open_bars)


def in_words(answer: DayAnswer) -> str:
    """Return the day in one sentence, for the state of its run.

    >>> from datetime import date
    >>> from decimal import Decimal
    >>> day = {"as_of": date(2018, 12, 28), "equity": Decimal("9812.5475"), "orders": ("A", "B"), "fills": ()}
    >>> in_words(DayAnswer.model_construct(**day, warnings=("look",)))
    'Equity 9,812.55 at the close of 2018-12-28; fills: 0, orders: 2, warnings: 1.'
    """
    halted = f"{answer.halted_reason}. " if answer.halted_reason else ""
    assert answer.equity is not None, "a day that ran has an equity"
    return (
        f"{halted}Equity {money(answer.equity)} at the close of {answer.as_of}; fills: {len(answer.fills)}, "
        f"orders: {len(answer.orders)}, warnings: {len(answer.warnings)}."
    )
