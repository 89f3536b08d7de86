"""The server that a command brings along: there when it is asked, gone with the command."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import prefect.context
import pytest

from flows.server import run_server as prefect_server
from flows.server.environment import prepare
from flows.server.run_server import ELSEWHERE_NAMES, PrefectUnreachable, owned, serve
from flows.server.up_server import up_lock
from testing.servers.prefect_database import put_database
from testing.servers.prefect_server import ROOT, clean_environment, until

COMMAND = """
import os, sys, time
from pathlib import Path
from flows.server.environment import prepare
from flows.server.run_server import serve
home = Path(sys.argv[1])
prepare(home, "WARNING")
serve(home)
print(os.environ["PREFECT_API_URL"], flush=True)
time.sleep(120)
"""


@pytest.mark.server
def test_a_killed_command_leaves_no_server_behind(tmp_path: Path) -> None:
    put_database(tmp_path / "home" / "prefect")
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path / "home")],
        cwd=tmp_path,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert command.stdout is not None
        address = command.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        # The socket is there at once, and what is asked of it waits for the server.
        with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}/flow_runs/filter", data=b"{}", timeout=60)
        assert b"turbodmt:" not in Path(f"/proc/{command.pid}/cmdline").read_bytes()
        assert not (tmp_path / "home" / "prefect" / "server.log").exists(), "that is the log of `turbodmt up`"
    finally:
        command.kill()
        command.communicate(timeout=10)

    def refused() -> bool | None:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            return True
        return None

    assert until(refused, "the server's end", 20)


@pytest.fixture
def unconfigured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that Prefect is prepared for and that nothing tells of a server; the current folder is empty."""
    home = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    prepare(home, "WARNING")
    # What Prefect reads anew is as it was afterwards.
    monkeypatch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", prefect.context.GLOBAL_SETTINGS_CONTEXT)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return home


@pytest.mark.parametrize("name", ELSEWHERE_NAMES)
def test_a_server_of_the_user_is_used(unconfigured: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9/api" if name == "PREFECT_API_URL" else "false")
    serve(unconfigured)
    assert not owned()


def test_a_prefect_home_of_the_user_is_used(unconfigured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(unconfigured.parent / "elsewhere" / "prefect"))
    serve(unconfigured)
    assert not owned()


@pytest.mark.parametrize("name", ["prefect.toml", ".env", "../home/prefect/profiles.toml"])
def test_a_prefect_file_of_the_user_is_heeded(unconfigured: Path, name: str) -> None:
    Path(name).write_text("", encoding="utf-8")
    serve(unconfigured)
    assert not owned()


def test_no_second_server_starts_while_up_lives(unconfigured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_server, "STANDING_S", 1.0)
    (unconfigured / "prefect" / "server.log").write_text("of up")
    refused = pytest.raises(PrefectUnreachable, match="did not answer within 1 s; run the same command again")
    with up_lock(unconfigured), refused:
        serve(unconfigured)
    assert not owned()
    assert (unconfigured / "prefect" / "server.log").read_text() == "of up"
