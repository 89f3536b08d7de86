"""A server that stands for a home and asks for a password: commands say so, and carry it where they are given it."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.prefect_home import prepare
from flows.standing_server import address, note
from tests.flows.conftest import Run


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


def test_a_server_that_lets_nobody_in_is_told_in_a_sentence(run: Run, home: Path, locked: str) -> None:
    assert address(home) == locked
    (warning,) = run("status", "--json").answer["warnings"]
    assert warning.startswith("Prefect's server asks for a password; set PREFECT_API_AUTH_STRING")
    checks = {one["name"]: one for one in run("doctor", "--json").answer["checks"]}
    assert (checks["prefect server"]["ok"], checks["prefect server"]["remedy"]) == (False, warning)


@pytest.mark.parametrize(("own", "used"), [(None, "user:word"), ("other:word", "other:word")])
def test_the_password_of_a_server_is_the_client_s_unless_it_has_its_own(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, own: str | None, used: str
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "user:word")
    if own is not None:
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", own)
    prepare(home, "CRITICAL")
    assert os.environ["PREFECT_API_AUTH_STRING"] == used
