"""The fake exchange's faults, met by the real python-binance: each looks as documented, and each is counted."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException

from testing.exchange.access import SetClock, milliseconds
from testing.exchange.clients import BUY, SHORT, an_exchange, connected, mounted, refused
from testing.exchange.core import KEY, SECRET, Answer, FakeExchange
from testing.exchange.delays import NONE, Delays, Lags
from testing.exchange.faults import ACCEPTED, LATE, UNKNOWN, Fault, Faults, Kind


@pytest.fixture
def exchange() -> FakeExchange:
    return an_exchange()


@pytest.fixture(params=["http", "transport"])
def client(request: pytest.FixtureRequest, exchange: FakeExchange) -> Iterator[Client]:
    with connected(exchange, request.param) as client:
        yield client


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
    Kind.BANNED_BY_TEXT: (418, -1003),
    Kind.FORBIDDEN: (403, 0),
    Kind.UNAVAILABLE: (503, 0),
    Kind.UNKNOWN_ERROR: (503, -1000),
    Kind.UNKNOWN_ERROR_ACCEPTED: (503, -1000),
    Kind.CUT_BEHIND: requests.ConnectionError,
}


@pytest.mark.parametrize("kind", list(_EXPECTED))
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
    assert len(exchange.accepted("faulty")) == int(kind in ACCEPTED)
    assert exchange.faults.injected == {kind: 1}


def test_the_test_itself_asks_without_faults(exchange: FakeExchange) -> None:
    exchange.faults.add(Fault(kind=Kind.CUT))
    assert exchange.call("GET", "/api/v3/account")["canTrade"] is True
    assert (len(exchange.faults.listed), exchange.faults.injected.total()) == (1, 0)


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
        assert faults.injected.total() == sum(fault is not None for fault in found)
        return [fault.kind if fault else None for fault in found]

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


@pytest.mark.parametrize("kind", sorted(LATE))
@pytest.mark.parametrize("venue", ["spot", "futures"])
def test_a_late_engine_takes_an_order_once_whatever_its_window(kind: Kind, venue: str) -> None:
    exchange, clock, ask = _at_a_set_clock(venue)
    exchange.faults.add(Fault(kind=kind, method="POST", path="/order", late_s=60))
    assert ask("POST", "order", recvWindow=5000, **_ORDER).status != 200
    assert (ask("GET", "order", **_NAMED).status, exchange.accepted_orders) == (400, [])
    clock.advance(timedelta(seconds=59))
    assert ask("GET", "order", **_NAMED).status == 400
    clock.advance(timedelta(seconds=200))
    found = json.loads(ask("GET", "order", **_NAMED).body)
    assert (found["status"], len(exchange.accepted("late"))) == ("FILLED", 1)
    # It is dated when the engine took it, not when somebody asked.
    assert exchange.accepted_orders[0].time_ms == _START_MS + 60_000 == exchange.accepted_orders[0].trades[0].time_ms


@pytest.mark.parametrize("venue", ["spot", "futures"])
def test_what_a_request_may_not_the_late_engine_never_sees(venue: str) -> None:
    exchange, clock, ask = _at_a_set_clock(venue)
    exchange.faults.add(Fault(kind=Kind.CUT_LATE, method="POST", path="/order"))
    clock.offset = timedelta(minutes=1)
    ask("POST", "order", ahead_s=-60, **_ORDER)
    clock.advance(timedelta(minutes=5))
    exchange.quote("BTCUSDT", Decimal(50_000))
    assert exchange.accepted_orders == []


@pytest.mark.parametrize("kind", [Kind.BEHIND, Kind.CUT_BEHIND])
@pytest.mark.parametrize("venue", ["spot", "futures"])
def test_an_accepted_order_is_forgotten_for_a_while(kind: Kind, venue: str) -> None:
    exchange, clock, ask = _at_a_set_clock(venue)
    before = _told_of(ask, venue)
    exchange.faults.add(Fault(kind=kind, method="POST", path="/order", late_s=60))
    taken = ask("POST", "order", **_ORDER)
    assert taken.cut == (kind is Kind.CUT_BEHIND)
    assert len(exchange.accepted("late")) == 1
    clock.advance(timedelta(seconds=59))
    assert (ask("GET", "order", **_NAMED).status, _told_of(ask, venue)) == (400, before)
    clock.advance(timedelta(seconds=1))
    balances, orders, trades = _told_of(ask, venue)
    assert (ask("GET", "order", **_NAMED).status, len(orders), len(trades)) == (200, 1, 1)
    assert balances != before[0]


def test_each_answer_lags_by_itself_and_by_the_seed() -> None:
    def lags(seed: int) -> list[Lags]:
        exchange, _, ask = _at_a_set_clock("spot")
        exchange.delays = exchange.spot.orders.delays = Delays(exchange.clock, rate=0.5, seed=seed)
        for number in range(20):
            ask("POST", "order", **_ORDER | {"newClientOrderId": f"{number}", "quantity": "0.001"})
        return [order.lags for order in exchange.accepted_orders]

    assert lags(1) == lags(1) != lags(2)
    drawn = [one for one in lags(1) if one != NONE]
    assert 4 <= len(drawn) <= 16
    assert all(len({one.order_ms, one.lists_ms, one.trades_ms, one.balances_ms}) == 4 for one in drawn)


def test_trades_cannot_be_read_for_a_while() -> None:
    exchange, clock, ask = _at_a_set_clock("spot")
    exchange.faults.add(Fault(kind=Kind.TRADES_UNREAD, method="POST", path="/order", late_s=20))
    assert ask("POST", "order", **_ORDER).status == 200
    assert ask("GET", "myTrades", symbol="BTCUSDT").status == 502
    clock.advance(timedelta(seconds=20))
    assert len(json.loads(ask("GET", "myTrades", symbol="BTCUSDT").body)) == 1


_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "newClientOrderId": "late"}
_NAMED = {"symbol": "BTCUSDT", "origClientOrderId": "late"}
_START = datetime(2026, 1, 5, 0, 5, tzinfo=UTC)
_START_MS = int(_START.timestamp() * 1000)


def _at_a_set_clock(venue: str) -> tuple[FakeExchange, SetClock, Callable[..., Answer]]:
    """An exchange by a clock that stands, and a way to ask it that meets faults and lets no time pass."""
    clock = SetClock(_START)
    exchange = FakeExchange(clock=clock)
    exchange.quote("BTCUSDT", Decimal(50_000))
    folder = {"spot": "/api/v3/", "futures": "/fapi/v1/"}[venue]

    def ask(method: str, what: str, ahead_s: int = 0, **sent: object) -> Answer:
        stamped = sent | {"timestamp": milliseconds(clock.server() + timedelta(seconds=ahead_s))}
        text = urlencode(stamped)
        signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        path = what if what.startswith("/") else folder + what
        return exchange.handle(method, path, f"{text}&signature={signature}", "", {"X-MBX-APIKEY": KEY})

    return exchange, clock, ask


def _told_of(ask: Callable[..., Answer], venue: str) -> tuple[Any, Any, Any]:
    account = json.loads(ask("GET", "account" if venue == "spot" else "/fapi/v2/account").body)
    told = account["balances"] if venue == "spot" else (account["totalWalletBalance"], account["positions"])
    for one in told[1] if venue == "futures" else ():
        one.pop("updateTime")
    orders, trades = (
        json.loads(ask("GET", what, symbol="BTCUSDT").body)
        for what in ("allOrders", "myTrades" if venue == "spot" else "userTrades")
    )
    return told, orders, trades
