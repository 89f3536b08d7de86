"""The fake exchange under `requests`, without a socket: for simulations that ask it a hundred thousand times."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from testing.exchange.core import FakeExchange


@dataclass
class ExchangeTransport(BaseAdapter):
    """An adapter to be mounted: `session.mount("http://", ExchangeTransport(exchange))`.

    Nothing waits: an answer later than the caller's timeout is `ReadTimeout` at once, an earlier one comes at once.
    """

    exchange: FakeExchange

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        address = urlsplit(request.url or "")
        sent = request.body or ""
        body = sent if isinstance(sent, str) else sent.decode()
        answer = self.exchange.handle(request.method or "", address.path, address.query, body, request.headers)
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        if answer.delay_s and patience is not None and answer.delay_s >= patience:
            text = f"HTTPConnectionPool(host='{address.hostname}', port={address.port}): Read timed out."
            raise requests.exceptions.ReadTimeout(f"{text} (read timeout={patience})", request=request)
        if answer.cut:
            gone = RemoteDisconnected("Remote end closed connection without response")
            raise requests.exceptions.ConnectionError(("Connection aborted.", gone), request=request)
        response = requests.Response()
        response.status_code, response.headers = answer.status, CaseInsensitiveDict(answer.headers)
        response._content, response.encoding = answer.body.encode(), "utf-8"
        response.url, response.request, response.reason = request.url or "", request, ""
        return response

    def close(self) -> None:
        """Nothing; there is nothing to close."""
