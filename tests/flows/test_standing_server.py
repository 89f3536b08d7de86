"""A server that stands for a home and asks for a password: commands say so, and carry it where they are given it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_home import prepare
from flows.standing_server import address, note
from tests.fakes.prefect_server import clean_environment
from tests.flows.conftest import Run

TURBODMT = str(Path(sys.executable).with_name("turbodmt"))


@pytest.fixture
def locked(home: Path) -> Iterator[str]:
    """The address of a server that is well and lets nobody in."""

    class Locked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 401)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Locked)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        note(home, f"http://127.0.0.1:{server.server_port}/api", os.getpid())
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answered(home: Path, command: str) -> Any:
    """The answer of a process of its own: Prefect reads where its server is once, when it is imported."""
    done = subprocess.run(
        [TURBODMT, command, "--json", "--home", str(home)],
        env={**clean_environment(), "TURBODMT_BROKER": "testnet-spot"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_server_that_lets_nobody_in_is_told_in_a_sentence(home: Path, locked: str) -> None:
    assert address(home) == locked
    (warning,) = answered(home, "status")["warnings"]
    assert warning.startswith("Prefect's server asks for a password; set PREFECT_API_AUTH_STRING")
    checks = {one["name"]: one for one in answered(home, "doctor")["checks"]}
    assert (checks["prefect server"]["ok"], checks["prefect server"]["remedy"]) == (False, warning)
    assert (checks["keys"]["ok"], checks["keys"]["detail"]) == (False, warning)


@pytest.mark.parametrize(("own", "used"), [(None, "user:word"), ("other:word", "other:word")])
def test_the_password_of_a_server_is_the_client_s_unless_it_has_its_own(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, used: str
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "user:word")
    if own is not None:
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", own)
    prepare(home, "CRITICAL")
    assert os.environ["PREFECT_API_AUTH_STRING"] == used
