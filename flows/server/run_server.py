"""A Prefect server for one command: it starts while the command still imports, and ends with it in every case.

Prefect would start one by itself, but only when the flow begins, after importing the whole server into this process,
and would leave it running if the command is killed.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from flows.server import password as server_password
from flows.server.environment import heed, read_settings
from flows.server.up_server import await_join
from strategy.exit_codes import Exit

HOST = "127.0.0.1"
#: How long the command may wait at exit for its server to end.
END_S = 5.0
#: How long the server of `turbodmt up` may take to answer, for example while it restarts.
STANDING_S = 30.0
#: Log file of a run's own server; server.log is that of `turbodmt up`.
LOG = "run-server.log"
#: Variables and files that may name a server of the user's, which we must not replace.
ELSEWHERE_NAMES = ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_SERVER_EPHEMERAL_ENABLED")
ELSEWHERE_FILES = ("prefect.toml", ".env")
#: Start of Prefect's section in pyproject.toml.
_PROJECT_MARK = "[tool.prefect"


class PrefectUnreachable(Exception):
    """Prefect's server does not answer, or did not start for a run that needs its own (exit 4)."""

    exit_code = Exit.UNREACHABLE


def serve(home: Path) -> None:
    """Set PREFECT_API_URL to a loopback server owned by this process, unless the user has named a server.

    A server that `turbodmt up` keeps running for the home is used instead: two servers would share one database. A
    server that ends with the command, ours or one that Prefect starts, gets a password known only to this process; a
    server that the user has named is sent only the user's own PREFECT_API_AUTH_STRING.

    Must run after `prepare`. Requests wait until the server answers. Raises PrefectUnreachable if `turbodmt up` runs
    but its server does not answer, UsageError.
    """
    folder = home / "prefect"
    if joins_standing(home):
        return
    word = server_password.of_process()
    os.environ |= {server_password.DEMANDED: word, server_password.SENT: word}
    if _hinted(folder):
        # Prefect starts its own server, elsewhere.
        heed()
        return
    # Bind here and hand over the socket, so that no other process can take the port in between.
    with socket.create_server((HOST, 0)) as bound, (folder / LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (this very module, by its name)
            [sys.executable, "-P", "-m", __name__, str(bound.fileno())],
            pass_fds=(bound.fileno(),),
            env={**os.environ, "PREFECT_UI_ENABLED": "false", "PREFECT_API_BLOCKS_REGISTER_ON_START": "false"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C must reach the command alone, which still has to send its final state to the server.
            start_new_session=True,
        )
        os.environ["PREFECT_API_URL"] = f"http://{HOST}:{bound.getsockname()[1]}/api"
    heed()
    atexit.register(_end, process)


def joins_standing(home: Path) -> bool:
    """Return whether a server stands for the home, the user's or that of `turbodmt up`; Prefect uses it from now on.

    Must run after `prepare`. Raises PrefectUnreachable if `turbodmt up` runs without an answer, UsageError.
    """
    if named_by_user(home):
        return True
    try:
        return await_join(home, STANDING_S) is not None
    except TimeoutError as error:
        raise PrefectUnreachable(f"{error}; run the same command again once it does, or stop `turbodmt up`") from error


def owned() -> bool:
    """Return whether this process has started the server that its runs ask: nobody else knows that password."""
    return "PREFECT_API_URL" in os.environ and os.environ.get(server_password.SENT) == server_password.of_process()


def named_by_user(home: Path) -> bool:
    """Return whether the user has named a server: by PREFECT_API_URL, a profile, prefect.toml or the like."""
    if "PREFECT_API_URL" in os.environ:
        return True
    folder = home / "prefect"
    os.environ.setdefault("PREFECT_HOME", str(folder))
    if not _hinted(folder):
        return False
    # Only Prefect knows all the places it reads settings from; asking it takes a second, hence the hints.
    read_settings()
    from prefect.settings import get_current_settings

    return get_current_settings().api.url is not None


def _hinted(folder: Path) -> bool:
    """Return whether Prefect's settings may name a server, or another folder for its files."""
    return (
        any(name in os.environ for name in ELSEWHERE_NAMES)
        or os.environ.get("PREFECT_HOME") != str(folder)
        or (folder / "profiles.toml").exists()
        or any(Path(name).exists() for name in ELSEWHERE_FILES)
        or _PROJECT_MARK in _text(Path("pyproject.toml"))
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None, "it was opened as a pipe"
    process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(descriptor: int) -> None:
    """Serve Prefect's API on the socket until standard input closes, which happens when the command ends."""
    threading.Thread(target=_end_with_the_command, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(ephemeral=True), log_level="error")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _end_with_the_command() -> None:
    # Reading the raw descriptor takes no lock that interpreter exit would wait for.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run(int(sys.argv[1]))
