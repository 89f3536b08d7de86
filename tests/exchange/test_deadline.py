"""A request ends in time, also where the answer trickles in byte by byte."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
import requests
from requests.adapters import HTTPAdapter

from exchange.bars.binance_http import public_client
from exchange.brokers import testnet_client
from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.testnet_client import Guard, Wire
from exchange.deadline import PunctualAdapter, within

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def trickling(first: bytes) -> Iterator[str]:
    """The address of a server that sends `first`, and a byte more every twentieth of a second."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(first)
                while not over.wait(0.05):
                    connection.sendall(b"1")

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        server.join(5)
        listener.close()


@pytest.mark.parametrize("first", [HEAD, HEAD[:20]], ids=["body", "headers"])
def test_an_answer_that_trickles_in_is_given_up(first: bytes) -> None:
    with requests.Session() as session, trickling(first) as address:
        session.trust_env = False
        session.mount("http://", PunctualAdapter(0.3))
        began = time.monotonic()
        with pytest.raises(requests.ReadTimeout, match=r"no whole answer within 0\.3 s"):
            session.get(address, timeout=5)
        assert time.monotonic() - began < 2


def test_what_the_call_raises_is_raised() -> None:
    with pytest.raises(LookupError, match="gone"):
        within(5.0, lambda: {}["gone"])


def test_the_clients_of_the_main_site_and_of_the_testnets_are_punctual() -> None:
    public = public_client(10.0).session.get_adapter("https://api.binance.com")
    wire = Wire(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    guarded = testnet_client.testnet_client(ApiKeys(key="k", secret="s"), "https://testnet.binance.vision", wire)
    guard = guarded.session.get_adapter("https://testnet.binance.vision")
    assert isinstance(guard, Guard)
    for adapter in (public, guard._inner):
        assert isinstance(adapter, PunctualAdapter)
        assert adapter._total_s == 30.0


def test_a_request_is_handed_on_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[tuple[object, ...]] = []

    def send(_: HTTPAdapter, request: requests.PreparedRequest, *given: object) -> requests.Response:
        handed.append((request.url, *given))
        return requests.Response()

    monkeypatch.setattr(HTTPAdapter, "send", send)
    request = requests.Request("GET", "https://example.com/").prepare()
    PunctualAdapter(5.0).send(request, True, 3.0, "bundle", "client.pem", {"https": "proxy"})
    PunctualAdapter(5.0).send(request)
    assert handed == [
        ("https://example.com/", True, 3.0, "bundle", "client.pem", {"https": "proxy"}),
        ("https://example.com/", False, None, True, None, None),
    ]


def test_a_request_that_hangs_keeps_no_process_alive() -> None:
    thread = within(5.0, threading.current_thread)
    assert (thread.name, thread.daemon) == ("request", True)
