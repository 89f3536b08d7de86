"""A venue that tells what a test lays before it, word for word, and remembers what it was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from exchange.brokers.testnet_client import Wire

START = datetime(2026, 1, 6, 0, 5, tzinfo=UTC)
#: What every signed request has besides.
_SIGNED = {"timestamp", "signature", "recvWindow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer: its status, its text or what becomes JSON, its headers; or the failure in its place."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    failure: Exception | None = None


def refused(code: int, said: str = "no", status: int = 400, **headers: str) -> Said:
    """An error in the venue's own words."""
    return Said(body={"code": code, "msg": said}, status=status, headers=headers)


class Told(BaseAdapter):
    """Answers by method and end of path, `GET order`, in turn; the last one is given for ever.

    Its clock is `ahead` of ours, which stands still but for waiting.
    """

    def __init__(self, answers: Mapping[str, Any], ahead: timedelta = timedelta(0)) -> None:
        super().__init__()
        self._answers = {asked: list(told) if isinstance(told, tuple) else [told] for asked, told in answers.items()}
        self._ahead = ahead
        self.now = START
        self.waits: list[float] = []
        #: Method and end of path of each request but those for the time, with its parameters.
        self.asked: list[tuple[str, dict[str, str]]] = []
        #: Whole addresses, and all parameters.
        self.urls: list[str] = []
        self.last: dict[str, str] = {}

    def wire(self, **given: Any) -> Wire:
        """The way there, by the clock that stands still."""
        return Wire(clock=lambda: self.now, sleep=self.wait, transport=self, **given)

    def wait(self, seconds: float) -> None:
        """Advance the clock by so much."""
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        """The next answer to such a request."""
        url = urlsplit(str(request.url))
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        self.last = dict(parse_qsl(url.query)) | dict(parse_qsl(str(body)))
        self.urls.append(f"{url.scheme}://{url.netloc}{url.path}")
        asked = f"{request.method} {url.path.rsplit('/', 1)[1]}"
        if asked == "GET time" and asked not in self._answers:
            told: Any = {"serverTime": round((self.now + self._ahead).timestamp() * 1000)}
        else:
            self.asked.append((asked, {name: value for name, value in self.last.items() if name not in _SIGNED}))
            answers = self._answers[asked]
            told = answers.pop(0) if len(answers) > 1 else answers[0]
        said = told if isinstance(told, Said) else Said(body=told)
        if said.failure is not None:
            raise said.failure
        return _response(said, request)

    def close(self) -> None:
        """Nothing."""


def _response(said: Said, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    text = said.body if isinstance(said.body, str) else json.dumps(said.body)
    response.status_code, response._content, response.request = said.status, text.encode(), request
    response.headers = CaseInsensitiveDict(said.headers)
    return response
