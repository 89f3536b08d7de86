"""`turbodmt backfill`: what is wrongly asked, and the flow under a real Prefect on the embedded sample."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import ParameterTypeError

from exchange.bars.sample import SampleBars
from flows.backfill import backfill
from flows.config.settings import load
from flows.daily import daily
from flows.planning.backfill_plan import TRADED, BackfillRequest, plan_backfill
from flows.planning.deployed_accounts import ACCOUNT, TAKEN
from flows.runs.interrupts import stoppable
from storage.database import connect
from storage.ledger import order_lookup as order_history
from storage.ledger import runs
from storage.ledger.positions import snapshots
from tasks.backfill.answer_model import BackfillAnswer
from tasks.run.runs import AccountFilled
from testing.accounts.ledgers import contents
from testing.servers.prefect_database import prefect_harness
from tests.flows.conftest import Run

ROOT = Path(__file__).parents[2]
TURBODMT = Path(sys.executable).with_name("turbodmt")
START, END = date(2018, 11, 1), date(2018, 12, 31)
WINDOW = ("--start-date", "2018-11-01", "--end-date", "2018-12-31")
KEYS = {
    "account",
    "symbols",
    "strategy",
    "start",
    "end",
    "days_done",
    "days_skipped",
    "equity",
    "metrics",
    "orders",
    "fills",
    "model_changes",
    "trials",
    "halted",
    "data_sha256",
    "code_version",
    "config",
    "seed",
    "warnings",
    "report",
}


@pytest.mark.parametrize("json_option", [(), ("--json",)])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Missing option '--start-date'"),
        (["--start-date", "2018-01-01"], "Missing option '--end-date'"),
        (["--start-date", "2018", "--end-date", "2018-02-01"], "--start-date is '2018'; it must be a date"),
        (["--start-date", "2018-02-01", "--end-date", "soon"], "--end-date is 'soon'; it must be a date"),
        (
            ["--start-date", "2018-02-01", "--end-date", "2018-01-01"],
            "--start-date 2018-02-01 lies after --end-date 2018-01-01; swap them",
        ),
        (
            ["--start-date", "2019-02-01", "--end-date", "2019-03-01"],
            "--start-date is 2019-02-01, after the last closed bar of sample, 2018-12-31; name that day or an earlier",
        ),
        ([*WINDOW, "--account", "daily"], "--account is 'daily', which `turbodmt daily` trades; name another"),
        ([*WINDOW, "--account", "daily-crypto"], "--account is 'daily-crypto', which `turbodmt daily` trades; name"),
        ([*WINDOW, "--account", "No/Such"], "--account is 'No/Such'; it must be up to 64 lower-case letters"),
        ([*WINDOW, "--capital", "0"], "capital is '0'; it must be greater than 0"),
        (
            [*WINDOW, "--strategy", "luck"],
            "--strategy is 'luck', which is neither a known strategy nor a file such as",
        ),
        ([*WINDOW, "--symbols", "SPX"], "the sample has no SPX; it holds ^GSPC and ^IXIC"),
        ([*WINDOW, "--broker", "testnet-spot"], "No such option: --broker"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence_and_leaves_nothing(
    run: Run, home: Path, arguments: list[str], sentence: str, json_option: tuple[str, ...]
) -> None:
    ended = run("backfill", *arguments, *json_option)
    assert ended.code == 2
    assert ended.failure.startswith(sentence)
    assert not home.exists()


def test_an_end_after_the_last_bar_means_the_last_bar(tmp_path: Path) -> None:
    settings = load({"home": tmp_path, "strategy": "rules"})
    asked = BackfillRequest(start=START, end=date(2030, 1, 1), account=None, clock=datetime.now(tz=UTC))
    planned = plan_backfill(settings, SampleBars(), asked)
    assert planned.job.as_of == END
    assert planned.job.sends_until is None
    assert planned.job.models_of == planned.job.account
    assert planned.job.account.startswith("backfill-2018-11-01-")


# --- under Prefect


@pytest.fixture(scope="module")
def _prefect() -> Iterator[None]:
    with prefect_harness():
        yield


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, _prefect: None) -> tuple[Path, dict[str, Any]]:
    """A home whose backfill was done in two runs, and the answer of the second."""
    folder = tmp_path_factory.mktemp("sample") / "home"
    backfill(start_date=START, end_date=date(2018, 12, 3), strategy="rules", home=folder)
    text = backfill(start_date=START, end_date=END, strategy="rules", home=folder)
    assert BackfillAnswer.model_validate_json(text).to_json() == text
    return folder, json.loads(text)


def test_the_flow_goes_on_to_a_later_end_and_answers_in_the_contract_s_keys(lived: tuple[Path, dict[str, Any]]) -> None:
    folder, answer = lived
    assert set(answer) >= KEYS
    assert (answer["start"], answer["end"]) == (str(START), str(END))
    with connect(folder) as store:
        told = snapshots(store, answer["account"], until=END, last_days=1_000)
    assert answer["days_done"] + answer["days_skipped"] == len(told) == 40
    assert answer["days_skipped"] == 22
    assert answer["equity"] == f"{told[-1].equity.normalize():f}"
    report = Path(answer["report"])
    assert report == folder / "reports" / answer["account"] / "2018-12-31.html"
    assert "2018-12-31" in report.read_text(encoding="utf-8")


def test_a_backfill_that_is_done_is_not_done_again(lived: tuple[Path, dict[str, Any]]) -> None:
    folder, answer = lived
    told = contents(folder)
    again = json.loads(backfill(start_date=START, end_date=END, strategy="rules", home=folder))
    assert (again["days_done"], again["days_skipped"]) == (0, 40)
    assert again["warnings"][-1] == f"{answer['account']} was already filled up to 2018-12-31; nothing was left to do"
    assert {**again, "days_done": 0, "days_skipped": 0, "warnings": 0} == {
        **answer,
        "days_done": 0,
        "days_skipped": 0,
        "warnings": 0,
    }
    assert contents(folder) == told


def test_a_daily_run_refuses_the_account_and_all_else_takes_it(lived: tuple[Path, dict[str, Any]], run: Run) -> None:
    folder, answer = lived
    account, told = answer["account"], contents(folder)
    refused = run("daily", "--account", account, "--as-of", "2018-12-31", "--strategy", "hold", "--home", folder)
    assert (refused.code, refused.failure[: len(account) + 37]) == (
        2,
        f"account {account} is filled by backfills since",
    )
    with pytest.raises(AccountFilled, match="and a daily run would mix with them; name another with --account"):
        daily(as_of=END, strategy="hold", account=account, home=folder)
    assert contents(folder) == told
    with connect(folder) as store:
        assert {record.run.command for record in runs.runs(store)} == {"backfill"}
        order = order_history.beginning(store, "tdmt-", account, most=1)[0].order_id
    for command in (
        ("halt", "--account", account, "--reason", "to see whether it may be"),
        ("resume", "--account", account, "--reason", "it may"),
        ("status", "--account", account),
        ("explain", order, "--account", account),
    ):
        assert run(*command, "--home", folder, "--json").code == 0, command


def test_the_deployments_of_daily_runs_have_accounts_that_no_backfill_takes() -> None:
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    accounts = [
        deployment["parameters"]["account"]
        for deployment in project["deployments"]
        if deployment["name"].startswith("daily")
    ]
    assert sorted(TRADED) == sorted(["daily", ACCOUNT, *accounts])
    assert tuple(accounts) == TAKEN


def test_prefect_shows_the_progress(lived: tuple[Path, dict[str, Any]]) -> None:
    key = ArtifactFilterKey(any_=[f"progress-{lived[1]['account']}"])
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(artifact_filter=ArtifactFilter(key=key), sort=ArtifactSort.CREATED_DESC)
    artifact = artifacts[0]
    assert (artifact.type, artifact.data) == ("progress", 100.0)
    assert "18 of 18 days, 2018-12-31" in str(artifact.description)


@pytest.mark.parametrize(
    ("name", "value"), [("capital", -5), ("start_date", "soon"), ("symbols", ["A;B"]), ("strategy", "trend.py")]
)
def test_parameters_that_make_no_sense_are_refused_before_the_run(name: str, value: object) -> None:
    given = {"start_date": str(START), "end_date": str(END)}
    assert backfill.validate_parameters(given)["start_date"] == START
    with pytest.raises(ParameterTypeError, match=name):
        backfill.validate_parameters({**given, name: value})


def test_the_deployment_asks_for_dates_and_waits_its_turn() -> None:
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    (one,) = [deployment for deployment in project["deployments"] if deployment["name"] == "backfill"]
    assert one["entrypoint"] == "flows/backfill.py:backfill"
    assert (one["schedules"], one["concurrency_limit"]["collision_strategy"]) == ([], "ENQUEUE")
    assert one["concurrency_limit"]["limit"] == 1
    assert backfill.parameters.required == ["start_date", "end_date"]
    shown = backfill.parameters.properties
    assert [name for name, parameter in shown.items() if not parameter.get("description")] == []


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_the_step(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    steps = []
    with pytest.raises(KeyboardInterrupt, match="asked to stop"), stoppable() as stop_if_asked:  # noqa: PT012
        stop_if_asked()
        os.kill(os.getpid(), number)
        steps.append("finished")
        stop_if_asked()
        steps.append("begun")
    assert steps == ["finished"]
    assert signal.getsignal(number) is before
    assert capsys.readouterr().err == "Stopping after this step; once more stops at once.\n"


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def elsewhere() -> None:
        with stoppable() as stop_if_asked:
            stop_if_asked()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(10)
    assert seen == [before]


@pytest.mark.server
def test_a_stopped_command_says_how_to_go_on_and_does(home: Path) -> None:
    command = [
        str(TURBODMT),
        "backfill",
        "--strategy",
        "rules",
        "--start-date",
        "2016-01-04",
        "--end-date",
        "2018-12-31",
    ]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        line = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.stdout.read(), process.stderr.read()
    assert " days, " in line
    assert process.returncode == 130
    assert json.loads(out)["error"]["message"] == "stopped by the user; run the same command again to go on"
    assert "Traceback" not in err
    done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True, timeout=300)
    answer = json.loads(done.stdout)
    assert answer["days_done"] > 0
    assert answer["days_skipped"] > 0
    assert answer["days_done"] + answer["days_skipped"] == 754
