"""A server that stands for a home and asks for a password: who is sent it, and who is not."""

import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.server.environment import prepare
from flows.server.password import kept, of_home, password_file
from flows.server.run_server import serve
from flows.server.up_server import DemandedFrom, address, note, up_lives
from storage.files import temporary_beside
from strategy.exit_codes import UsageError
from testing.servers.prefect_server import ROOT, clean_environment, until
from testing.servers.up_server import TURBODMT, held_up

#: What a flow's command does before it imports Prefect; what it would send to which server comes out.
SERVED = """
import json, os, sys
from pathlib import Path
from flows.server import run_server as prefect_server
from flows.server.environment import prepare
home = Path(sys.argv[1])
prepare(home, "WARNING")
prefect_server.serve(home)
from prefect.settings import get_current_settings as settings
api, server = settings().api, settings().server.api
words = [one.get_secret_value() if one else None for one in (api.auth_string, server.auth_string)]
print(json.dumps([api.url, *words, prefect_server.owned()]))
"""


#: A `turbodmt up` that holds its home and does nothing.
HOLDING = """
import os, sys, time
from pathlib import Path
from flows.server.up_server import DemandedFrom, note, up_lock
home = Path(sys.argv[1])
with up_lock(home):
    note(home, sys.argv[2], os.getpid(), DemandedFrom.HOME)
    print("held", flush=True)
    time.sleep(120)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A server that is well and lets nobody in, and what it was sent."""

    api: str
    sent: list[str] = field(default_factory=list)


@pytest.fixture
def locked() -> Iterator[Locked]:
    sent: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (word := self.headers["Authorization"]) is not None:
                sent.append(word)
            self.send_response(200 if self.path == "/api/health" else 401)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Locked(api=f"http://127.0.0.1:{server.server_port}/api", sent=sent)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lock(home: Path) -> Iterator[None]:
    """This process is a `turbodmt up` of the home."""
    with held_up(home):
        yield


