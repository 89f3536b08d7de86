"""The server that `turbodmt up` keeps running for a home: where it is, so that single runs are shown by it too."""

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

HEALTH_TIMEOUT_S = 1.0


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


def healthy(api: str) -> bool:
    """Whether the API answers within a second; no proxy is asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{api}/health", timeout=HEALTH_TIMEOUT_S) as response:
            answered: int = response.status
    except (OSError, ValueError, urllib.error.URLError):
        return False
    return answered == HTTPStatus.OK


def _file(home: Path) -> Path:
    return home / "prefect" / "up.json"
