"""The deployments of prefect.yaml under a real server and worker, from the schedule to the artifacts."""

import json
import logging
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.scheduling.deployments import JOB_TEMPLATE
from testing.servers.prefect_database import put_database
from testing.servers.prefect_server import (
    ENDED,
    ROOT,
    PrefectServer,
    clean_environment,
    listening_addresses,
    prefect_server,
    until,
    worker,
)

pytestmark = pytest.mark.server

POOL = "turbodmt"
DEPLOYMENTS = ("daily-crypto", "daily-equities", "train", "backfill", "halt", "resume", "watchdog")
STEPS = ("ingest", "validate", "settle", "retrain if due", "signal", "order", "reconcile", "report")
#: Time for a run to be scheduled, picked up, waited for in turn, and done, on a busy machine.
RUN_TIMEOUT_S = 150
DAY = {"as_of": "2018-12-31", "strategy": "rules", "source": "sample", "account": "soon"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The server, with all of prefect.yaml and a copy of daily-crypto that runs the sample every twenty seconds."""

    server: PrefectServer
    home: Path

    def deployment(self, name: str) -> Any:
        flow = "daily" if name in ("daily-crypto", "daily-equities", "soon") else name
        return self.server.ask(f"/deployments/name/{flow}/{name}")

    def finished_runs(self, name: str, least: int) -> list[Any]:
        """The first runs of the deployment in the order they ended; waits for that many, which must not crash."""
        question = {
            "deployments": {"name": {"any_": [name]}},
            "flow_runs": {"state": {"type": {"any_": [*ENDED]}}},
            "sort": "END_TIME_DESC",
        }

        def found() -> list[Any] | None:
            runs = self.server.ask("/flow_runs/filter", question)[::-1]
            return runs if len(runs) >= least else None

        return until(found, f"{least} finished runs of {name}", RUN_TIMEOUT_S)

    def of_run(self, kind: str, run: Any) -> list[Any]:
        """The logs or artifacts of a run."""
        answer: list[Any] = self.server.ask(f"/{kind}/filter", {kind: {"flow_run_id": {"any_": [run["id"]]}}})
        return answer


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("server")
    home = folder / "home"
    put_database(folder / "prefect")
    with prefect_server(folder) as server:
        server.command("work-pool", "create", POOL, "--type", "process", "--base-job-template", str(JOB_TEMPLATE))
        yield from served(server, folder, home)


def served(server: PrefectServer, folder: Path, home: Path) -> Iterator[Deployed]:
    with worker(server, POOL, home):
        soon = folder / "soon.yaml"
        soon.write_text(yaml.safe_dump(with_soon()), encoding="utf-8")
        server.command("deploy", "--all", "--prefect-file", str(soon))
        yield Deployed(server=server, home=home)


def with_soon() -> dict[str, Any]:
    """The project's own deployments, and `soon`: daily-crypto on the sample's last day, every twenty seconds."""
    project: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    crypto = next(deployment for deployment in project["deployments"] if deployment["name"] == "daily-crypto")
    start = datetime.now(tz=UTC) + timedelta(seconds=5)
    schedule = {"slug": "soon", "interval": 20, "anchor_date": start.isoformat(), "active": True}
    project["deployments"].append({**crypto, "name": "soon", "parameters": DAY, "schedules": [schedule]})
    return project


@pytest.fixture(scope="module")
def first_run(deployed: Deployed) -> Any:
    return deployed.finished_runs("soon", 1)[0]


def test_deploy_creates_the_scheduled_deployments(deployed: Deployed) -> None:
    crypto, equities, train = (deployed.deployment(name) for name in ("daily-crypto", "daily-equities", "train"))
    schedules = [
        (schedule["schedule"], schedule["active"]) for each in (crypto, equities) for schedule in each["schedules"]
    ]
    assert schedules == [
        ({"cron": "5,35 0-11 * * *", "timezone": "UTC", "day_or": True}, True),
        ({"cron": "30 16-23 * * 1-5", "timezone": "America/New_York", "day_or": True}, False),
    ]
    assert train["schedules"] == []
    assert crypto["parameters"]["account"] != equities["parameters"]["account"]


def test_what_writes_runs_one_at_a_time_in_turn(deployed: Deployed) -> None:
    for name in DEPLOYMENTS:
        deployment = deployed.deployment(name)
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert deployment["work_pool_name"] == POOL


def test_every_parameter_is_explained(deployed: Deployed) -> None:
    for name in DEPLOYMENTS:
        properties = deployed.deployment(name)["parameter_openapi_schema"]["properties"]
        assert [parameter for parameter, shown in properties.items() if not shown.get("description")] == []


def test_a_scheduled_run_appears_and_completes(first_run: Any) -> None:
    assert (first_run["state_type"], first_run["auto_scheduled"]) == ("COMPLETED", True)
    said = "Equity 10,000.00 at the close of 2018-12-31; fills: 0, orders: 2, warnings: 0."
    assert first_run["state"]["message"] == said
    assert first_run["name"] == "soon, 2018-12-31, ^GSPC ^IXIC"


def test_each_step_is_one_task_run(deployed: Deployed, first_run: Any) -> None:
    done = deployed.server.task_runs([first_run["id"]], len(STEPS))
    steps = {step["name"]: step["state_type"] for step in done}
    assert steps == dict.fromkeys(STEPS, "COMPLETED")


def test_the_artifacts_of_a_run_tell_the_day(deployed: Deployed, first_run: Any) -> None:
    artifacts = {one["key"]: one for one in deployed.of_run("artifacts", first_run) if one["key"]}
    # A busy machine takes long enough to show its progress.
    artifacts.pop("progress-soon", None)
    assert {key: artifact["type"] for key, artifact in artifacts.items()} == {
        "decisions-soon": "table",
        "validation-soon": "table",
        "orders-soon": "table",
        "fills-soon": "table",
        "risk-soon": "table",
        "summary-soon": "markdown",
        "equity-soon": "markdown",
        "report-soon": "markdown",
        "accounts": "markdown",
        "reconciliation-soon": "table",
    }
    reconciled = {row["What"]: row["Value"] for row in json.loads(artifacts["reconciliation-soon"]["data"])}
    assert (reconciled["Difference"], reconciled["Decisions equal"]) == ("0", "2")
    decisions = json.loads(artifacts["decisions-soon"]["data"])
    assert [row["Symbol"] for row in decisions] == ["^GSPC", "^IXIC"]
    verdicts = json.loads(artifacts["validation-soon"]["data"])
    assert [row["Verdict"].partition(",")[0] for row in verdicts] == ["passed", "passed"]
    assert json.loads(artifacts["fills-soon"]["data"]) == [{"Fills": "Nothing was filled."}]
    risk = {row["What"]: row for row in json.loads(artifacts["risk-soon"]["data"])}
    assert risk["Drawdown"] == {"What": "Drawdown", "Now": "0.0%", "Limit": "halts at 35.0%"}
    assert risk["Halted"]["Now"] == "no"
    report = deployed.home / "reports" / "soon" / "2018-12-31.html"
    assert report.is_file()
    assert report.as_uri() in artifacts["report-soon"]["data"]
    assert str(report) in artifacts["summary-soon"]["data"]
    index = deployed.home / "reports" / "index.html"
    assert index.as_uri() in artifacts["accounts"]["data"]
    assert 'href="soon/2018-12-31.html"' in index.read_text(encoding="utf-8")
    before, _, picture = artifacts["equity-soon"]["data"].removesuffix(")").partition("(data:image/svg+xml;base64,")
    assert before == "![Equity of account soon]"
    assert b64decode(picture).startswith(b"<svg")


def test_the_log_of_a_run_holds_what_the_steps_say(deployed: Deployed, first_run: Any) -> None:
    def said() -> list[str] | None:
        lines = [line["message"] for line in deployed.of_run("logs", first_run) if line["name"].startswith("tasks.")]
        return lines if any(line.startswith("The report of 2018-12-31") for line in lines) else None

    lines = until(said, "the log of the run", 30)
    assert any(line.startswith("Account soon opens on 2018-12-31") for line in lines)


def test_a_run_cannot_tell_the_worker_another_command_environment_or_folder(deployed: Deployed, tmp_path: Path) -> None:
    made = tmp_path / "made"
    halt = deployed.deployment("halt")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(f"open({str(made)!r}, 'w')")
    variables = {
        "command": f"touch {made}",
        "env": {"PYTHONPATH": str(tmp_path / "site"), "TURBODMT_HOME": str(tmp_path / "other")},
        "working_dir": str(tmp_path),
    }
    for variable in variables:
        with pytest.raises(AssertionError, match="409"):
            deployed.server.ask(
                f"/deployments/{halt['id']}/create_flow_run", {"job_variables": {variable: variables[variable]}}
            )
    # This way in Prefect checks nothing, and the worker has to hold out.
    asked = {
        "flow_id": halt["flow_id"],
        "deployment_id": halt["id"],
        "parameters": {"account": "nobody", "reason": "to see what it runs"},
        "job_variables": variables,
        "work_pool_name": POOL,
        "state": {"type": "SCHEDULED"},
    }
    deployed.server.ask("/flow_runs/", asked)
    (run,) = deployed.finished_runs("halt", 1)
    assert "nobody" in run["state"]["message"], "the flow itself has run, and found no such account"
    assert not made.exists()
    assert not (tmp_path / "other").exists()


def test_a_second_run_of_a_day_finds_nothing_left_to_do(deployed: Deployed) -> None:
    second = deployed.finished_runs("soon", 2)[1]
    deployed.server.ask(f"/deployments/{deployed.deployment('soon')['id']}/pause_deployment", {})

    def said() -> str | None:
        lines = [line["message"] for line in deployed.of_run("logs", second) if line["name"] == "flows.daily"]
        return lines[0] if lines else None

    assert until(said, "the log of the second run", 30) == "2018-12-31 was already done; nothing was left to do."
    assert (second["state_type"], deployed.server.task_runs([second["id"]], 0)) == ("COMPLETED", [])


def test_a_failing_run_is_failed_with_its_reason_in_one_sentence(deployed: Deployed) -> None:
    parameters = {"account": "wrong", "source": "sample", "symbols": ["NOPE"]}
    equities = deployed.deployment("daily-equities")["id"]
    deployed.server.ask(f"/deployments/{equities}/create_flow_run", {"parameters": parameters})
    failed = deployed.finished_runs("daily-equities", 1)[0]
    assert failed["state_type"] == "FAILED"
    reason = "the sample has no NOPE; it holds ^GSPC and ^IXIC, so name one of these"
    assert failed["state"]["message"] == reason

    def said() -> list[str] | None:
        lines = [line["message"] for line in deployed.of_run("logs", failed) if line["level"] >= logging.ERROR]
        return lines or None

    assert until(said, "the log of the failed run", 30) == [f"The{reason.removeprefix('the')}."]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="there is no /proc/net/tcp here")
def test_nothing_listens_beyond_loopback(deployed: Deployed) -> None:
    # 127.0.0.1 in the byte order of a little-endian machine.
    assert listening_addresses(deployed.server) == {"0100007F"}


def turbodmt(*arguments: str, folder: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli.main import main; main()", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_status_names_the_next_scheduled_runs_of_its_account(
    deployed: Deployed, first_run: Any, tmp_path: Path
) -> None:
    environment = {**clean_environment(), "PREFECT_API_URL": deployed.server.api}

    def status(account: str) -> Any:
        asked = ("status", "--account", account, "--home", str(deployed.home), "--json")
        done = turbodmt(*asked, folder=tmp_path, environment=environment)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    answer = status("soon")
    assert answer["as_of"] == "2018-12-31"
    # It may be paused by now, which is said.
    assert all(warning.startswith("the schedule of soon is switched off") for warning in answer["warnings"])
    assert all(run.endswith(" UTC, soon") for run in answer["next_runs"])
    crypto = status("daily-crypto")["next_runs"]
    assert crypto
    assert crypto == sorted(crypto)
    assert all(run.endswith(" UTC, daily-crypto") for run in crypto)


def test_status_says_that_the_server_does_not_answer(tmp_path: Path) -> None:
    environment = {**clean_environment(), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = turbodmt("status", "--home", str(tmp_path / "home"), "--json", folder=tmp_path, environment=environment)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["next_runs"] == []
    assert "does not answer" in answer["warnings"][0] or "stopped answering" in answer["warnings"][0]


def test_a_day_is_the_same_with_a_server_and_without_one(deployed: Deployed, tmp_path: Path) -> None:
    """With one it is a flow of tasks with artifacts; without one its steps are plain functions."""
    answers = {}
    for name, more in (("tracked", {"PREFECT_API_URL": deployed.server.api}), ("alone", {})):
        home = tmp_path / name
        asked = (
            "daily",
            "--as-of",
            "2018-12-31",
            "--strategy",
            "rules",
            "--account",
            name,
            "--home",
            str(home),
            "--json",
        )
        done = turbodmt(*asked, folder=tmp_path, environment={**clean_environment(), **more})
        assert (done.returncode, done.stderr) == (0, "")
        answer = json.loads(done.stdout)
        assert Path(answer.pop("report")).is_file()
        assert answer.pop("run_id")
        assert answer.pop("account") == name
        for order in answer["orders"]:
            del order["order_id"]
        answers[name] = answer
    assert answers["tracked"] == answers["alone"]
    assert sorted(answers["alone"]["symbols"]) == ["^GSPC", "^IXIC"]
    (run,) = deployed.server.ask("/flow_runs/filter", {"flow_runs": {"name": {"like_": "tracked, 2018-12-31"}}})
    steps = deployed.server.task_runs([run["id"]], len(STEPS))
    assert (run["state_type"], sorted(step["name"] for step in steps)) == ("COMPLETED", sorted(STEPS))
    asked_for = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    keys = {artifact["key"] for artifact in deployed.server.ask("/artifacts/filter", asked_for)}
    assert {"validation-tracked", "summary-tracked", "report-tracked", "reconciliation-tracked"} <= keys
    assert not (tmp_path / "alone" / "prefect" / "prefect.db").exists()
