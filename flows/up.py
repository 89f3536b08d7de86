"""`turbodmt up`: Prefect's server, the deployments and a worker, for one person on one machine, until it is stopped."""

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from flows.console import finish
from flows.options import Home
from flows.standing_server import forget, healthy, note
from flows.supervisor import Kept, Program, supervise

Json = dict[str, Any]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEALTH_S = 120.0
#: How long the scheduler may take to write down the first runs.
SCHEDULED_S = 15.0
SECRET = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 (its name)


class UpRefused(ValueError):
    """What was asked for cannot be brought up as it is (exit 2)."""


class ServerSilent(Exception):
    """The server was started and did not answer in time (exit 4)."""


def up(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.", min=1, max=65_535)] = 4200,
    home: Home = None,
) -> None:
    """Start the server, the deployments and a worker, and keep them running until Ctrl-C."""
    finish(lambda: run_up({"home": home}, host, port), lambda answer: str(answer["said"]), as_json=False)


def run_up(given: Mapping[str, object], host: str, port: int) -> Json:
    """What to say at the end; the servers run until SIGINT (KeyboardInterrupt then) or SIGTERM."""
    from flows.prefect_home import prepare
    from flows.settings import load

    home = load(given).home
    _demand_secret(host)
    prepare(home, "WARNING")
    with _alone(home), _stoppable() as (stop, received):
        environment = _environment(home, host, port)
        _demand_free(host, port)
        os.environ.update(environment)
        kept = [Kept(_server(home, host, port, environment))]
        try:
            _await_health(kept[0], environment["PREFECT_API_URL"], stop)
            if not stop.is_set():
                _say("Deploying ...")
                _deploy(environment)
            if not stop.is_set():
                kept.append(Kept(_worker(home, environment)))
                note(home, environment["PREFECT_API_URL"], os.getpid())
                _say(_greeting(home, environment["PREFECT_API_URL"].removesuffix("/api")))
                supervise(kept, stop, _say)
        finally:
            forget(home)
            for one in reversed(kept):
                one.stop()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    return {"said": "Stopped. Nothing runs any more; `turbodmt up` goes on where it was."}


def _environment(home: Path, host: str, port: int) -> dict[str, str]:
    """What server, worker and commands share; secrets go this way alone."""
    # Whoever listens everywhere is reached on loopback.
    reached = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104 (compared, not bound)
    api = f"http://{f'[{reached}]' if ':' in reached else reached}:{port}/api"
    named = os.environ.get("PREFECT_API_URL")
    if named not in (None, api):
        raise UpRefused(
            f"PREFECT_API_URL is {named}, and `up` would listen at {api}; unset it, or start a worker there"
        )
    return {
        **os.environ,
        "PREFECT_API_URL": api,
        "TURBODMT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def _server(home: Path, host: str, port: int, environment: Mapping[str, str]) -> Program:
    command = (sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port))
    return Program(name="server", command=command, environment=environment, log=home / "prefect" / "server.log")


def _worker(home: Path, environment: Mapping[str, str]) -> Program:
    from flows.deployments import POOL

    command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process")
    return Program(name="worker", command=command, environment=environment, log=home / "prefect" / "worker.log")


def _deploy(environment: Mapping[str, str]) -> None:
    # Prefect reads its settings when it is imported, so not before the environment is set.
    from flows.deployments import deploy

    deploy(environment)


def _greeting(home: Path, url: str) -> str:
    from flows.scheduled import next_runs

    deadline = time.monotonic() + SCHEDULED_S
    runs: list[str] = []
    while not runs and time.monotonic() < deadline:
        runs, _ = next_runs(home)
        time.sleep(0.5)
    planned = [f"  {one}" for one in runs] or ["  nothing is scheduled; see the deployments' page"]
    return "\n".join([f"TurboDMT is up: {url}", "Next runs:", *planned, "Ctrl-C stops it."])


def _await_health(server: Kept, api: str, stop: Event) -> None:
    _say("Starting Prefect's server ...")
    deadline = time.monotonic() + HEALTH_S
    while not healthy(api):
        if stop.wait(0.25):
            return
        if server.ended is not None or time.monotonic() > deadline:
            raise ServerSilent(
                f"Prefect's server did not answer at {api}; the reason stands in {server.program.log}, and if it stays "
                "so move that folder away, which holds nothing but Prefect's records"
            )


def _demand_secret(host: str) -> None:
    if host in LOOPBACK:
        return
    user, colon, word = os.environ.get(SECRET, "").partition(":")
    if not (user and colon and word):
        raise UpRefused(
            f"--host is {host}, beyond this machine, and whoever reaches it could start runs; set {SECRET} to "
            "user:password, or leave --host out"
        )


def _demand_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UpRefused(
                f"port {port} at {host} cannot be taken ({error.strerror}); stop what listens there, or name another "
                "--port"
            ) from error


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """None; no other `turbodmt up` serves the home meanwhile. Raises UpRefused."""
    from flows.standing_server import address, lock_file

    with lock_file(home).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            url = (address(home) or "an address that does not answer yet").removesuffix("/api")
            raise UpRefused(f"TurboDMT is already up for {home}, at {url}; use that, or stop it first") from error
        yield


@contextmanager
def _stoppable() -> Iterator[tuple[Event, list[int]]]:
    """An event that SIGINT and SIGTERM set, and which of them came."""
    stop, received = Event(), list[int]()

    def asked(number: int, _: object) -> None:
        received.append(number)
        stop.set()

    before = {one: signal.signal(one, asked) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop, received
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
