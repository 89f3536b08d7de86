"""Records of backfills: the configuration of each account, the runs begun, and the answers of finished ones."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from storage.database import Connection, connect
from storage.ledger import runs
from storage.ledger.runs import Outcome, Run, RunStatus
from strategy.exit_codes import UsageError
from tasks.backfill.answer_model import BackfillAnswer
from tasks.run.job import Job
from tasks.run.kept_terms import TERMS, changed, newest_terms
from tasks.run.runs import BACKFILL, DAILY


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Daily decisions to be replayed on the job's account, from `start` to the job's `as_of`, both included."""

    job: Job
    start: date

    @property
    def identity(self) -> str:
        """Return, as canonical JSON, what must be the same for a run to resume another; the end may differ."""
        job = self.job
        what = {"start": self.start.isoformat(), "source": job.source, "symbols": job.symbols}
        named = {"calendars": job.calendars} if job.calendars else {}
        return json.dumps({**json.loads(job.policy.config), **what, **named}, sort_keys=True)


def own_account(backfill: Backfill) -> str:
    """Return the account of a backfill that names none: the same for the same identity."""
    return f"backfill-{backfill.start}-{sha256(backfill.identity.encode()).hexdigest()[:8]}"


def demand_own(backfill: Backfill) -> None:
    """Raise UsageError for an account that daily runs trade, or that a different backfill has filled."""
    with connect(backfill.job.home) as store:
        _demand_own(store, backfill)


def _demand_own(store: Connection, backfill: Backfill) -> None:
    account = backfill.job.account
    traded = runs.first_run(store, account, DAILY)
    if traded is not None:
        raise UsageError(
            f"account {account} is traded by daily runs since {traded.run.as_of}; name another with --account, or "
            "leave it out"
        )
    first = runs.first_run(store, account, BACKFILL)
    if first is None:
        return
    before, now = json.loads(first.run.config), json.loads(backfill.identity)
    # The account keeps its terms, and a version of before had not every setting that there is now.
    later = set(json.loads(backfill.job.policy.config)) - {"parameters", "strategy_sha256"} - set(before)
    for name in sorted({*before, *now} - set(TERMS) - later):
        if before.get(name) != now.get(name):
            raise UsageError(
                f"account {account} was filled with {name} {_named(before.get(name))}, not {_named(now.get(name))}; "
                "name another account with --account, or leave it out"
            )
    # A result under two sets of terms would be that of neither.
    kept = newest_terms(store, account)
    if kept is not None and backfill.job.terms and (other := changed(kept, json.loads(backfill.job.terms))):
        raise UsageError(
            f"account {account} was filled on its terms, and these are others: {other}; name another account with "
            "--account, or leave it out"
        )


def _named(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def answered(backfill: Backfill) -> BackfillAnswer | None:
    """Return the answer of the run that filled the account up to the same day, with a warning so; None if none has."""
    job = backfill.job
    with connect(job.home) as store:
        result = runs.finished_run(store, job.account, job.as_of, BACKFILL)
    if result is None:
        return None
    answer = BackfillAnswer.of_json(result)
    again = f"{job.account} was already filled up to {job.as_of}; nothing was left to do"
    skipped = {"days_done": 0, "days_skipped": answer.days_done + answer.days_skipped}
    return answer.model_copy(update={**skipped, "warnings": (*answer.warnings, again)})


def begin(backfill: Backfill, at: datetime) -> None:
    """Record the run as running. Raises UsageError."""
    job = backfill.job
    run = Run(
        run_id=job.run_id,
        account=job.account,
        command=BACKFILL,
        as_of=job.as_of,
        started_at=at,
        code_version=job.code_version,
        config=backfill.identity,
    )
    with connect(job.home) as store:
        # Check again within the write lock: another run may have begun since the first check.
        _demand_own(store, backfill)
        runs.start_run(store, run)


def close_done(backfill: Backfill, at: datetime, answer: BackfillAnswer) -> None:
    """Record the run as done, or as partial, with its answer."""
    outcome = Outcome(status=RunStatus(answer.state), finished_at=at, result=answer.to_json())
    with connect(backfill.job.home) as store:
        runs.finish_run(store, backfill.job.run_id, outcome)
