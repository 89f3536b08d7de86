"""Runs: the command, its settings, and its outcome."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from storage.database import Connection
from storage.keyed_rows import Table, insert_once


class RunStatus(StrEnum):
    """The status of a run; one that was killed stays `running`."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    #: The day is settled, decided and reported; a halt withheld its orders, as intended.
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run at its start: `config` is JSON text, `started_at` is timezone-aware."""

    run_id: str
    account: str
    command: str
    as_of: date
    started_at: datetime
    code_version: str
    config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a run: `result` is the JSON text that the command printed, None if it failed before that."""

    status: RunStatus
    finished_at: datetime
    data_sha256: str | None = None
    model_id: str | None = None
    warnings: tuple[str, ...] = ()
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run and its outcome, which is None while the run is running or if it was killed."""

    run: Run
    outcome: Outcome | None


_RUNS = Table(
    name="runs",
    key=("run_id",),
    values=("account", "command", "as_of"),
    changing=("started_at", "status", "code_version", "config"),
)
_SELECT = (
    "SELECT run_id, account, command, as_of, started_at, code_version, config, status, finished_at, data_sha256, "
    "model_id, warnings, result FROM runs "
)


def start_run(connection: Connection, run: Run) -> None:
    """Record the run as running. Raises LedgerConflict if the id belongs to another run."""
    fixed = (run.run_id, run.account, run.command, run.as_of)
    insert_once(connection, _RUNS, [(*fixed, run.started_at, str(RunStatus.RUNNING), run.code_version, run.config)])


def finish_run(connection: Connection, run_id: str, outcome: Outcome) -> None:
    """Record the outcome of the run. Raises ValueError if no such run was started."""
    updated = connection.execute(
        "UPDATE runs SET status = ?, finished_at = ?, data_sha256 = ?, model_id = ?, warnings = ?, result = ? "
        "WHERE run_id = ?",
        [
            *(str(outcome.status), outcome.finished_at, outcome.data_sha256, outcome.model_id),
            *(json.dumps(outcome.warnings), outcome.result, run_id),
        ],
    ).fetchone()
    if not updated or not updated[0]:
        raise ValueError(f"run {run_id} cannot be finished: it was never started")


def finished_run(connection: Connection, account: str, as_of: date, command: str) -> str | None:
    """Return the result (JSON text) of the last run of the command done for the account and day; None if none was."""
    row = connection.execute(
        "SELECT result FROM runs WHERE account = ? AND as_of = ? AND command = ? AND status = 'done' "
        "ORDER BY finished_at DESC, run_id LIMIT 1",
        [account, as_of, command],
    ).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def last_done(connection: Connection, account: str, command: str, *, before: date) -> RunRecord | None:
    """Return the account's newest run of the command that was done for a day before `before`; None if none was."""
    rows = connection.execute(
        _SELECT + "WHERE account = ? AND command = ? AND status = 'done' AND as_of < ? "
        "ORDER BY as_of DESC, finished_at DESC, run_id LIMIT 1",
        [account, command, before],
    ).fetchall()
    return _record(rows[0]) if rows else None


def failures(connection: Connection, account: str, days: Sequence[date]) -> dict[date, str]:
    """Return why the account's newest failed run of each of the days failed; a day without a failed run is absent."""
    rows = connection.execute(
        "SELECT as_of, arg_max(warnings, started_at) FROM runs WHERE account = ? AND status = 'failed' "
        "AND list_contains(?, as_of) GROUP BY as_of ORDER BY as_of",
        [account, list(days)],
    ).fetchall()
    return {day: " ".join(json.loads(warnings)) for day, warnings in rows}


def first_run(connection: Connection, account: str, command: str) -> RunRecord | None:
    """Return the account's first run of the command, which shows what the account is for; None if there was none."""
    rows = connection.execute(
        _SELECT + "WHERE account = ? AND command = ? ORDER BY started_at, run_id LIMIT 1", [account, command]
    ).fetchall()
    return _record(rows[0]) if rows else None


def runs(connection: Connection, *, account: str | None = None, last: int = 20) -> tuple[RunRecord, ...]:
    """Return the newest runs of the account or (None) of all, newest first."""
    rows = connection.execute(
        _SELECT + "WHERE $account IS NULL OR account = $account ORDER BY started_at DESC, run_id LIMIT $last",
        {"account": account, "last": last},
    ).fetchall()
    return tuple(_record(row) for row in rows)


def newest_runs(connection: Connection, command: str) -> tuple[RunRecord, ...]:
    """Return every account's newest run of the command, by account."""
    rows = connection.execute(
        _SELECT + "WHERE command = ? "
        "QUALIFY row_number() OVER (PARTITION BY account ORDER BY started_at DESC, run_id) = 1 ORDER BY account",
        [command],
    ).fetchall()
    return tuple(_record(row) for row in rows)


def _record(row: tuple[Any, ...]) -> RunRecord:
    run_id, account, command, as_of, started_at, code_version, config, *rest = row
    status, finished_at, data_sha256, model_id, warnings, result = rest
    return RunRecord(
        run=Run(
            run_id=run_id,
            account=account,
            command=command,
            as_of=as_of,
            started_at=started_at.astimezone(UTC),
            code_version=code_version,
            config=config,
        ),
        outcome=Outcome(
            status=RunStatus(status),
            finished_at=finished_at.astimezone(UTC),
            data_sha256=data_sha256,
            model_id=model_id,
            warnings=tuple(json.loads(warnings)),
            result=result,
        )
        if finished_at is not None
        else None,
    )
