"""The answer of a backfill: the account over all of its days, read from the ledger."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.bars.own_columns import with_columns
from storage.database import Connection, connect
from storage.ledger import bulk, risk_state
from storage.ledger import orders as order_store
from storage.ledger.bulk import ModelChange
from storage.models import trials
from storage.models.trials import Trial
from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import fill_quotes
from strategy.market.bars import Bars
from strategy.portfolio.drawdown_halt import RiskState
from strategy.signals.strategies import Strategy
from tasks.backfill.answer_model import BackfillAnswer, ModelChangeAnswer
from tasks.backfill.run import Filled
from tasks.backfill.runs import Backfill
from tasks.backtest.measured import measure_account
from tasks.daily.account_history import replay_until
from tasks.daily.account_state import account_config
from tasks.data.used_data import used_sha256
from tasks.notices.impact import without_impact
from tasks.notices.missed_orders import cut_in_window
from tasks.run.account_sleeves import account_sleeves
from tasks.run.answers import DayState, sleeve_answers
from tasks.run.job import Job
from tasks.run.kept_terms import changes_given
from tasks.run.passes import waiting
from tasks.run.runs import Findings
from tasks.run.trial_key import HALT, configuration, is_trial


def backfill_answer(backfill: Backfill, filled: Filled, findings: Findings) -> BackfillAnswer:
    """Return the answer of `turbodmt backfill`; orders and fills are counts, since there may be thousands."""
    job, until = backfill.job, filled.last.as_of
    with connect(job.home) as store:
        recorded = replay_until(store, job.account, until)
        orders, withheld = bulk.order_counts(store, job.account, until)
        switches = bulk.switches(store, job.account, until)
        risk = risk_state.load(store, job.account)
        instruments = instrument_store.load(store, job.source, job.symbols)
        bars = bar_store.load(store, job.source, job.symbols, until=until)
        seen = with_columns(store, job.source, bars, job.policy.strategy.columns)
        digest = used_sha256(seen, account_config(store, job).terms.costs)
        cut = cut_in_window(job.account, order_store.orders_since(store, job.account, date.min), recorded.fills, bars)
        unmoved = _without_impact(store, job, recorded, bars)
        measured = measure_account(recorded, instruments, job.policy.costs.financing)
        given = changes_given(store, job.account, date.min, date.max)
        waits = waiting(store, filled.last)
        sleeves = account_sleeves(store, job.account, until)
        tried = _count_trial(store, backfill, recorded, {HALT} if withheld else set())
    warnings = (*given, *filled.warnings, *findings.warnings, *cut, *unmoved, *_halt(risk))
    warnings += (*_prior(job.policy.strategy, switches),)
    answer = BackfillAnswer(
        account=job.account,
        symbols=job.symbols,
        strategy=job.policy.strategy.name,
        start=recorded.snapshots[0].account.as_of,
        end=until,
        days_done=filled.days_done,
        days_skipped=filled.days_skipped,
        equity=recorded.snapshots[-1].equity,
        metrics=measured,
        orders=orders,
        orders_withheld=withheld,
        fills=len(recorded.fills),
        model_changes=tuple(ModelChangeAnswer(as_of=change.as_of, model_id=change.model_id) for change in switches),
        trials=tried,
        halted=risk.halted,
        halted_since=risk.since if risk.halted else None,
        data_sha256=digest,
        code_version=job.code_version,
        config=json.loads(job.policy.config),
        seed=job.policy.recipe.seed,
        run_id=job.run_id,
        warnings=tuple(dict.fromkeys(warnings)),
        report=findings.report,
        state=DayState.PARTIAL if waits else DayState.DONE,
        waiting=waits,
    )
    return answer.model_copy(update={"sleeves": sleeve_answers(sleeves)}) if sleeves else answer


def _without_impact(store: Connection, job: Job, recorded: Replay, bars: Mapping[str, Bars]) -> list[str]:
    terms, days = account_config(store, job).terms, [snapshot.account.as_of for snapshot in recorded.snapshots]
    return without_impact(recorded.fills, fill_quotes(bars, days[0], days[-1], terms), terms)


def _halt(risk: RiskState) -> list[str]:
    if not risk.halted:
        return []
    return [f"the account was halted on {risk.since} ({risk.reason}); from then on only orders that reduce were sent"]


def _prior(strategy: Strategy, switches: Sequence[ModelChange]) -> list[str]:
    """Return a warning if a learner never had a model."""
    if not strategy.learner or any(switch.model_id for switch in switches):
        return []
    return [f"the promotion gate accepted no model in the window: {strategy} traded its prior"]


def _count_trial(store: Connection, backfill: Backfill, recorded: Replay, acted: Collection[str]) -> int | None:
    """Count the configurations tried on these symbols in an overlapping window, with this one; None for a baseline."""
    job, settings = backfill.job, json.loads(backfill.job.policy.config)
    if not is_trial(settings, job.policy.strategy, job.symbols):
        return None
    days = [snapshot.account.as_of for snapshot in recorded.snapshots]
    config = configuration(settings, job.policy.strategy, job.symbols, acted)
    trial = Trial(symbols=job.symbols, start=days[0], end=days[-1], config=config, recorded_at=job.now)
    return trials.record(store, trial)
