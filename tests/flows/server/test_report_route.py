"""The reports beside Prefect's page: who is given one, and what is never given."""

import asyncio
import os
import re
from base64 import b64encode
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from flows.server.report_route import LOADER, beside
from flows.server.up_server import DemandedFrom, note, served_at
from storage import reports
from tasks.report.markup import script_source
from testing.servers.up_server import held_up

WORD = "turbodmt:a-word"
DAY = date(2018, 12, 28)
ADDRESS, CONTENT = "/reports/desk/2018-12-28.html", "/reports/desk/2018-12-28.html/content"
FIGURE = "Equity 9,812.55"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the server."""

    status: int
    headers: dict[str, str]
    body: str


@pytest.fixture
def shown(home: Path) -> Path:
    """A home with one report, of account desk."""
    reports.write_day(home, "desk", DAY, f"<p>{FIGURE} é")
    return home


async def prefect(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Stands for Prefect's own application."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"server", b"prefect")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def asked(
    home: Path, path: str, *, word: str | None = WORD, password: str | None = WORD, method: str = "GET", **more: str
) -> Answer:
    """The answer to a request for exactly that path, which no client has tidied up before."""
    headers = dict(more)
    if word is not None:
        headers["authorization"] = f"Basic {b64encode(word.encode()).decode()}"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(beside(prefect, home, password)(scope, receive, send))
    body = b"".join(one.get("body", b"") for one in sent)
    return Answer(
        status=sent[0]["status"],
        headers={name.decode(): value.decode() for name, value in sent[0]["headers"]},
        body=body.decode(),
    )


def test_whoever_has_the_password_is_given_the_report(shown: Path) -> None:
    answer = asked(shown, CONTENT)
    assert (answer.status, answer.body) == (200, f"<p>{FIGURE} é")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].endswith(f"; script-src {script_source()}; sandbox allow-scripts")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        f"Basic {WORD}",
        f"Bearer {b64encode(WORD.encode()).decode()}",
        f"Basic {b64encode(b'turbodmt:guessed').decode()}",
        f"Basic {b64encode(WORD.encode()[:-1]).decode()}",
        f"Basic {b64encode(WORD.encode()).decode()} more",
        "Basic \xff",
    ],
)
def test_without_the_password_no_byte_of_a_report_is_given(shown: Path, header: str | None) -> None:
    given = {} if header is None else {"authorization": header}
    answer = asked(shown, CONTENT, word=None, **given)
    assert (answer.status, answer.body) == (401, "Unauthorized\n")
    assert "www-authenticate" not in answer.headers, "a browser would ask for it, and send it from anywhere"
    there_or_not = asked(shown, CONTENT.replace("desk", "none"), word=None, **given)
    assert there_or_not == answer, "what there is must not show"


@pytest.mark.parametrize("word", [None, "", WORD])
def test_a_server_without_a_password_gives_no_report(shown: Path, word: str | None) -> None:
    assert asked(shown, CONTENT, word=word, password=None).status == 401


def test_the_address_of_a_report_gives_everybody_the_same_page_without_a_figure(shown: Path) -> None:
    stranger = asked(shown, ADDRESS, word=None)
    assert (stranger.status, stranger.body) == (200, LOADER.read_text(encoding="utf-8"))
    assert asked(shown, ADDRESS) == stranger == asked(shown, ADDRESS.replace("desk", "none"), word=None)
    policy = stranger.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    scripts = f"script-src 'sha256-[A-Za-z0-9+/]{{43}}=' {re.escape(script_source())}; connect-src 'self'$"
    assert re.search(scripts, policy)
    assert "frame-ancestors 'none'" in policy


def test_a_page_of_another_origin_is_allowed_nothing(shown: Path) -> None:
    for path in (ADDRESS, CONTENT):
        answer = asked(shown, path, origin="http://elsewhere.example")
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    before = asked(
        shown,
        CONTENT,
        method="OPTIONS",
        origin="http://elsewhere.example",
        **{"access-control-request-method": "GET", "access-control-request-headers": "authorization"},
    )
    assert before.status == 405
    assert [name for name in before.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../server-password/2018-12-28.html",
        "/reports/../../2018-12-28.html",
        "/reports/..%2Fdesk/2018-12-28.html",
        "/reports/desk/../2018-12-28.html",
        "/reports/desk/..%2F..%2Fserver-password",
        "/reports/desk/%2e%2e/2018-12-28.html",
        "/reports/%2Fetc/2018-12-28.html",
        "/reports/Desk/2018-12-28.html",
        "/reports/.desk/2018-12-28.html",
        "/reports/desk%0A/2018-12-28.html",
        "/reports/desk%00/2018-12-28.html",
        f"/reports/{'a' * 65}/2018-12-28.html",
        "/reports/desk/2018-12-28.html/",
        "/reports/desk/2018-12-28.HTML",
        "/reports/desk/2018-13-28.html",
        "/reports/desk/20181228.html",
        "/reports/desk/2018-W52-5.html",
        "/reports/desk/٢٠١٨-12-28.html",
        "/reports/desk/passwd",
        "/reports/desk/",
        "/reports/",
    ],
)
def test_only_names_of_accounts_and_days_are_looked_for(shown: Path, path: str) -> None:
    (shown / "2018-12-28.html").write_text(FIGURE)
    for asked_for in (path, f"{path}/content"):
        answer = asked(shown, asked_for)
        assert answer.status == 404
        assert FIGURE not in answer.body
        assert "iframe" not in answer.body


def test_a_day_without_a_report_is_not_found(shown: Path) -> None:
    assert asked(shown, CONTENT.replace("28", "27")).status == 404


def test_nothing_behind_a_link_is_given(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2018-12-28.html").write_text(FIGURE)
    pages = home / "reports"
    (pages / "desk").mkdir(parents=True)
    (pages / "desk" / "2018-12-28.html").symlink_to(elsewhere / "2018-12-28.html")
    assert asked(home, CONTENT).status == 404, "the page is a link"
    (pages / "desk" / "2018-12-28.html").unlink()
    (pages / "desk").rmdir()
    (pages / "desk").symlink_to(elsewhere)
    assert asked(home, CONTENT).status == 404, "the account's folder is a link"
    (pages / "desk").unlink()
    pages.rmdir()
    (elsewhere / "desk").mkdir()
    (elsewhere / "2018-12-28.html").rename(elsewhere / "desk" / "2018-12-28.html")
    pages.symlink_to(elsewhere)
    assert asked(home, CONTENT).status == 404, "the folder of all reports is a link"
    pages.unlink()
    elsewhere.rename(pages)
    assert asked(home, CONTENT).body == FIGURE


def test_what_is_no_file_is_not_waited_for(home: Path) -> None:
    folder = home / "reports" / "desk"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "2018-12-28.html")
    assert asked(home, CONTENT).status == 404
    (folder / "2018-12-27.html").mkdir()
    assert asked(home, CONTENT.replace("28", "27")).status == 404


@pytest.mark.parametrize("path", ["/", "/reports", "/reportsx/desk/2018-12-28.html", "/api/health", "/deployments"])
def test_all_else_is_prefect_s(shown: Path, path: str) -> None:
    answer = asked(shown, path)
    assert (answer.headers, answer.body) == ({"server": "prefect"}, path)


def test_only_the_server_of_the_home_s_up_shows_its_reports(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = "http://127.0.0.1:4200/api"
    monkeypatch.setenv("PREFECT_API_URL", api)
    assert served_at(home) is None
    with held_up(home):
        note(home, api, os.getpid(), DemandedFrom.HOME)
        assert served_at(home) == "/reports"
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4300/api")
        assert served_at(home) is None
        monkeypatch.delenv("PREFECT_API_URL")
        assert served_at(home) is None
    monkeypatch.setenv("PREFECT_API_URL", api)
    assert served_at(home) is None


def test_a_saved_page_in_a_folder_among_the_reports_is_given_and_nothing_beside_it(home: Path) -> None:
    folder = home / "reports" / "grid-2020"
    folder.mkdir(parents=True)
    for name in ("sweep.html", "comparison.html", "report.html", "notes.html", "run.json"):
        (folder / name).write_text(FIGURE)
    for name in ("sweep", "comparison", "report"):
        assert asked(home, f"/reports/grid-2020/{name}.html/content").body == FIGURE
        assert asked(home, f"/reports/grid-2020/{name}.html/content", word=None).status == 401
    for name in ("notes.html", "run.json", "run.json.html"):
        assert asked(home, f"/reports/grid-2020/{name}/content").status == 404
    (folder / "sweep.html").unlink()
    (folder / "sweep.html").symlink_to(folder / "notes.html")
    assert asked(home, "/reports/grid-2020/sweep.html/content").status == 404


def test_the_page_of_all_accounts_is_given_as_a_report_is(shown: Path) -> None:
    address, content = "/reports/index.html", "/reports/index.html/content"
    assert asked(shown, content).status == 404
    reports.write_index(shown, f"<p>{FIGURE}")
    assert (asked(shown, content).status, asked(shown, content).body) == (200, f"<p>{FIGURE}")
    assert (
        asked(shown, content)
        .headers["content-security-policy"]
        .endswith(f"; script-src {script_source()}; sandbox allow-scripts")
    )
    assert asked(shown, content, word=None).status == 401
    assert asked(shown, address, word=None).body == LOADER.read_text(encoding="utf-8")
    (shown / "reports" / "index.html").rename(shown / "elsewhere.html")
    (shown / "reports" / "index.html").symlink_to(shown / "elsewhere.html")
    assert asked(shown, content).status == 404
