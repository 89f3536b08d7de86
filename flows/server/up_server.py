"""The server that `turbodmt up` keeps running for a home: where it is, so that single runs are shown by it too.

Whoever listens at an address that an `up` once had is believed, and given the password, only while that `up` lives: it
holds the home's lock, and its socket, from its first to its last moment.
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

#: Below it lie the addresses of reports, ACCOUNT/DAY.html.
REPORTS = "/reports"
HEALTH_TIMEOUT_S = 1.0
_POLL_S = 0.25


class DemandedFrom(StrEnum):
    """Whence a server has the password that it demands."""

    HOME = "home"
    ENVIRONMENT = "environment"


def note(home: Path, api: str, process: int, demanded: DemandedFrom) -> None:
    """Keep the address of the API, which process of `turbodmt up` holds it, and whose password it asks for."""
    from storage.files import write_whole

    held = {
        "address": api,
        "pid": process,
        "began": began(process),
        "demanded": demanded,
    }
    write_whole(_file(home), json.dumps(held).encode())


def forget(home: Path) -> None:
    """Leave nothing that tells of a server."""
    _file(home).unlink(missing_ok=True)


def address(home: Path) -> str | None:
    """Return the address of the API that stands for the home, such as http://127.0.0.1:4200/api; None if none answers.

    What a killed `turbodmt up` left behind counts for nothing, whoever answers there.
    """
    held = _held(home)
    return held["address"] if held is not None and healthy(held["address"]) else None


def join(home: Path) -> str | None:
    """Return the address of the server that stands for the home, which Prefect asks from now on; None if there is none.

    Its password goes with it in the environment. Raises PasswordUnsafe.
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
    """Return the path below which the server that is told of this process's runs shows the home's reports.

    None unless that is the server of the home's own `up`.
    """
    held = _held(home)
    ours = held is not None and held["address"] == os.environ.get("PREFECT_API_URL")
    return REPORTS if ours else None


def awaited_address(home: Path, timeout_s: float) -> str | None:
    """The address, waited for while `turbodmt up` lives, which may be starting its server; None if none comes."""
    deadline = time.monotonic() + timeout_s
    while (api := address(home)) is None and up_lives(home) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return api


def up_lives(home: Path) -> bool:
    """Whether a `turbodmt up` holds the home."""
    try:
        with lock_file(home).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def lock_file(home: Path) -> Path:
    """The file that `turbodmt up` keeps locked while it lives."""
    return home / "prefect" / "up.lock"


def healthy(api: str) -> bool:
    """Whether the API answers within a second; no proxy is asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{api.rstrip('/')}/health", timeout=HEALTH_TIMEOUT_S) as response:
            answered: int = response.status
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return answered == HTTPStatus.OK


def began(process: int) -> str | None:
    """Return what tells a process from a later one of the same number; None where /proc does not tell."""
    try:
        # The name in parentheses may hold blanks; the start is the 20th word after it.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _held(home: Path) -> dict[str, str] | None:
    """What the `up` that lives has noted; None where none lives, or another one, which has not noted anything yet."""
    try:
        noted = json.loads(_file(home).read_bytes())
        held = {"address": str(noted["address"]), "demanded": str(noted["demanded"])}
        same = noted["began"] == began(int(noted["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return held if same and up_lives(home) else None


def _file(home: Path) -> Path:
    return home / "prefect" / "up.json"
