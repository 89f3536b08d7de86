"""`turbodmt up` for a test: a process of its own, its address and its runs, and nothing left of it at the end."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from flows.server.supervisor import descendants
from flows.server.up_server import up_lock
from testing.servers.prefect_database import put_database
from testing.servers.prefect_server import PrefectServer, clean_environment, free_port, until

TURBODMT = str(Path(sys.executable).with_name("turbodmt"))
START_S, END_S, RUN_S = 150, 60, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A running `turbodmt up`."""

    process: "subprocess.Popen[bytes]"
    home: Path
    port: int
    said: Path

    @property
    def server(self) -> PrefectServer:
        return PrefectServer(
            api=f"http://127.0.0.1:{self.port}/api",
            folder=self.home,
            environment=clean_environment(),
            password=self.password,
        )

    @property
    def password(self) -> str:
        """The user:password of the page, as `turbodmt up --show-secret` prints it."""
        return (self.home / "server-password").read_text(encoding="ascii").strip()

    def told(self) -> str:
        return self.said.read_text(encoding="utf-8")

    def await_text(self, text: str, count: int = 1) -> None:
        def there() -> bool | None:
            assert self.process.poll() is None, self.told()
            return self.told().count(text) >= count or None

        until(there, f"{text!r} in what is said", START_S)

    def part(self, words: str) -> int | None:
        """The process of the server or the worker."""
        for descendant in descendants(self.process.pid):
            with suppress(psutil.NoSuchProcess):
                if words in " ".join(descendant.cmdline()):
                    return int(descendant.pid)
        return None

    def deployment(self, name: str, flow: str = "daily") -> Any:
        return self.server.ask(f"/deployments/name/{flow}/{name}")

    def pause(self, name: str, flow: str = "daily") -> None:
        """Pause the deployment's schedules, for later servers of the home too."""
        self.server.ask(f"/deployments/{self.deployment(name, flow)['id']}/pause_deployment", {})

    def start_run(self, deployment: str, parameters: Mapping[str, object], flow: str = "daily") -> str:
        """The id of a new run of the deployment."""
        path = f"/deployments/{self.deployment(deployment, flow)['id']}/create_flow_run"
        return str(self.server.ask(path, {"parameters": parameters, "idempotency_key": uuid4().hex})["id"])

    def await_state(self, run: str, *states: str) -> Any:
        def there() -> Any:
            with suppress(OSError, AssertionError):
                found = self.server.ask(f"/flow_runs/{run}")
                return found if found["state_type"] in states else None
            return None

        return until(there, f"{run} in {states}", RUN_S)

    def stop(self, how: int) -> int:
        """The exit code after the signal; nothing that was started may be left."""
        family = descendants(self.process.pid)
        self.process.send_signal(how)
        code = self.process.wait(END_S)
        until(lambda: not any(alive(process) for process in family) or None, "the end of all processes", END_S)
        return code


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


@contextmanager
def held_up(home: Path) -> Iterator[None]:
    """This process holds the home as a `turbodmt up` does; `note` says what it serves."""
    with up_lock(home):
        yield


def put_home(folder: Path) -> None:
    """Make the home of the folder's `turbodmt up`, with a database of Prefect's that is made already."""
    home = folder / "home"
    home.mkdir(mode=0o700, parents=True)
    put_database(home / "prefect")


@contextmanager
def brought_up(
    folder: Path, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Up]:
    home, port = folder / "home", free_port()
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / f"said-{port}"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [TURBODMT, "up", "--home", str(home), "--port", str(port), *arguments],
            # Any folder will do.
            cwd=folder,
            env={**clean_environment(), "PREFECT_WORKER_QUERY_SECONDS": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    up = Up(process=process, home=home, port=port, said=said)
    try:
        yield up
    finally:
        family = descendants(process.pid)
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.kill()
        process.wait()
