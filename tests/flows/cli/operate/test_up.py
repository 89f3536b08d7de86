"""`turbodmt up` as its user meets it: one command, an address, and everything gone when it is stopped."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from flows.scheduling.deployments import SCHEDULED
from flows.server.password import kept
from flows.server.supervisor import descendants
from flows.server.up_server import DemandedFrom, address, healthy, note
from testing.accounts.ledgers import contents
from testing.markets.bars import SHARE, TOKEN
from testing.servers.prefect_server import ROOT, clean_environment, free_port, until
from testing.servers.up_server import TURBODMT, Up, brought_up
from tests.flows.conftest import Run, write_bars

DAY = "2018-12-28"
#: The bars of the tests end after the bills.
FLAT_RATE = {"TURBODMT_FINANCING_RATE": "0.05"}


def asked_of(account: str) -> dict[str, object]:
    return {"as_of": DAY, "strategy": "rules", "source": "sample", "account": account}


def refused(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [TURBODMT, "up", *arguments],
        env={**clean_environment(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def status_of(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def assert_nobody_else_is_let_in(up: Up) -> None:
    """Whoever has no password gets nothing, by whatever name they call us; no command or log holds it."""
    asked = f"{up.server.api}/block_documents/filter"
    word = b64encode(up.password.encode()).decode()
    for headers, expected in (
        ({}, 401),
        ({"Host": "rebound.example", "Origin": "http://rebound.example"}, 401),
        ({"Authorization": f"Basic {b64encode(b'turbodmt:guessed').decode()}"}, 401),
        ({"Authorization": f"Basic {word}"}, 200),
    ):
        request = urllib.request.Request(asked, b"{}", {"Content-Type": "application/json", **headers}, method="POST")
        assert status_of(request) == expected
    health = urllib.request.Request(f"{up.server.api}/health", headers={"Origin": "http://elsewhere.example"})
    with urllib.request.urlopen(health, timeout=30) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None
    secret = up.password.partition(":")[2]
    for one in descendants(up.process.pid):
        with suppress(psutil.NoSuchProcess):
            assert secret not in " ".join(one.cmdline())
    for log in (up.said, *(up.home / "prefect").glob("*.log"), up.home / "prefect" / "up.json"):
        assert secret not in log.read_text(encoding="utf-8", errors="replace")


def all_well(up: Up) -> dict[str, Any] | None:
    """What `turbodmt doctor` says of each check; None while a part of `up` is not well."""
    checked = subprocess.run(
        [TURBODMT, "doctor", "--json", "--home", str(up.home)],
        env=clean_environment(),
        capture_output=True,
        check=False,
    )
    verdicts = {one["name"]: one for one in json.loads(checked.stdout)["checks"]}
    names = ("prefect server", "worker", "schedule daily-crypto", "schedule watchdog", "automations")
    return verdicts if all(verdicts[name]["ok"] for name in names) else None


@pytest.mark.server
def test_up_deploys_everything_survives_deaths_and_leaves_nothing(tmp_path: Path) -> None:
    undisturbed: list[Any] = []
    write_bars(tmp_path / "bars.csv", SHARE, TOKEN)
    mine = ("--source", "file:bars.csv", "--symbols", "SHARE", "--account", "desk")
    with brought_up(tmp_path, FLAT_RATE, arguments=mine) as up:
        up.await_text("Ctrl-C stops it.")
        assert "Scheduled: SHARE from file:" in up.told()
        assert "UTC, desk" in up.told()
        desk = up.deployment("desk")
        assert desk["parameters"] == {"source": f"file:{tmp_path}/bars.csv", "symbols": ["SHARE"], "account": "desk"}
        (close,) = desk["schedules"]
        assert close["schedule"]["cron"] == "30 16-23 * * 1-5"
        assert (close["schedule"]["timezone"], close["active"]) == ("America/New_York", True)
        assert f"TurboDMT is up: http://127.0.0.1:{up.port}\n" in up.told()
        assert "UTC, daily-crypto" in up.told()
        named = {one["name"] for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
        assert {one["name"] for one in up.server.ask("/deployments/filter", {})} >= named
        assert address(up.home) == up.server.api
        assert_nobody_else_is_let_in(up)

        # The worker may be a moment later than the server.
        verdicts = until(lambda: all_well(up), "a doctor who finds server, worker, schedules and automations well", 60)
        assert verdicts["schedule daily-crypto"]["detail"].startswith("active, next 20")

        code, sentence = refused("--home", str(up.home), "--port", str(free_port()))
        assert (code, f"already up for {up.home}, at http://127.0.0.1:{up.port};" in sentence) == (2, True)

        run = up.start_run("daily-equities", asked_of("worker-killed"))
        up.await_state(run, "RUNNING")
        os.kill(until(lambda: up.part("worker start"), "the worker", 30), signal.SIGKILL)
        up.await_text("The worker ended with code -9; it starts again in 1 s.")
        # Its output has nowhere to go any more: it ends as crashed unless it is done by then.
        up.await_state(run, "CRASHED", "COMPLETED")
        up.await_state(up.start_run("daily-equities", asked_of("worker-killed")), "COMPLETED")

        run = up.start_run("daily-equities", asked_of("server-killed"))
        up.await_state(run, "RUNNING")
        os.kill(until(lambda: up.part("flows.server.socket_server"), "the server", 30), signal.SIGKILL)
        up.await_text("The server ended with code -9; it starts again in 1 s.")
        with pytest.raises(OSError, match="Address already in use"):
            socket.create_server(("127.0.0.1", up.port))
        up.await_state(run, "COMPLETED")

        by_hand = subprocess.run(
            [TURBODMT, "daily", "--home", str(up.home), "--as-of", DAY, "--strategy", "rules", "--account", "by-hand"],
            env=clean_environment(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert by_hand.returncode == 0, by_hand.stderr
        assert "by-hand, 2018-12-28" in " ".join(one["name"] for one in up.server.ask("/flow_runs/filter", {}))

        crypto = up.deployment("daily-crypto")
        switch = f"/deployments/{crypto['id']}/schedules/{crypto['schedules'][0]['id']}"
        up.server.ask(switch, {"active": False, "schedule": {"cron": "5 1 * * *", "timezone": "UTC"}}, "PATCH")
        own = [{"active": False, "schedule": {"cron": "30 2 * * *", "timezone": "UTC"}}]
        up.server.ask(f"/deployments/{crypto['id']}/schedules", own)
        up.pause("watchdog", "watchdog")
        moved = {"active": False, "schedule": {"cron": "0 20 * * 1-5", "timezone": "UTC"}}
        up.server.ask(f"/deployments/{desk['id']}/schedules/{close['id']}", moved, "PATCH")
        up.pause("desk")
        assert up.stop(signal.SIGTERM) == 0
        assert "Stopped." in up.told()
        assert address(up.home) is None
        assert not (up.home / "prefect" / "up.json").exists()

    told = contents(up.home)
    for account in ("worker-killed", "server-killed", "by-hand"):
        rows = {
            name: [row[1:] for row in told[name] if row[0] == account] for name in ("decisions", "account_snapshots")
        }
        assert rows["decisions"]
        assert rows == (undisturbed := undisturbed or rows)

    with brought_up(tmp_path, FLAT_RATE, arguments=mine) as again:
        again.await_text("Ctrl-C stops it.")
        schedules = [(one["slug"], one["schedule"]["cron"]) for one in again.deployment("daily-crypto")["schedules"]]
        assert set(schedules) == {("after-utc-midnight", "5 1 * * *"), (None, "30 2 * * *")}, "a schedule was set back"
        assert not any(one["active"] for one in again.deployment("daily-crypto")["schedules"]), "one was switched on"
        assert again.deployment("watchdog", "watchdog")["paused"] is True, "a deployment that the user paused goes on"
        assert "desk is scheduled already" in again.told()
        (close,) = (desk := again.deployment("desk"))["schedules"]
        assert (desk["paused"], close["active"], close["schedule"]["cron"]) == (True, False, "0 20 * * 1-5")
        # Whoever is killed cannot clean up: the kernel tells the children.
        assert again.stop(signal.SIGKILL) == -9
        assert address(again.home) is None


@pytest.mark.slow
@pytest.mark.server
def test_a_run_that_died_with_its_worker_is_told_and_frees_its_place(tmp_path: Path) -> None:
    with brought_up(tmp_path) as up:
        up.await_text("Ctrl-C stops it.")
        dead = up.start_run("daily-equities", asked_of("killed"))
        up.await_state(dead, "RUNNING")
        worker = until(lambda: up.part("worker start"), "the worker", 30)
        for one in [psutil.Process(worker), *descendants(worker)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        after = up.start_run("daily-equities", asked_of("killed"))
        told = up.await_state(dead, "CRASHED")
        assert told["state"]["message"].startswith("Its process is gone: no heartbeat came.")
        up.await_state(after, "COMPLETED")


def test_what_is_expected_to_be_scheduled_is_what_prefect_yaml_switches_on() -> None:
    listed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert tuple(one["name"] for one in listed if any(each["active"] for each in one["schedules"])) == SCHEDULED


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, sentence = refused("--home", str(tmp_path / "home"), "--port", str(port))
    assert (code, sentence) == (
        2,
        f"turbodmt: port {port} at 127.0.0.1 cannot be taken (Address already in use); stop what listens there, or "
        "name another --port\n",
    )


@pytest.mark.parametrize("secret", ["", "only-a-password", ":word", "user:"])
def test_beyond_loopback_a_password_is_demanded(tmp_path: Path, secret: str) -> None:
    environment = {"PREFECT_SERVER_API_AUTH_STRING": secret} if secret else {}
    code, sentence = refused("--home", str(tmp_path / "home"), "--host", "0.0.0.0", environment=environment)
    assert code == 2
    assert sentence.startswith("turbodmt: --host is 0.0.0.0, beyond this machine,")
    assert "PREFECT_SERVER_API_AUTH_STRING to user:password" in sentence
    assert "only-a" not in sentence
    assert ":word" not in sentence


def test_another_server_s_address_is_not_taken_over(tmp_path: Path) -> None:
    elsewhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    code, sentence = refused("--home", str(tmp_path / "home"), environment=elsewhere)
    assert (code, "PREFECT_API_URL is http://127.0.0.1:9/api, and `up` would" in sentence) == (2, True)


def test_what_a_killed_server_left_behind_counts_for_nothing(tmp_path: Path) -> None:
    assert address(tmp_path) is None
    note(tmp_path, f"http://127.0.0.1:{free_port()}/api", 1, DemandedFrom.HOME)
    assert address(tmp_path) is None
    (tmp_path / "prefect" / "up.json").write_text("[]")
    assert address(tmp_path) is None
    assert healthy("no address") is False


def test_the_secret_is_shown_on_request_and_the_same_every_time(run: Run, home: Path) -> None:
    shown = run("up", "--show-secret")
    assert (shown.code, shown.out) == (0, f"{kept(home)}\n")
    assert run("up", "--show-secret").out == shown.out
