"""The server that `turbodmt up` keeps running for a home: its address, so that single runs use it too.

A server at an address noted by an `up` is trusted, and sent the password, only while that `up` runs: it holds the
home's lock, and its socket, from start to end.
"""

import json
import os
import time
import urllib.error
import urllib.request
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

import psutil
from filelock import FileLock, lock_descriptor

from flows.server import password as server_password
from flows.server.environment import heed

#: Path below which reports are served, as ACCOUNT/DAY.html.
REPORTS = "/reports"
HEALTH_TIMEOUT_S = 1.0
_POLL_S = 0.25
_ASKED_S = 1.0


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
        "began": _began(process),
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

    Its password is set in the environment as well. Raises UsageError.
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


def await_join(home: Path, timeout_s: float) -> str | None:
    """Join the home's server, waiting while `turbodmt up` runs and may be starting it; return what `join` does.

    Raises UsageError, TimeoutError if `turbodmt up` still runs without an answer after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while (api := join(home)) is None and up_lives(home):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server of `turbodmt up` for {home} did not answer within {timeout_s:.0f} s")
        time.sleep(_POLL_S)
    return api


def up_lives(home: Path) -> bool:
    """Return whether a `turbodmt up` runs for the home, or another process asks the same at this moment."""
    try:
        with _lock_file(home).open("rb") as lock:
            return not lock_descriptor(lock.fileno(), blocking=False)
    except FileNotFoundError:
        return False


def up_lock(home: Path) -> FileLock:
    """Return the lock that `turbodmt up` holds while it runs; the kernel releases it however the process ends."""
    # Wait out those who ask whether it is held. The soft lock of file systems without flock would survive a kill.
    return FileLock(_lock_file(home), timeout=_ASKED_S, mode=0o600, fallback_to_soft=False)


def healthy(api: str) -> bool:
    """Return whether the API answers within a second, without a proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{api.rstrip('/')}/health", timeout=HEALTH_TIMEOUT_S) as response:
            answered: int = response.status
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return answered == HTTPStatus.OK


def _began(process: int) -> float:
    """Return what distinguishes a process from a later one with its number: its start, in seconds after the machine's.

    A clock that is set later moves both. Raises psutil.NoSuchProcess.
    """
    began: float = psutil.Process(process).create_time() - psutil.boot_time()
    return round(began, 2)


def _held(home: Path) -> dict[str, str] | None:
    """Return the record of the `up` that runs now; None if none runs, or one that has not written its record yet."""
    try:
        noted = json.loads(_file(home).read_bytes())
        held = {"address": str(noted["address"]), "demanded": str(noted["demanded"])}
        same = noted["began"] == _began(int(noted["pid"]))
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
    return held if same and up_lives(home) else None


def _file(home: Path) -> Path:
    return home / "prefect" / "up.json"


def _lock_file(home: Path) -> Path:
    return home / "prefect" / "up.lock"
