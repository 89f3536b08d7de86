"""python-binance's client as it is opened: where it may go, and what it never tells."""

import logging
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from exchange.brokers.testnet_client import Guard, Redirected, Wire
from exchange.brokers.testnet_client import testnet_client as opened
from exchange.ports import BrokerRefused
from testing.exchange.scripted_venue import Said, Told
from testing.exchange.testnets import KEYS

VISION = "https://testnet.binance.vision"


class Remembering(Told):
    """A venue that remembers how it was reached, and whether it was left."""

    def __init__(self, *answers: Any) -> None:
        super().__init__({"GET time": answers or ({"serverTime": 1},)})
        self.given: tuple[Any, ...] = ()
        self.closed = False

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        self.given = given
        return super().send(request)

    def close(self) -> None:
        self.closed = True


def a_request(url: str) -> requests.PreparedRequest:
    return requests.Request("GET", url).prepare()


def test_the_client_is_signed_patient_and_of_the_testnet() -> None:
    client = opened(KEYS, VISION, Told({}).wire())
    assert (client.API_KEY, client.API_SECRET, client.testnet) == (KEYS.key, KEYS.secret, True)
    addresses = (client.API_TESTNET_URL, client.FUTURES_TESTNET_URL)
    assert addresses == ("https://testnet.binance.vision/api", "https://testnet.binance.vision/fapi")
    assert (client.REQUEST_RECVWINDOW, client._requests_params) == (5000, {"timeout": 10.0})
    assert client.session.trust_env is False


def test_a_client_is_opened_without_a_word() -> None:
    venue = Told({})
    opened(KEYS, VISION, venue.wire())
    assert venue.urls == []


def an_import_that_warns(kind: type[Warning]) -> ModuleType:
    """The library's module as it is on its first import in a process."""
    real = sys.modules["binance.client"]

    class Aged(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name == "Client":
                warnings.warn("old", kind, stacklevel=2)
            return getattr(real, name)

    return Aged("binance.client")


def test_of_the_librarys_warnings_its_deprecations_alone_are_silenced(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(KEYS, VISION, Told({}).wire())
    monkeypatch.setitem(sys.modules, "binance.client", an_import_that_warns(DeprecationWarning))
    opened(KEYS, VISION, Told({}).wire())
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "binance.client", an_import_that_warns(UserWarning))
    with pytest.raises(UserWarning, match="old"):
        opened(KEYS, VISION, Told({}).wire())


def test_an_address_on_loopback_takes_the_place_of_the_venues() -> None:
    venue = Told({"GET time": {"serverTime": 1}})
    client = opened(KEYS, VISION, venue.wire(base_url="http://127.0.0.1:8080"))
    client.get_server_time()
    client.futures_time()
    assert venue.urls == ["http://127.0.0.1:8080/api/v3/time", "http://127.0.0.1:8080/fapi/v1/time"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_scheme_leads_past_the_guard(scheme: str) -> None:
    venue = Told({})
    client = opened(KEYS, VISION, venue.wire())
    told = f"^a request was about to leave for {scheme}://example.com; orders go to {VISION} alone$"
    with pytest.raises(BrokerRefused, match=told):
        client.session.get(f"{scheme}://example.com/time")
    assert venue.urls == []


def test_without_a_transport_requests_go_by_the_librarys_own() -> None:
    client = opened(KEYS, VISION, Wire(clock=Told({}).wire().clock))
    for scheme in ("https://", "http://"):
        guard = client.session.get_adapter(f"{scheme}testnet.binance.vision")
        assert isinstance(guard, Guard)
        assert isinstance(guard._inner, HTTPAdapter)
        guard.close()


def test_the_guard_hands_on_what_it_was_given_and_answers_what_it_was_told() -> None:
    inner = Remembering()
    guard = Guard(VISION, inner)
    options = {"stream": True, "timeout": 3.0, "verify": "bundle", "cert": "client.pem", "proxies": {"https": "proxy"}}
    assert guard.send(a_request(f"{VISION}/api/v3/time"), **options).json() == {"serverTime": 1}  # type: ignore[arg-type]
    assert inner.given == (True, 3.0, "bundle", "client.pem", {"https": "proxy"})
    guard.send(a_request(f"{VISION}/api/v3/time"))
    assert inner.given == (False, None, True, None, None)
    guard.close()
    assert inner.closed


@pytest.mark.parametrize(
    "url",
    [
        "http://testnet.binance.vision/time",
        f"{VISION}:8443/time",
        "https://api.binance.com/time",
        f"{VISION}.evil.com/time",
    ],
)
def test_the_guard_lets_nothing_leave_for_another_address(url: str) -> None:
    inner = Remembering()
    with pytest.raises(BrokerRefused, match=r"^a request was about to leave for "):
        Guard(VISION, inner).send(a_request(url))
    assert inner.urls == []


def test_a_redirect_is_told_and_not_followed() -> None:
    inner = Remembering(Said(status=302, headers={"location": "https://api.binance.com/"}))
    told = "^testnet.binance.vision answers with a redirect, which is never followed; try again later$"
    with pytest.raises(Redirected, match=told):
        Guard(VISION, inner).send(a_request(f"{VISION}/time"))


@pytest.mark.parametrize(
    ("url", "host"), [("https://example.com", "example.com"), ("http://127.0.0.1.evil.com", "127.0.0.1.evil.com")]
)
def test_an_address_beyond_loopback_is_refused_by_name(url: str, host: str) -> None:
    told = rf"^base_url leads to {host}; it must be on loopback \(127.0.0.1, ::1, localhost\)$"
    with pytest.raises(ValueError, match=told):
        Wire(clock=Told({}).wire().clock, base_url=url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", None])
def test_loopback_and_the_venue_itself_are_taken(url: str | None) -> None:
    assert Wire(clock=Told({}).wire().clock, base_url=url).base_url == url


@pytest.fixture
def connections() -> Iterator[logging.Logger]:
    """The logger that tells of connections, with no filter of an earlier test."""
    logger = logging.getLogger("urllib3.connectionpool")
    before = list(logger.filters)
    logger.filters.clear()
    yield logger
    logger.filters[:] = before


def test_a_signed_address_is_never_logged_and_another_is(
    connections: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    opened(KEYS, VISION, Told({}).wire())
    connections.debug("GET /api/v3/order?signature=%s", "ab12")
    connections.debug("GET /api/v3/time")
    assert [record.getMessage() for record in caplog.records] == ["GET /api/v3/time"]
