from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import connect
from storage.keyed_rows import LedgerConflict
from storage.ledger import runs
from storage.ledger.runs import Outcome, Run, RunRecord, RunStatus

AT = datetime(2020, 1, 7, 0, 5, tzinfo=UTC)
RUN = Run(
    run_id="r1",
    account="daily",
    command="daily",
    as_of=date(2020, 1, 6),
    started_at=AT,
    code_version="0.1.0",
    config='{"seed": 1}',
)
DONE = Outcome(
    status=RunStatus.DONE,
    finished_at=AT + timedelta(seconds=9),
    data_sha256="ab",
    model_id="cd",
    warnings=("A is held back",),
    result='{"as_of": "2020-01-06"}',
)


def test_a_finished_run_is_known_by_account_day_and_command(home: Path) -> None:
    with connect(home) as store:
        runs.start_run(store, RUN)
        assert runs.finished_run(store, "daily", RUN.as_of, "daily") is None
        assert runs.runs(store) == (RunRecord(run=RUN, outcome=None),)
        runs.finish_run(store, "r1", DONE)
        assert runs.finished_run(store, "daily", RUN.as_of, "daily") == DONE.result
        assert runs.finished_run(store, "daily", RUN.as_of, "backfill") is None
        assert runs.runs(store) == (RunRecord(run=RUN, outcome=DONE),)


def test_a_failed_run_is_not_finished(home: Path) -> None:
    with connect(home) as store:
        runs.start_run(store, RUN)
        runs.finish_run(store, "r1", Outcome(status=RunStatus.FAILED, finished_at=AT))
        assert runs.finished_run(store, "daily", RUN.as_of, "daily") is None


def test_the_newest_runs_come_first(home: Path) -> None:
    with connect(home) as store:
        for number in range(3):
            runs.start_run(store, replace(RUN, run_id=f"r{number}", started_at=AT + timedelta(hours=number)))
        assert [record.run.run_id for record in runs.runs(store, last=2)] == ["r2", "r1"]


def test_each_account_has_its_newest_run_however_long_the_others_ran_since(home: Path) -> None:
    with connect(home) as store:
        for number, account in enumerate(("old", "old", *("busy" for _ in range(30)))):
            at = AT + timedelta(hours=number)
            runs.start_run(store, replace(RUN, run_id=f"r{number}", account=account, started_at=at))
        runs.start_run(store, replace(RUN, run_id="f", account="old", command="backfill", started_at=AT + timedelta(9)))
        assert [record.run.run_id for record in runs.newest_runs(store, "daily")] == ["r31", "r1"]
        assert [record.run.run_id for record in runs.newest_runs(store, "backfill")] == ["f"]
        assert [record.run.run_id for record in runs.runs(store, account="old", last=2)] == ["f", "r1"]
        assert runs.newest_runs(store, "train") == ()


def test_the_first_run_of_a_command_is_its_own(home: Path) -> None:
    with connect(home) as store:
        assert runs.first_run(store, "daily", "daily") is None
        for number, command in enumerate(("backfill", "daily", "daily")):
            at = AT + timedelta(hours=number)
            runs.start_run(store, replace(RUN, run_id=f"r{number}", command=command, started_at=at))
        first = [runs.first_run(store, *asked) for asked in (("daily", "daily"), ("daily", "backfill"))]
        assert [record and record.run.run_id for record in first] == ["r1", "r0"]
        assert runs.first_run(store, "other", "daily") is None


def test_starting_a_run_again_is_no_news_but_its_id_is_its_own(home: Path) -> None:
    with connect(home) as store:
        runs.start_run(store, RUN)
        runs.start_run(store, replace(RUN, started_at=AT + timedelta(hours=1)))
        assert len(runs.runs(store)) == 1
        with pytest.raises(LedgerConflict, match="runs already holds another row for r1"):
            runs.start_run(store, replace(RUN, account="other"))


def test_a_run_that_never_started_cannot_finish(home: Path) -> None:
    with connect(home) as store, pytest.raises(ValueError, match="r9 cannot be finished"):
        runs.finish_run(store, "r9", DONE)
