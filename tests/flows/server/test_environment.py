"""How Prefect is set up for a command."""

import logging
import os
import subprocess
from pathlib import Path

import pytest
from prefect.settings.models.server.services import ServerServicesDBVacuumSettings

from flows.server.environment import NotOfTheRun, prepare
from testing.servers.prefect_server import clean_environment, free_port
from testing.servers.up_server import TURBODMT


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    monkeypatch.setattr(os, "environ", kept)


def test_prefect_keeps_its_files_in_the_home_for_the_user_alone(tmp_path: Path) -> None:
    prepare(tmp_path / "home", "WARNING")
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home" / "prefect")
    assert (tmp_path / "home" / "prefect").stat().st_mode & 0o077 == 0


def test_what_the_user_has_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PREFECT_HOME", "/mine")
    monkeypatch.setitem(os.environ, "PREFECT_LOGGING_LEVEL", "DEBUG")
    prepare(tmp_path / "home", "WARNING")
    assert (os.environ["PREFECT_HOME"], os.environ["PREFECT_LOGGING_LEVEL"]) == ("/mine", "DEBUG")


def test_prefect_forgets_old_runs_unless_the_user_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"
    prepare(tmp_path / "home", "WARNING")
    assert ServerServicesDBVacuumSettings(enabled=os.environ[kinds]).enabled_vacuum_types >= {"events", "flow_runs"}
    monkeypatch.setitem(os.environ, kinds, "events")
    prepare(tmp_path / "home", "WARNING")
    assert os.environ[kinds] == "events"


def test_nothing_is_reported_to_anyone(tmp_path: Path) -> None:
    prepare(tmp_path / "home", "WARNING")
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_a_setting_that_prefect_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [TURBODMT, "up", "--home", str(tmp_path / "home"), "--port", str(free_port())],
        env={**clean_environment(), "PREFECT_LOGGING_LEVEL": "verbose"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    refused = "PREFECT_LOGGING_LEVEL is 'verbose'; it must be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"
    assert (done.returncode, done.stderr) == (2, f"turbodmt: {refused}: correct it, or unset it\n")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("tasks.data.ingest", False), ("flows.daily", False), ("prefect.flow_runs", False), ("prefect.client", True)],
)
def test_the_console_does_not_repeat_what_the_run_logs(name: str, shown: bool) -> None:
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, "text", None, None)
    assert NotOfTheRun().filter(record) is shown
