"""The daily flow: one task per step, each idempotent for its day, so that a run may be killed and repeated."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from prefect import flow
from prefect.runtime import deployment, flow_run

from exchange.ports import BarSource, Broker, SourceRefused, SourceUnavailable
from flows.config.settings import Broker as BrokerName
from flows.config.settings import StrategyName, load
from flows.config.wall_clock import clock
from flows.planning.adapters import broker_factory, open_source, source_factory
from flows.planning.kept_terms import on_kept_terms
from flows.planning.own_strategy import admit
from flows.planning.plan import Request, RequestRefused, holiday, outline
from flows.runs.docstrings import documented
from flows.runs.run_names import name_run
from flows.runs.run_states import ended_well, in_one_sentence
from flows.server.environment import attend_run
from flows.server.up_server import served_at
from tasks.broker.unknown_orders import unresolved_notices
from tasks.daily.flattening import with_held_beside
from tasks.daily.order import AccountHalted, OrdersBlocked, demand_nothing_withheld
from tasks.daily.replay_check import Reconciliation
from tasks.models.retrain import champion_of
from tasks.prefect_tasks import audit, ingest, order, reconcile, report, retrain, settle, signal, validate
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
    demand_own,
    finished,
    halted_before,
    last_day,
    partial,
    symbols_asked,
)
from tasks.strategies.binding import changed_file, other_strategy
from tasks.validation.gate import NothingPublishable

# A worker loads this file by its path, under another module name.
log = logging.getLogger("flows.daily")


def run_name() -> str:
    """Return the account and day of the current run, the name that Prefect shows."""
    given = flow_run.parameters
    return f"{given['account']}, {given['as_of'] or 'newest bar'}"


@flow(name="daily", flow_run_name=run_name)
@documented
def daily(
    as_of: date | None = None,
    source: str | None = None,
    symbols: list[str] | None = None,
    strategy: StrategyName | None = None,
    broker: BrokerName | None = None,
    capital: Decimal | None = None,
    account: str = "daily",
    home: Path | None = None,
) -> str:
    """One trading day, end to end: the JSON text that `turbodmt daily --json` prints.

    Every parameter left out is taken from the settings.

    Args:
        as_of: The last closed bar; left out, the newest one.
        source: Where bars come from: sample, binance, yahoo or file:PATH.
        symbols: What to trade; left out, what the source serves by default.
        strategy: The rule that turns bars into signals: turbo, rules, hold, vol-target or momentum.
        broker: Where orders go: paper, testnet-spot or testnet-futures; keys come from the environment or secrets.
        capital: The money that a new account starts with.
        account: The account in the ledger, in lower-case letters, digits and dashes.
        home: The folder of the database, models and reports; left out, that of the worker.
    """
    attend_run()
    options = {"source": source, "symbols": symbols, "strategy": strategy, "broker": broker, "capital": capital}
    return in_one_sentence(lambda: _run({**options, "home": home}, account, as_of))


def _run(given: Mapping[str, object], account: str, as_of: date | None) -> str:
    settings = load(given)
    open_broker = broker_factory(settings)
    bars = open_source(settings)
    request = Request(account=account, as_of=as_of, clock=clock(), broker=settings.broker)
    job = with_held_beside(on_kept_terms(settings, outline(settings, bars, request)))
    demand_own(job)
    admit(settings, account, job.policy.strategy, clock())
    done = finished(job)
    if done is not None:
        again = f"{done.warnings[-1]}."
        log.info("%s", again)
        return ended_well(done.to_json(), again)
    _demand_newest(job)
    if holiday(bars, job):
        closed = f"{job.as_of} is not a session of {', '.join(job.symbols)}; there was nothing to do"
        log.info("%s.", closed)
        findings = Findings(warnings=(closed, *not_taken(job)))
        return ended_well(day_answer(day_result(job, findings)).to_json(), f"{closed}.")
    name_run(job, f"{job.as_of}")
    if deployment.id and halted_before(job):
        # A schedule repeats the day; its first run has failed, and said so.
        again = f"{job.as_of} was already decided, and a halt withheld orders; nothing was left to do"
        return ended_well(day_answer(day_result(job, Findings(warnings=(again,)))).to_json(), f"{again}.")
    begin(job, clock())
    try:
        answer = run_day(job, source_factory(settings), open_broker)
    except AccountHalted as error:
        close_halted(job, clock(), str(error))
        raise
    except (SourceUnavailable, NothingPublishable) as error:
        close_late(job, clock(), str(error))
        raise
    except BaseException as error:
        close_failed(job, clock(), str(error) or type(error).__name__)
        raise
    return ended_well(answer, in_words(DayAnswer.of_json(answer)))


def run_day(job: Job, open_bars: Callable[[], BarSource], open_broker: Callable[[datetime], Broker]) -> str:
    """Run the steps of the day, in order; return its result as JSON text.

    A run that may not send orders still settles, decides and reports before it raises OrdersBlocked.
    """
    before = partial(job)
    symbols = symbols_asked(job)
    if symbols:
        _fetch(replace(job, symbols=symbols), open_bars)
    gate = validate(job.in_data)
    settled = settle(job, open_broker, gate.barred)
    gate = replace(
        gate,
        held_back={**gate.held_back, **settled.agreement.barred},
        warnings=(*gate.warnings, *settled.agreement.warnings),
    )
    if job.policy.strategy.version:
        audit(job)
    # A later pass never retrains: the day keeps its model.
    champion = retrain(job) if before is None else champion_of(before)
    faults = signal(job, champion, gate.barred, settled.agreement.barred)
    own = (*other_strategy(job), *changed_file(job.policy.strategy), *faults)
    gate = replace(gate, warnings=(*gate.warnings, *own))
    blocked: OrdersBlocked | None = None
    reconciled: Reconciliation | None = None
    try:
        order(job, open_broker)
        gate = replace(gate, warnings=(*gate.warnings, *unresolved_notices(job, gate.held_back)))
    except OrdersBlocked as error:
        blocked = error
    else:
        reconciled = reconcile(job)
    findings = report(job, champion, gate, reconciled, served_at(job.home))
    if blocked is not None:
        raise blocked
    demand_nothing_withheld(job)
    result = day_result(job, findings)
    answer = day_answer(result).to_json()
    close_done(job, clock(), result, answer)
    return answer


def _fetch(job: Job, open_bars: Callable[[], BarSource]) -> None:
    """Stage the bars of the day; a source that refuses what a flattened account holds besides stops nothing."""
    try:
        ingest(job.in_data, open_bars)
    except SourceRefused:
        if not job.besides:
            raise
        ingest(job, open_bars)


def in_words(answer: DayAnswer) -> str:
    """Return the day in one sentence, for the state of its run.

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


def _demand_newest(job: Job) -> None:
    """Raise RequestRefused for a day before the account's last one: the past is not traded again."""
    last = last_day(job)
    if last is not None and job.as_of < last:
        raise RequestRefused(
            f"--as-of is {job.as_of}, before {last}, the last day of account {job.account}; name that day or a later "
            "one, or start another with --account"
        )
