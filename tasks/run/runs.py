"""The record of runs: their begin and end, and a day's result as the ledger has it."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from storage.accounts import cash_flows as flow_store
from storage.database import Connection, connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state, runs
from storage.ledger.runs import Outcome, Run, RunStatus
from strategy.exit_codes import Exit
from strategy.portfolio.drawdown_halt import RiskState
from tasks.run.account_sleeves import account_sleeves
from tasks.run.answers import DayAnswer, DayResult, DayState, EarnedAnswer, LeftOverAnswer, ModelCode
from tasks.run.job import Job
from tasks.run.kept_terms import not_taken
from tasks.run.passes import asked, passes_made, waiting

DAILY, BACKFILL = "daily", "backfill"


class AccountFilled(ValueError):
    """An account that backfills write, which a daily run must not continue (exit 2)."""

    exit_code = Exit.USAGE


def demand_own(job: Job) -> None:
    """Raise AccountFilled if a backfill has begun to write the account."""
    with connect(job.home) as store:
        _demand_own(store, job.account)


def _demand_own(store: Connection, account: str) -> None:
    filled = runs.first_run(store, account, BACKFILL)
    if filled is not None:
        raise AccountFilled(
            f"account {account} is filled by backfills since {filled.run.started_at:%Y-%m-%d}, and a daily run would "
            "mix with them; name another with --account"
        )


def finished(job: Job) -> DayAnswer | None:
    """Return the result of the run that has already done this account's day; None if none has.

    The result has a warning that says so, and whose day it was if another strategy is named now.
    """
    with connect(job.home) as store:
        result = runs.finished_run(store, job.account, job.as_of, DAILY)
    answer = DayAnswer.of_json(result) if result is not None else _out_of_time(job)
    if answer is None:
        return None
    named = job.policy.strategy.name
    by = f" by {answer.strategy}, not by {named}" if answer.strategy != named else ""
    again = f"{job.as_of} was already done{by}; nothing was left to do"
    return answer.model_copy(update={"warnings": (*answer.warnings, again, *not_taken(job))})


def halted_before(job: Job) -> bool:
    """Return whether a halt withheld the day's orders in its newest run, and no symbol is waited for."""
    with connect(job.home) as store:
        status = runs.last_status(store, job.account, job.as_of, DAILY)
        return status is RunStatus.HALTED and not waiting(store, job)


def symbols_asked(job: Job) -> tuple[str, ...]:
    """Return the symbols to ask the source for: all, or those that the day waits for once it is decided."""
    with connect(job.home) as store:
        return asked(store, job)


def partial(job: Job) -> DayAnswer | None:
    """Return the answer of the last run that left the account's day partial; None if none has."""
    with connect(job.home) as store:
        result = runs.finished_run(store, job.account, job.as_of, DAILY, RunStatus.PARTIAL)
    return None if result is None else DayAnswer.of_json(result)


def _out_of_time(job: Job) -> DayAnswer | None:
    """Return the answer of a partial day on which no order may be sent any more; None if there is none."""
    if job.sends_until is None or job.now <= job.sends_until:
        return None
    answer = partial(job)
    if answer is None:
        return None
    missed = (
        f"{', '.join(answer.waiting)} did not come until {job.sends_until:%Y-%m-%d %H:%M} UTC and was not decided on "
        f"{job.as_of}; its position is kept, and its next bar settles it"
    )
    return answer.model_copy(update={"state": DayState.DONE, "waiting": (), "warnings": (*answer.warnings, missed)})


def accounts_run(home: Path) -> frozenset[str]:
    """Return the accounts of which a daily run has begun a day. Raises StoreError."""
    with connect(home) as store:
        return frozenset(record.run.account for record in runs.newest_runs(store, DAILY))


def last_day(job: Job) -> date | None:
    """Return the account's last settled day; None for a new account."""
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
    return snapshot.account.as_of if snapshot else None


def begin(job: Job, at: datetime) -> None:
    """Record the run as running. Raises AccountFilled."""
    run = Run(
        run_id=job.run_id,
        account=job.account,
        command=DAILY,
        as_of=job.as_of,
        started_at=at,
        code_version=job.code_version,
        config=job.policy.config,
    )
    with connect(job.home) as store:
        # Check again under the write lock: a backfill may have begun since the first check.
        _demand_own(store, job.account)
        runs.start_run(store, run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The part of a day's result that is not in the ledger: warnings, why this model, and the path of the report.

    `left_over` is what a flattened account still holds, `earned` what earned the day.
    """

    warnings: tuple[str, ...] = ()
    model_reason: str | None = None
    model_code: ModelCode | None = None
    report: str | None = None
    left_over: tuple[LeftOverAnswer, ...] = ()
    earned: EarnedAnswer | None = None


def day_result(job: Job, findings: Findings) -> DayResult:
    """Return the day's result from the ledger and the findings."""
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
        provenance = ledger.provenance_on(store, job.account, job.as_of)
        risk = risk_state.load(store, job.account)
        return DayResult(
            job=job,
            snapshot=snapshot,
            decisions=ledger.decisions_on(store, job.account, job.as_of),
            orders=order_store.orders_on(store, job.account, job.as_of),
            fills=ledger.fills_on(store, job.account, job.as_of),
            flows=tuple(flow for flow in flow_store.due(store, job.account, job.as_of) if flow.value is not None),
            model_id=provenance.model_id if provenance else None,
            model_reason=findings.model_reason,
            model_code=findings.model_code,
            data_sha256=provenance.data_sha256 if provenance else None,
            halted=_halted(risk),
            warnings=findings.warnings,
            report=findings.report,
            passes=passes_made(store, job),
            waiting=waiting(store, job),
            flatten=risk.flatten,
            left_over=findings.left_over,
            sleeves=account_sleeves(store, job.account, job.as_of),
            earned=findings.earned,
        )


def _halted(risk: RiskState) -> str:
    how = "Flattened" if risk.flatten else "Halted"
    return f"{how} since {risk.since}: {risk.reason}" if risk.halted else ""


def close_done(job: Job, at: datetime, result: DayResult, answer: str) -> None:
    """Record the run as done, or as partial, with its answer."""
    outcome = Outcome(
        status=RunStatus(result.state),
        finished_at=at,
        data_sha256=result.data_sha256,
        model_id=result.model_id,
        warnings=result.warnings,
        result=answer,
    )
    with connect(job.home) as store:
        runs.finish_run(store, job.run_id, outcome)


def close_failed(job: Job, at: datetime, reason: str) -> None:
    """Record the run as failed, with the reason."""
    _close(job, RunStatus.FAILED, at, reason)


def close_late(job: Job, at: datetime, reason: str) -> None:
    """Record that the source did not deliver what the run needs, with the reason."""
    _close(job, RunStatus.LATE, at, reason)


def close_halted(job: Job, at: datetime, reason: str) -> None:
    """Record that a halt held the run's orders back, with the reason; the day is not done."""
    _close(job, RunStatus.HALTED, at, reason)


def _close(job: Job, status: RunStatus, at: datetime, reason: str) -> None:
    with connect(job.home) as store:
        runs.finish_run(store, job.run_id, Outcome(status=status, finished_at=at, warnings=(reason,)))
