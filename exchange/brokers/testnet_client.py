"""The python-binance client for a testnet, which can reach only that testnet and never reveals a secret."""

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from exchange.brokers.api_keys import ApiKeys
from exchange.deadline import WHOLE, PunctualAdapter
from exchange.ports import BrokerRefused

TIMEOUT_S = 10.0
#: Largest age of a request on arrival, by the venue's clock.
WINDOW = timedelta(seconds=5)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Connection of a broker to its venue: `clock` returns our time, timezone-aware UTC, and `sleep` waits in seconds.

    `base_url`, on loopback, and `transport` are only for tests; no setting changes them.
    """

    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    base_url: str | None = None
    transport: BaseAdapter | None = None

    def __post_init__(self) -> None:
        if self.base_url is None:
            return
        host = urlsplit(self.base_url).hostname
        if host not in _LOOPBACK:
            raise ValueError(f"base_url leads to {host}; it must be on loopback ({', '.join(_LOOPBACK)})")


class Redirected(BrokerRefused):
    """The venue answered with a redirect, which is never followed."""


class Guard(BaseAdapter):
    """Adapter that lets requests pass to only one address, whatever a client, a setting or an answer requests."""

    def __init__(self, address: str, inner: BaseAdapter) -> None:
        super().__init__()
        self._address = urlsplit(address)[:2]
        self._inner = inner

    def send(  # noqa: PLR0913 - what requests calls
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as above
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002 - as above
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send the request. Raises BrokerRefused for any other address, and Redirected for a redirect."""
        asked = urlsplit(str(request.url))
        if asked[:2] != self._address:
            raise BrokerRefused(
                f"a request was about to leave for {asked.scheme}://{asked.hostname}; orders go to "
                f"{'://'.join(self._address)} alone"
            )
        response = self._inner.send(request, stream, timeout, verify, cert, proxies)
        if response.is_redirect:
            raise Redirected(f"{self._address[1]} answers with a redirect, which is never followed; try again later")
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def testnet_client(keys: ApiKeys, url: str, wire: Wire) -> Any:
    """Return python-binance's client, with every request going through the guard.

    A request ends after TIMEOUT_S without data, and after WHOLE times as long in any case.
    """
    address = wire.base_url or url
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from binance.client import Client
    client = Client(keys.key, keys.secret, testnet=True, ping=False, requests_params={"timeout": TIMEOUT_S})
    client.API_TESTNET_URL, client.FUTURES_TESTNET_URL = f"{address}/api", f"{address}/fapi"
    client.REQUEST_RECVWINDOW = int(WINDOW / timedelta(milliseconds=1))
    client.session.trust_env = False
    for scheme in ("https://", "http://"):
        client.session.mount(scheme, Guard(address, wire.transport or PunctualAdapter(WHOLE * TIMEOUT_S)))
    logging.getLogger("urllib3.connectionpool").addFilter(_unsigned)
    return client


def _unsigned(record: logging.LogRecord) -> bool:
    """Return whether the log record contains no signed URL."""
    return "signature=" not in record.getMessage()
