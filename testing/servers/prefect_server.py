"""A real Prefect server and worker on loopback, as processes of their own that end with the test."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
#: States in which a run stays.
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_POLL_S = 0.25
#: Time for the reports on task runs to arrive, on a busy machine.
_REPORTED_S = 60
#: State of a listening socket in /proc/net/tcp.
_LISTENING = "0A"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefectServer:
    """A running server: its address, its folder, and the environment in which commands find it."""

    api: str
    folder: Path
    environment: Mapping[str, str]
    #: The user:password that it demands, if any.
    password: str | None = field(default=None, repr=False)

    def ask(self, path: str, question: Mapping[str, object] | None = None, method: str | None = None) -> Any:
        """The JSON answer of the API: to a POST of the question, or another method, or to a GET if there is none.

        The server answers 503, and has done nothing, while its own database is locked, and on a busy machine it may not
        answer in time. Like Prefect's client this asks again, at most five times; what must happen once needs a key.
        """
        body = None if question is None else json.dumps(question).encode()
        headers = {"Content-Type": "application/json"}
        if self.password is not None:
            headers["Authorization"] = f"Basic {b64encode(self.password.encode()).decode()}"
        request = urllib.request.Request(f"{self.api}{path}", data=body, headers=headers, method=method)
        for pause_s in (1, 2, 4, 8, None):
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    content = response.read()
                return json.loads(content) if content else None
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or pause_s is None:
                    raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error
                time.sleep(pause_s)
            except TimeoutError:
                if pause_s is None:
                    raise
        raise AssertionError("the last try has returned or raised")

    def task_runs(self, flow_runs: Sequence[str], least: int) -> list[Any]:
        """The task runs of these flow runs, at least so many, each in its final state.

        Prefect reports them on a way of their own, and the last states arrive after that of the flow run.
        """
        question = {"flow_runs": {"id": {"any_": [*flow_runs]}}}

        def final() -> list[Any] | None:
            found: list[Any] = self.ask("/task_runs/filter", question)
            return found if len(found) >= least and all(each["state_type"] in ENDED for each in found) else None

        return until(final, f"{least} task runs that have ended", _REPORTED_S)

    def command(self, *arguments: str, folder: Path = ROOT) -> str:
        """Return what `prefect ARGUMENTS` printed; it must succeed, and may ask for nothing."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def until(answer: Callable[[], T | None], what: str, timeout_s: float) -> T:
    """The first answer that is not None; raises AssertionError with what was waited for if there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = answer()
        if found is not None:
            return found
        time.sleep(_POLL_S)
    raise AssertionError(f"waited {timeout_s:.0f} s for {what} in vain")


def clean_environment() -> dict[str, str]:
    """The environment without a trace of Prefect or TurboDMT."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "TURBODMT_"))}
    return {**kept, "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "GX_ANALYTICS_ENABLED": "false"}


@contextmanager
def prefect_server(folder: Path) -> Iterator[PrefectServer]:
    """A server on a free port of loopback that keeps everything in the folder; stopped at the end, whatever happens."""
    port = free_port()
    environment = {
        **clean_environment(),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    server = PrefectServer(api=environment["PREFECT_API_URL"], folder=folder, environment=environment)
    arguments = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
    with _process("server", arguments, folder, environment) as process:

        def healthy() -> bool | None:
            assert process.poll() is None, f"the server ended early: {_log(folder, 'server')}"
            try:
                return bool(server.ask("/health")) or None
            except OSError:
                return None

        until(healthy, "the server's health", 90)
        yield server


@contextmanager
def worker(server: PrefectServer, pool: str, home: Path) -> Iterator[None]:
    """Run a process worker on the pool within the context, with the home as TURBODMT_HOME."""
    told = {"PREFECT_LOGGING_EXTRA_LOGGERS": "tasks,flows", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    environment = {
        **server.environment,
        **told,
        "TURBODMT_HOME": str(home),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    arguments = ("worker", "start", "--pool", pool, "--type", "process")
    with _process("worker", arguments, server.folder, environment) as process:

        def pool_there() -> bool | None:
            assert process.poll() is None, f"the worker ended early: {_log(server.folder, 'worker')}"
            return any(item["name"] == pool for item in server.ask("/work_pools/filter", {})) or None

        until(pool_there, f"the pool {pool}", 60)
        yield


def listening_addresses(server: PrefectServer) -> set[str]:
    """The addresses (hexadecimal, as /proc has them) on which processes of this server or its worker listen."""
    inodes = {inode for process in _processes_of(server) for inode in _socket_inodes(process)}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


def _processes_of(server: PrefectServer) -> list[Path]:
    mark = f"PREFECT_API_URL={server.api}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(process)
        except OSError:
            continue
    return found


def _socket_inodes(process: Path) -> set[str]:
    inodes = set()
    try:
        for descriptor in (process / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[len("socket:[") : -1])
    except OSError:
        return inodes
    return inodes


def free_port() -> int:
    """A port of loopback that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _process(
    name: str, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """`prefect ARGUMENTS` in a session of its own, its output in the folder; first asked to stop, then made to."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.terminate()
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End every process of the session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def _log(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2_000:]
