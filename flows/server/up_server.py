"""The server that `turbodmt up` keeps running for a home: its address, so that single runs use it too.

A server at an address noted by an `up` is trusted, and sent the password, only while that `up` runs: it holds the
home's lock, and its socket, from start to end.
"""

import fcntl
import json
import os
import time
import urllib.error
import urllib.request
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

from flows.server import password as server_password
from flows.server.environment import heed

#: Path below which reports are served, as ACCOUNT/DAY.html.
REPORTS = "/reports"
HEALTH_TIMEOUT_S = 1.0
_POLL_S = 0.25


class DemandedFrom(StrEnum):
    """The source of the password that a server demands."""

    HOME = "home"
    ENVIRONMENT = "environment"


def note(home: Path, api: str, process: int, demanded: DemandedFrom) -> None:
    """Record the API's address, the process of `turbodmt up` that holds it, and the source of its password."""
    from storage.files import write_whole

    held = {
        "address": api,
        "pid": process,
        "began": began(process),
        "demanded": demanded,
    }
    write_whole(_file(home), json.dumps(held).encode())


def forget(home: Path) -> None:
    """Delete the record of a server."""
    _file(home).unlink(missing_ok=True)


def address(home: Path) -> str | None:
    """Return the API address of the home's server, such as http://127.0.0.1:4200/api; None if none answers.

    The record of a killed `turbodmt up` is ignored, even if another process answers there.
    """
    held = _held(home)
    return held["address"] if held is not None and healthy(held["address"]) else None


def join(home: Path) -> str | None:
    """Make Prefect use the home's server from now on and return its address; None if there is none.

    Its password is set in the environment as well. Raises PasswordUnsafe.
    """
    api = address(home)
    if api is None:
        return None
    os.environ["PREFECT_API_URL"] = api
    held = _held(home)
    if held is not None and held["demanded"] == DemandedFrom.HOME:
        os.environ[server_password.SENT] = server_password.kept(home)
    elif (word := os.environ.get(server_password.DEMANDED)) is not None:
        os.environ.setdefault(server_password.SENT, word)
    heed()
    return api


def served_at(home: Path) -> str | None:
    """Return the path below which the server that tracks this process's runs serves the home's reports.

    None unless that is the server of the home's own `up`.
    """
    held = _held(home)
    ours = held is not None and held["address"] == os.environ.get("PREFECT_API_URL")
    return REPORTS if ours else None


def awaited_address(home: Path, timeout_s: float) -> str | None:
    """Return the address, waiting while `turbodmt up` runs and may be starting its server; None on timeout."""
    deadline = time.monotonic() + timeout_s
    while (api := address(home)) is None and up_lives(home) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return api


def up_lives(home: Path) -> bool:
    """Return whether a `turbodmt up` runs for the home."""
    try:
        with lock_file(home).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def lock_file(home: Path) -> Path:
    """Return the file that `turbodmt up` keeps locked while it runs."""
    return home / "prefect" / "up.lock"


def healthy(api: str) -> bool:
    """Return whether the API answers within a second, without a proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{api.rstrip('/')}/health", timeout=HEALTH_TIMEOUT_S) as response:
            answered: int = response.status
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return answered == HTTPStatus.OK


def began(process: int) -> str | None:
    """Return the start time that distinguishes a process from a later one with its number; None if /proc lacks it."""
    try:
        # The name in parentheses may hold blanks; the start time is the 20th word after it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _held(home: Path) -> dict[str, str] | None:
    """Return the record of the `up` that runs now; None if none runs, or one that has not written its record yet."""
    try:
        noted = json.loads(_file(home).read_bytes())
        held = {"address": str(noted["address"]), "demanded": str(noted["demanded"])}
        same = noted["began"] == began(int(noted["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return held if same and up_lives(home) else None


def _file(home: Path) -> Path:
    return home / "prefect" / "up.json"
