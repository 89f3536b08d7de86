"""Parity audit: daily runs through the real tasks, in a temporary home, against one backtest of the same days."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarSource
from exchange.sessions.closing_times import closed_by
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.files import private_folder
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.models import registry as model_store
from strategy.audit.account import parity
from strategy.audit.lookahead import Checked
from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.backtest.replay import replay
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from strategy.work_progress import WorkName, counted
from tasks.audit.late_passes import late_parity
from tasks.audit.parity_case import KEPT, Case
from tasks.audit.window import Audited, AuditRefused, AuditRequest, ChecksAnswer, answered, audited, promoted
from tasks.backtest.run import Window, backtest
from tasks.daily.order import trade
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.daily.signals import signal
from tasks.data.funding_rates import with_series
from tasks.data.ingest import ingest
from tasks.data.own_columns import seen_by
from tasks.models.load import forecaster
from tasks.models.retrain import Champion
from tasks.run.job import Job
from tasks.validation.gate import inspect, validate

OpenSource = Callable[[], BarSource]


def daily_parity(job: Job, request: AuditRequest, open_source: OpenSource) -> ChecksAnswer:
    """Return the answer of `turbodmt audit parity`: decisions, orders, fills, entries and equity of every strategy.

    Daily runs publish their bars day by day in one temporary home, the backtest all at once in another, and in a third
    a symbol's bar comes late on some days; all are below the job's home and removed at the end. None retrains or
    halts: a backtest of one model does neither.
    Raises AuditFailed, AuditRefused and what the tasks raise.
    """
    known = audited(job, request.start, open_source)
    days = known.dates[: request.days] if request.start else known.dates[-request.days :]
    if len(days) < 2:
        raise AuditRefused(f"{days[0]} is the only day; an order fills a day later, so parity needs two: raise --days")
    source = open_source()
    learners = [strategy for strategy in request.strategies if strategy.learner]
    champions = {strategy: promoted(known, strategy) for strategy in learners}
    models = {strategy: model_id for strategy, (model_id, _) in champions.items()}
    private_folder(job.home)
    with (
        TemporaryDirectory(prefix=".parity-daily-", dir=job.home) as daily,
        TemporaryDirectory(prefix=".parity-backtest-", dir=job.home) as once,
        TemporaryDirectory(prefix=".parity-passes-", dir=job.home) as divided,
    ):
        cases = [
            _case(replace(known, dates=days), strategy, Path(daily), models.get(strategy))
            for strategy in request.strategies
        ]
        for model_id in models.values():
            if model_id is not None:
                for home in (daily, divided):
                    model_store.save(Path(home), *model_store.read(job.home, model_id))
        _run_daily(cases, lambda: source)
        checks: list[Checked] = []
        for case in cases:
            tested = _tested(case, Path(once), lambda: source)
            checks += parity(case.name, _recorded_replay(case), tested)
        checks += late_parity([case.moved(Path(divided)) for case in cases], source, known.bars)
    warnings = [warning for _, absent in champions.values() for warning in absent]
    return answered(replace(known, dates=days), "parity", checks, warnings)


def _case(known: Audited, strategy: Strategy, home: Path, model_id: str | None) -> Case:
    """Return the account of a strategy, with the drawdown halt switched off."""
    policy = known.job.policy
    calm = replace(policy, strategy=strategy, limits=replace(policy.limits, max_drawdown_halt=1.0))
    calendars = {instrument.calendar for instrument in known.instruments.values()}
    jobs = tuple(
        replace(
            known.job,
            home=home,
            run_id=f"{known.job.run_id}-{day}",
            account=f"parity-{strategy}",
            symbols=known.symbols,
            as_of=day,
            now=max(closed_by(calendar, day) for calendar in calendars),
            sends_until=None,
            policy=calm,
        )
        for day in known.dates
    )
    if not strategy.learner:
        return Case(name=str(strategy), jobs=jobs, model_id=None)
    return Case(name=f"{strategy} ({'model' if model_id else 'prior'})", jobs=jobs, model_id=model_id)


def _run_daily(cases: Sequence[Case], open_source: OpenSource) -> None:
    """Run every day of every account by the steps of the daily run; ingest and validate once a day for all accounts."""
    days = len(cases[0].jobs)
    for number in counted(range(days), WorkName(name="Parity audit", unit="days"), days):
        ingest(cases[0].jobs[number], open_source)
        barred = validate(cases[0].jobs[number]).barred
        for case in cases:
            job = case.jobs[number]
            settle(job, PaperBroker)
            signal(job, Champion(model_id=case.model_id, reason=KEPT), barred)
            trade(job, PaperBroker)
            reconcile(job)


def _tested(case: Case, home: Path, open_source: OpenSource) -> Replay:
    """Return the account as a backtest has it; for a learner by the day loop alone: a backtest would train networks."""
    job = case.at(home)
    if not job.policy.strategy.learner:
        return backtest(job, Window(strategies=(job.policy.strategy,), start=case.days[0]), open_source).net.replay
    ingest(job, open_source)
    inspect(job, None)
    job = with_series(job)
    with connect(home) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
    model = forecaster(case.jobs[0].home, job.policy.strategy, case.model_id)
    calendars = {symbol: instrument.calendar for symbol, instrument in instruments.items()}
    known = seen_by(job.policy.strategy, home, job.source, bars)
    seen = symbol_signals(known, calendars, job.policy.strategy, model, since=np.datetime64(case.days[0], "us"))
    config = job.policy.account_config(job.account, job.symbols, instruments)
    quotes = fill_quotes(bars, case.days[0], case.days[-1], config.terms)
    return replay(aligned_signals(seen, job.symbols), quotes, case.days, job.policy.capital, config)


def _recorded_replay(case: Case) -> Replay:
    """Return the account as its ledger records it."""
    account, days = case.jobs[0].account, case.days
    with connect(case.jobs[0].home) as store:
        return Replay(
            snapshots=position_store.snapshots(store, account, until=days[-1], last_days=len(days)),
            decisions=tuple(decision for day in days for decision in ledger.decisions_on(store, account, day)),
            orders=tuple(order for day in days for order in order_store.orders_on(store, account, day)),
            fills=tuple(fill for day in days for fill in ledger.fills_on(store, account, day)),
            entries=tuple(entry for day in days for entry in ledger.entries_on(store, account, day)),
        )
