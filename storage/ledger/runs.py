"""Runs: the command, its settings, and its outcome."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from storage.database import Connection
from storage.keyed_rows import Table, insert_once
from storage.typed_rows import Values, records, scalar, value


class RunStatus(StrEnum):
    """The status of a run; one that was killed stays `running`."""

    RUNNING = "running"
    DONE = "done"
    #: The day is settled, decided and ordered but for symbols that may still come.
    PARTIAL = "partial"
    FAILED = "failed"
    #: The day is settled, decided and reported; a halt withheld its orders, as intended.
    HALTED = "halted"
    #: The source was down, or had nothing that might be traded yet: a later run of the day may find it there.
    LATE = "late"


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


def finished_run(
    connection: Connection, account: str, as_of: date, command: str, status: RunStatus = RunStatus.DONE
) -> str | None:
    """Return the result (JSON text) of the last run of the command done for the account and day; None if none was.

    Or, with another status, that of the last run which ended so.
    """
    return scalar(
        connection,
        str,
        "SELECT result FROM runs WHERE account = ? AND as_of = ? AND command = ? AND status = ? "
        "ORDER BY finished_at DESC, run_id LIMIT 1",
        [account, as_of, command, str(status)],
    )


def last_status(connection: Connection, account: str, as_of: date, command: str) -> RunStatus | None:
    """Return how the newest run of the command for the account and day ended; None if there was none."""
    return scalar(
        connection,
        RunStatus,
        "SELECT status FROM runs WHERE account = ? AND as_of = ? AND command = ? "
        "ORDER BY started_at DESC, run_id LIMIT 1",
        [account, as_of, command],
    )


def runs_on(connection: Connection, account: str, as_of: date, command: str) -> tuple[RunRecord, ...]:
    """Return the runs of the command for the account and day, newest first."""
    return _records(
        connection,
        "WHERE account = ? AND as_of = ? AND command = ? ORDER BY started_at DESC, run_id",
        [account, as_of, command],
    )


def last_done(connection: Connection, account: str, command: str, *, before: date) -> RunRecord | None:
    """Return the account's newest run of the command with an answer for a day before `before`; None if none has."""
    found = _records(
        connection,
        "WHERE account = ? AND command = ? AND status IN ('done', 'partial') AND as_of < ? "
        "ORDER BY as_of DESC, finished_at DESC, run_id LIMIT 1",
        [account, command, before],
    )
    return found[0] if found else None


def failures(connection: Connection, account: str, days: Sequence[date]) -> dict[date, str]:
    """Return why the account's newest failed run of each of the days failed; a day without a failed run is absent."""
    rows = connection.execute(
        "SELECT as_of, arg_max(warnings, started_at) FROM runs WHERE account = ? AND status IN ('failed', 'late') "
        "AND list_contains(?, as_of) GROUP BY as_of ORDER BY as_of",
        [account, list(days)],
    ).fetchall()
    return {day: " ".join(json.loads(warnings)) for day, warnings in rows}


def first_run(connection: Connection, account: str, command: str) -> RunRecord | None:
    """Return the account's first run of the command, which shows what the account is for; None if there was none."""
    found = _records(
        connection, "WHERE account = ? AND command = ? ORDER BY started_at, run_id LIMIT 1", [account, command]
    )
    return found[0] if found else None


def settings_since(connection: Connection, account: str, command: str, since: date) -> dict[date, str]:
    """Return the settings (JSON text) by which the command's first run of each day from `since` on decided it."""
    rows = connection.execute(
        "SELECT as_of, config FROM runs WHERE account = ? AND command = ? AND as_of >= ? "
        "QUALIFY row_number() OVER (PARTITION BY as_of ORDER BY started_at, run_id) = 1 ORDER BY as_of",
        [account, command, since],
    ).fetchall()
    return dict(rows)


def runs(connection: Connection, *, account: str | None = None, last: int = 20) -> tuple[RunRecord, ...]:
    """Return the newest runs of the account or (None) of all, newest first."""
    return _records(
        connection,
        "WHERE $account IS NULL OR account = $account ORDER BY started_at DESC, run_id LIMIT $last",
        {"account": account, "last": last},
    )


def newest_runs(connection: Connection, command: str) -> tuple[RunRecord, ...]:
    """Return every account's newest run of the command, by account."""
    return _records(
        connection,
        "WHERE command = ? "
        "QUALIFY row_number() OVER (PARTITION BY account ORDER BY started_at DESC, run_id) = 1 ORDER BY account",
        [command],
    )


def _records(connection: Connection, where: str, values: Values) -> tuple[RunRecord, ...]:
    """Return the runs that fulfil the condition, whose values are bound, in the order that it ends with."""
    return tuple(
        RunRecord(run=value(Run, row), outcome=value(Outcome, row) if row["finished_at"] else None)
        for row in records(connection, _SELECT + where, values)
    )
