"""The fake exchange's faults, met by the real python-binance: each looks as documented, and each is counted."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.fakes.exchange_clients import BUY, SHORT, an_exchange, connected, mounted, refused
from tests.fakes.exchange_core import FakeExchange
from tests.fakes.exchange_faults import UNKNOWN, Fault, Faults, Kind


@pytest.fixture
def exchange() -> FakeExchange:
    return an_exchange()


@pytest.fixture(params=["http", "transport"])
def client(request: pytest.FixtureRequest, exchange: FakeExchange) -> Iterator[Client]:
    with connected(exchange, request.param) as client:
        yield client


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("venue", ["spot", "futures"])
def test_each_fault_looks_as_documented_and_keeps_or_loses_the_order(
    exchange: FakeExchange, client: Client, kind: Kind, venue: str
) -> None:
    exchange.faults.add(Fault(kind=kind, method="POST", path="/order", delay_s=30))
    send: Callable[..., Any] = client.create_order if venue == "spot" else client.futures_create_order
    client._requests_params = {"timeout": 0.3}
    client.get_server_time()  # the fault waits for an order
    order = BUY if venue == "spot" else SHORT
    errors = (requests.RequestException, BinanceAPIException)
    with pytest.raises(errors, match=r".") as caught:
        send(**order, newClientOrderId="faulty")
    assert _told(caught.value) == _EXPECTED[kind]
    assert len(exchange.accepted("faulty")) == int(kind == Kind.SLOW or kind.name.endswith("_ACCEPTED"))
    assert exchange.faults.injected == {kind: 1}


def test_the_test_itself_asks_without_faults(exchange: FakeExchange) -> None:
    exchange.faults.add(Fault(kind=Kind.CUT))
    assert exchange.call("GET", "/api/v3/account")["canTrade"] is True
    assert (len(exchange.faults.listed), exchange.faults.injected.total()) == (1, 0)


_EXPECTED: dict[Kind, Any] = {
    Kind.CUT: requests.ConnectionError,
    Kind.CUT_ACCEPTED: requests.ConnectionError,
    Kind.STALLED: requests.ReadTimeout,
    Kind.SLOW: requests.ReadTimeout,
    Kind.TIMEOUT: (408, -1007),
    Kind.TIMEOUT_ACCEPTED: (408, -1007),
    Kind.UNEXPECTED: (500, -1006),
    Kind.UNEXPECTED_ACCEPTED: (500, -1006),
    Kind.HTML: (502, 0),
    Kind.HTML_ACCEPTED: (502, 0),
    Kind.BUSY: (503, -1008),
    Kind.BUSY_ACCEPTED: (503, -1008),
    Kind.DISCONNECTED: (503, -1001),
    Kind.SKEWED: (400, -1021),
    Kind.TOO_MANY: (429, -1003),
    Kind.BANNED: (418, -1003),
}


def _told(error: Exception) -> Any:
    return (error.status_code, error.code) if isinstance(error, BinanceAPIException) else type(error)


def test_a_slow_answer_within_the_patience_arrives(exchange: FakeExchange, client: Client) -> None:
    exchange.faults.add(Fault(kind=Kind.SLOW, delay_s=0.05))
    assert client.create_order(**BUY)["status"] == "FILLED"


def test_drawn_faults_come_again_with_their_seed() -> None:
    def met(seed: int) -> list[Kind | None]:
        faults = Faults.drawn(seed=seed, rate=0.2, kinds=[Kind.CUT, Kind.HTML_ACCEPTED], method="POST")
        found = [faults.next("POST", "/api/v3/order") for _ in range(500)]
        assert faults.next("GET", "/api/v3/order") is None
        assert faults.injected.total() == sum(one is not None for one in found)
        return [one.kind if one else None for one in found]

    assert met(1) == met(1) != met(2)
    assert 60 <= sum(kind is not None for kind in met(3)) <= 140


def test_listed_faults_meet_the_next_requests_in_order(exchange: FakeExchange, client: Client) -> None:
    exchange.faults.add(None, Fault(kind=Kind.HTML), Fault(kind=Kind.CUT, path="/time"))
    assert client.ping() == {}
    with refused(0):
        client.ping()
    assert client.ping() == {}
    with pytest.raises(requests.ConnectionError, match="aborted"):
        client.get_server_time()


def test_the_witness_tells_who_sends_again_blindly_from_who_asks() -> None:
    def sent(asks: bool) -> FakeExchange:
        exchange = an_exchange(faults=Faults.drawn(seed=7, rate=0.3, kinds=UNKNOWN))
        client = mounted(exchange)
        for number in range(100):
            for _ in range(20):
                name = {"symbol": "BTCUSDT", "origClientOrderId": f"order-{number}"}
                try:
                    if asks:
                        with suppress(BinanceAPIException):
                            client.get_order(**name)
                            break
                        if client.response.json().get("code") != -2013:
                            continue
                    client.create_order(**{**BUY, "quantity": "0.001"}, newClientOrderId=name["origClientOrderId"])
                    break
                except (requests.RequestException, BinanceAPIException):
                    continue
        return exchange

    blind, careful = sent(asks=False), sent(asks=True)
    assert len(blind.duplicates()) > 5
    assert careful.duplicates() == {}
    assert len(careful.accepted_orders) == 100
