"""What a day without a Prefect server imports: only what it needs, and a day that is done almost nothing."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.runs.interrupts import TerminationSignal, unwinding
from storage.database import connect
from storage.ledger import runs
from tasks.daily.steps import DaySteps
from tasks.operations.halt import halt
from tasks.prefect_tasks import AS_TASKS
from testing.servers.prefect_server import ROOT, clean_environment

#: Imports that take longer than all else that a day that is done has to do.
HEAVY = (
    *("altair", "great_expectations", "numba", "pandas", "prefect", "pyarrow", "rich"),
    *("scipy", "scipy.stats", "sqlalchemy", "torch"),
)
#: What Prefect itself imports in every run.
PREFECTS = ("prefect", "rich", "sqlalchemy")
PROGRAM = """
import sys
from flows.cli.main import run
code = run(sys.argv[1:])
print([name for name in {heavy} if name in sys.modules], file=sys.stderr)
raise SystemExit(code)
"""


def imported(*arguments: str, folder: Path) -> tuple[dict[str, object], str]:
    """The answer of the command, and which heavy modules its process has imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments],
        cwd=folder,
        env={**clean_environment(), "PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    return json.loads(done.stdout), done.stderr.splitlines()[-1]


def test_a_day_without_a_server_imports_no_prefect_and_a_second_run_nothing_heavy(tmp_path: Path) -> None:
    asked = ("daily", "--as-of", "2018-12-31", "--strategy", "rules", "--home", str(tmp_path / "home"), "--json")
    first, heavy = imported(*asked, folder=tmp_path)
    assert "'great_expectations'" in heavy
    # The last three are what the gate's own library would import and never use.
    assert [name for name in ("prefect", "torch", "altair", "scipy.stats", "sqlalchemy") if f"'{name}'" in heavy] == []
    again, heavy = imported(*asked, folder=tmp_path)
    assert heavy == "[]"
    assert again.pop("warnings") == ["2018-12-31 was already done; nothing was left to do"]
    assert first.pop("warnings") == []
    assert again == first
    # What has been written since may bear on the answer, which is then found again, with what it takes.
    halt(tmp_path / "home", "daily", "a test", datetime(2019, 1, 1, tzinfo=UTC))
    found, heavy = imported(*asked, folder=tmp_path)
    assert "pandas" in heavy
    assert found.pop("warnings") == ["2018-12-31 was already done; nothing was left to do"]
    assert found == first


def test_the_daily_flow_imports_nothing_heavy_before_it_knows_that_there_is_work() -> None:
    """A schedule repeats each day many times, in a process each."""
    heavy = tuple(name for name in (*HEAVY, "requests") if name not in PREFECTS)
    program = f"import sys, flows.daily; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_every_step_is_a_task_under_prefect() -> None:
    for name in DaySteps.__dataclass_fields__:
        assert type(getattr(AS_TASKS, name)).__name__ == "Task"


def test_sigterm_unwinds_the_run_and_then_has_its_usual_effect() -> None:
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        usual = signal.getsignal(signal.SIGTERM)
        with pytest.raises(TerminationSignal, match=r"^$"), unwinding():  # noqa: PT012
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                came.append("unwound")
        assert came == ["unwound", signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is usual
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_terminated_day_records_that_it_failed(tmp_path: Path) -> None:
    """The source ends the process while the day waits for it."""
    home = tmp_path / "home"
    program = """
import os, signal, sys
from exchange.bars.sample import SampleBars
from flows.cli.main import run
SampleBars.fetch = lambda *given: os.kill(os.getpid(), signal.SIGTERM)
run(sys.argv[1:])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "daily", "--as-of", "2018-12-31", "--strategy", "rules", "--home", str(home)],
        cwd=tmp_path,
        env={**clean_environment(), "PYTHONPATH": str(Path(__file__).parents[4])},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    with connect(home) as store:
        (record,) = runs.runs(store)
    assert record.outcome is not None
    assert (record.outcome.status, record.outcome.warnings) == ("failed", ("TerminationSignal",))