def answered(home: Path, command: str, **environment: str) -> Any:
    """The answer of a process of its own: Prefect reads where its server is once, when it is imported."""
    done = subprocess.run(
        [TURBODMT, command, "--json", "--home", str(home)],
        env={**clean_environment(), **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def served(home: Path, folder: Path, **environment: str) -> tuple[str | None, str | None, str | None, bool]:
    """What a run in the folder asks, what it sends, what a server of its own demands, and whether that is ours."""
    done = subprocess.run(
        [sys.executable, "-c", SERVED, str(home)],
        cwd=folder,
        env={**clean_environment(), "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )
    url, sent, demanded, owned = json.loads(done.stdout)
    return url, sent, demanded, owned


def test_a_server_that_lets_nobody_in_is_told_in_a_sentence(home: Path, locked: Locked, lock: None) -> None:
    note(home, locked.api, os.getpid(), DemandedFrom.ENVIRONMENT)
    assert address(home) == locked.api
    (warning,) = answered(home, "status")["warnings"]
    assert warning.startswith("Prefect's server asks for a password; set PREFECT_API_AUTH_STRING")
    checks = {check["name"]: check for check in answered(home, "doctor", TURBODMT_BROKER="testnet-spot")["checks"]}
    assert (checks["prefect server"]["ok"], checks["prefect server"]["remedy"]) == (False, warning)
    assert (checks["keys"]["ok"], checks["keys"]["detail"]) == (False, warning)
    assert locked.sent == []


def test_the_server_of_up_is_sent_the_home_s_password(home: Path, locked: Locked, lock: None) -> None:
    note(home, locked.api, os.getpid(), DemandedFrom.HOME)
    word = of_home(home)
    answered(home, "status", PREFECT_API_AUTH_STRING="mine:other")
    assert set(locked.sent) == {f"Basic {b64encode(word.encode()).decode()}"}


def test_whoever_listens_at_an_old_address_is_sent_nothing(home: Path, locked: Locked) -> None:
    of_home(home)
    note(home, locked.api, os.getpid(), DemandedFrom.HOME)
    assert address(home) is None, "no `up` lives"
    assert answered(home, "status")["next_runs"] == []
    assert locked.sent == []


def test_a_killed_up_holds_nothing_even_before_anyone_has_waited_for_it(home: Path, locked: Locked) -> None:
    command = [sys.executable, "-c", HOLDING, str(home), locked.api]
    with subprocess.Popen(command, env={**clean_environment(), "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE) as up:
        try:
            assert up.stdout is not None
            assert up.stdout.readline() == b"held\n"
            assert (up_lives(home), address(home)) == (True, locked.api)
            assert (home / "prefect" / "up.lock").stat().st_mode & 0o777 == 0o600
        finally:
            up.kill()
        # Its number is still taken: nobody has waited for it.
        until(lambda: not up_lives(home) or None, "the end of the lock", 20)
        assert address(home) is None


@pytest.mark.parametrize("left", [{"began": "0"}, {"pid": 2**22 + 1}])
def test_an_address_of_the_up_before_this_one_counts_for_nothing(
    home: Path, locked: Locked, lock: None, left: Mapping[str, object]
) -> None:
    note(home, locked.api, os.getpid(), DemandedFrom.HOME)
    assert address(home) == locked.api
    path = home / "prefect" / "up.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **left}))
    assert address(home) is None


def test_a_server_in_the_environment_is_sent_nothing_of_ours(
    home: Path, locked: Locked, lock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_home(home)
    note(home, locked.api, os.getpid(), DemandedFrom.HOME)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "for-my-server:word")
    prepare(home, "CRITICAL")
    serve(home)
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:9/api"
    assert "PREFECT_API_AUTH_STRING" not in os.environ


@pytest.mark.parametrize("place", ["prefect/profiles.toml", "prefect.toml"])
def test_a_server_in_a_file_of_prefect_s_is_sent_nothing_of_ours(
    home: Path, tmp_path: Path, lock: None, place: str
) -> None:
    mine = "http://127.0.0.1:9/api"
    if place == "prefect.toml":
        (tmp_path / place).write_text(f'[api]\nurl = "{mine}"\n')
    else:
        (home / place).write_text(f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{mine}"\n')
    own = {"PREFECT_SERVER_API_AUTH_STRING": "for-my-server:word", "PREFECT_API_AUTH_STRING": "mine:own"}
    assert served(home, tmp_path, **own) == (mine, "mine:own", "for-my-server:word", False)


def test_a_server_that_prefect_starts_for_a_run_has_a_password_that_nobody_else_knows(
    home: Path, tmp_path: Path
) -> None:
    elsewhere = {"PREFECT_HOME": str(tmp_path / "mine"), "PREFECT_API_AUTH_STRING": "known:word"}
    url, sent, demanded, owned = served(home, tmp_path, **elsewhere)
    assert (url, owned, sent) == (None, False, demanded)
    assert (sent or "").startswith("turbodmt:")
    assert not password_file(home).exists()


def test_the_password_of_a_home_is_made_once_and_is_its_owner_s_alone(home: Path) -> None:
    word = of_home(home)
    assert (of_home(home), kept(home)) == (word, word)
    user, _, secret = word.partition(":")
    assert (user, len(secret) >= 40) == ("turbodmt", True)
    path = password_file(home)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(UsageError, match="has mode 640 and owner "):
        kept(home)
    path.unlink()
    (home / "theirs").write_text("theirs:word")
    path.symlink_to(home / "theirs")
    with pytest.raises(UsageError, match="cannot be read"):
        of_home(home)


def test_a_first_start_that_was_killed_leaves_no_half_of_a_password(home: Path) -> None:
    # What a killed process of the same number had begun to write.
    home.mkdir(mode=0o700, exist_ok=True)
    temporary_beside(password_file(home)).write_text("turbodmt:hal")
    assert len(of_home(home)) > len("turbodmt:hal")
    assert list(home.glob(".server-password*")) == []
