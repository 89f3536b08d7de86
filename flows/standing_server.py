"""The server that `turbodmt up` keeps running for a home: where it is, so that single runs are shown by it too."""

import fcntl
import json
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

HEALTH_TIMEOUT_S = 1.0
_POLL_S = 0.25


def note(home: Path, api: str, process: int) -> None:
    """None; the address of the API and the process of `turbodmt up` are kept in the home."""
    from storage.files import write_whole

    write_whole(_file(home), json.dumps({"address": api, "pid": process}).encode())


def forget(home: Path) -> None:
    """None; nothing stands there any more."""
    _file(home).unlink(missing_ok=True)


def address(home: Path) -> str | None:
    """The address of the API that stands for the home, such as http://127.0.0.1:4200/api; None if none answers.

    What a killed `turbodmt up` left behind answers nothing and counts for nothing.
    """
    try:
        api = str(json.loads(_file(home).read_bytes())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return api if healthy(api) else None


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


def _file(home: Path) -> Path:
    return home / "prefect" / "up.json"
