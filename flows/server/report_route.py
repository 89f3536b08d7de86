"""The home's reports and the page of all accounts beside Prefect's own page, on its server and behind its password.

A plain link cannot send the password, and no address may hold it. So the address of a report returns the same page
without any figures to everybody, `report_page.html`; its script sends the password that Prefect's page stores after
sign-in, and shows the response in a frame without an origin, where nothing runs but the script of our reports,
by its hash.
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from datetime import date
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from flows.config.spelling import ACCOUNT_PATTERN
from flows.server.up_server import REPORTS
from storage.reports import BACKTEST, COMPARISON, INDEX, MODELS, SWEEP, read_day, read_index, read_model, read_saved
from tasks.report.markup import script_source

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOADER = Path(__file__).with_name("report_page.html")
#: Headers of both documents: nothing is shared with other origins, and nothing is cached.
_GUARDED = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#: Content that a report needs to draw; its frame is bound by the loader's policy, so that allows the same.
_DRAWN = "style-src 'unsafe-inline'; img-src data: blob:"


def beside(prefect: "ASGIApp", home: Path, password: str | None) -> "ASGIApp":
    """Return an application that serves the home's reports and passes all other requests to Prefect's.

    Prefect's own would let other origins read what its settings allow them. Without a password no report is served.
    """
    reports = _reports(home, password)

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        ours = scope["type"] == "http" and scope["path"].startswith(f"{REPORTS}/")
        await (reports if ours else prefect)(scope, receive, send)

    return answer


def _reports(home: Path, password: str | None) -> FastAPI:
    loader = LOADER.read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", loader, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"{_CLOSED}; {_DRAWN}; script-src 'sha256-{digest}' {script_source()}; connect-src 'self'"
    application = FastAPI(openapi_url=None, redirect_slashes=False)

    def loading() -> Response:
        return Response(loader, media_type="text/html", headers={**_GUARDED, "Content-Security-Policy": policy})

    def shown(found: bytes | None) -> Response:
        if found is None:
            return _refused(HTTPStatus.NOT_FOUND)
        guarded = f"{_CLOSED}; {_DRAWN}; script-src {script_source()}; sandbox allow-scripts"
        headers = {**_GUARDED, "Content-Security-Policy": guarded}
        return Response(found, media_type="text/html", headers=headers)

    @application.get(f"{REPORTS}/{INDEX}")
    def index() -> Response:
        return loading()

    @application.get(f"{REPORTS}/{INDEX}/content")
    def index_content(request: Request) -> Response:
        if not admitted(request.headers.get("Authorization"), password):
            return _refused(HTTPStatus.UNAUTHORIZED)
        return shown(read_index(home))

    @application.get(REPORTS + "/{account}/{day}.html")
    def page(account: str, day: str) -> Response:
        return loading() if _is_known(account, day) else _refused(HTTPStatus.NOT_FOUND)

    @application.get(REPORTS + "/{account}/{day}.html/content")
    def content(account: str, day: str, request: Request) -> Response:
        if not admitted(request.headers.get("Authorization"), password):
            return _refused(HTTPStatus.UNAUTHORIZED)
        return shown(_read(home, account, day))

    return application


def admitted(header: str | None, password: str | None) -> bool:
    """Return whether a request's header holds the user:password; False for every header if there is no password.

    >>> admitted("Basic dXNlcjp3b3Jk", "user:word"), admitted("Basic dXNlcjp3b3J", "user:word"), admitted(None, None)
    (True, False, False)
    """
    scheme, _, sent = (header or "").partition(" ")
    if password is None or scheme != "Basic":
        return False
    try:
        word = b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(word, password.encode())


def _is_known(folder: str, name: str) -> bool:
    return _is_model(folder, name) or _is_saved(folder, name) or _named(folder, name) is not None


def _read(home: Path, folder: str, name: str) -> bytes | None:
    """Return the page of an address: of a model, a saved one, or of an account's day; None if there is none."""
    if _is_model(folder, name):
        return read_model(home, name)
    if _is_saved(folder, name):
        return read_saved(home, folder, f"{name}.html")
    day = _named(folder, name)
    return None if day is None else read_day(home, folder, day)


def _is_model(folder: str, name: str) -> bool:
    """Return whether an address is that of a model's page.

    >>> _is_model("models", "0123456789ab"), _is_model("models", "2020-01-02"), _is_model("mine", "0123456789ab")
    (True, False, False)
    """
    return folder == MODELS and re.fullmatch(r"[0-9a-f]{12}", name) is not None


def _is_saved(folder: str, name: str) -> bool:
    """Return whether an address is that of a saved backtest, comparison or sweep in a folder among the reports.

    >>> _is_saved("trend-2020", "sweep"), _is_saved("..", "sweep"), _is_saved("mine", "other")
    (True, False, False)
    """
    return re.fullmatch(ACCOUNT_PATTERN, folder) is not None and f"{name}.html" in (BACKTEST, COMPARISON, SWEEP)


def _named(account: str, day: str) -> date | None:
    """Return the day of an address; None if it names no date, or no valid account."""
    if not re.fullmatch(ACCOUNT_PATTERN, account) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        return None
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _refused(status: HTTPStatus) -> Response:
    # No WWW-Authenticate: a browser's own password prompt would make it send the password from other origins too.
    return Response(f"{status.phrase}\n", status, media_type="text/plain", headers=_GUARDED)
