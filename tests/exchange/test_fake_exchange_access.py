"""The fake exchange's signatures, clock and limits, met by the real python-binance."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from binance.client import Client

from testing.exchange.access import SetClock, WallClock
from testing.exchange.clients import BUY, REST, SHORT, an_exchange, connected, mounted, refused
from testing.exchange.core import FakeExchange


@pytest.fixture
def exchange() -> FakeExchange:
    return an_exchange()


@pytest.fixture(params=["http", "transport"])
def client(request: pytest.FixtureRequest, exchange: FakeExchange) -> Iterator[Client]:
    with connected(exchange, request.param) as client:
        yield client


def test_a_wrong_signature_is_refused(exchange: FakeExchange, client: Client) -> None:
    client.API_SECRET = "x" * 64
    with refused(-1022):
        client.get_account()
    with refused(-1022):
        client.create_order(**BUY)
    assert exchange.accepted_orders == []


def test_the_signature_is_checked_over_the_exact_text(exchange: FakeExchange) -> None:
    # Example 1 and 3 of rest-api.md, with the documentation's own key, secret and signatures.
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    told = FakeExchange(clock=SetClock(datetime.fromtimestamp(1499827319.559, UTC)), keys={key: secret})
    head, tail = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC", "quantity=1&price=0.1&recvWindow=5000"
    tail += "&timestamp=1499827319559"
    first = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    third = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    asked = [("", f"{head}&{tail}&signature={first}"), (f"{head}&{tail}&signature={first.upper()}", "")]
    asked.append((head, f"{tail}&signature={third}"))
    for query, body in asked:
        answer = told.handle("POST", "/api/v3/order", query, body, {"X-MBX-APIKEY": key})
        assert "-1121" in answer.body  # signed well; the symbol is not listed here
    answer = told.handle("POST", "/api/v3/order", head, f"{tail}&signature={first}", {"X-MBX-APIKEY": key})
    assert "-1022" in answer.body


def test_unknown_keys_are_refused(exchange: FakeExchange) -> None:
    with refused(-2015):
        mounted(exchange, key="a" * 64).get_account()
    with refused(-2014):
        mounted(exchange, key="short").get_account()


def test_a_clock_that_differs_is_refused_until_the_offset_is_known() -> None:
    for offset, message in (
        (timedelta(minutes=2), "outside of the recvWindow"),
        (timedelta(minutes=-2), "1000ms ahead"),
    ):
        client = mounted(an_exchange(clock=WallClock(offset)))
        with refused(-1021, message):
            client.get_account()
        client.timestamp_offset = client.get_server_time()["serverTime"] - int(time.time() * 1000)
        assert client.get_account()["canTrade"] is True


def test_the_test_moves_the_clock() -> None:
    clock = SetClock(datetime(2026, 3, 1, tzinfo=UTC))
    client = mounted(an_exchange(clock=clock))
    assert client.get_server_time()["serverTime"] == 1_772_323_200_000
    clock.advance(timedelta(days=1))
    assert client.get_server_time()["serverTime"] == 1_772_409_600_000


def test_headers_tell_the_weight_and_the_order_count(client: Client) -> None:
    client.get_my_trades(symbol="BTCUSDT")
    client.get_my_trades(symbol="BTCUSDT", orderId=1)
    used = int(client.response.headers["X-MBX-USED-WEIGHT-1M"])
    assert used == 20 + 5
    client.create_order(**REST, price="49000")
    assert int(client.response.headers["X-MBX-USED-WEIGHT-1M"]) == used + 1
    assert client.response.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert client.response.headers["x-mbx-order-count-1d"] == "1"


def test_too_many_requests_are_told_to_wait_and_then_banned() -> None:
    clock = SetClock(datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC))
    exchange = an_exchange(clock=clock)
    exchange.spot.requests.weight_limit = 40
    client = mounted(exchange)
    client.get_exchange_info()
    client.get_exchange_info()
    for _ in range(4):
        with refused(-1003, "Too much request weight"):
            client.ping()
        assert (client.response.status_code, client.response.headers["Retry-After"]) == (429, "30")
    with refused(-1003, "IP banned until"):
        client.ping()
    assert (client.response.status_code, client.response.headers["Retry-After"]) == (418, "120")
    clock.advance(timedelta(seconds=119))
    with refused(-1003, "IP banned until"):
        client.ping()
    clock.advance(timedelta(seconds=1))
    assert client.ping() == {}


def test_too_many_unfilled_orders_are_refused() -> None:
    exchange = an_exchange(clock=SetClock(datetime.now(UTC)))
    exchange.spot.order_limits.spans = {"10S": (10_000, 2)}
    client = mounted(exchange)
    for _ in range(3):
        client.create_order(**BUY)  # orders that trade do not count
    client.create_order(**REST, price="49000")
    client.create_order(**REST, price="49000")
    with refused(-1015):
        client.create_order(**REST, price="49000")
    assert (client.response.status_code, "Retry-After" in client.response.headers) == (429, False)


def test_orders_that_are_not_there_are_told(client: Client) -> None:
    with refused(-2013):
        client.get_order(symbol="BTCUSDT", origClientOrderId="nobody")
    with refused(-2011):
        client.cancel_order(symbol="BTCUSDT", origClientOrderId="nobody")
    client.create_order(**BUY, newClientOrderId="filled")
    with refused(-2011):
        client.cancel_order(symbol="BTCUSDT", origClientOrderId="filled")
    with refused(-2013):
        client.futures_get_order(symbol="BTCUSDT", origClientOrderId="nobody")
    with refused(-2011):
        client.futures_cancel_order(symbol="BTCUSDT", origClientOrderId="nobody")


def test_an_archived_order_is_not_told() -> None:
    clock = SetClock(datetime.now(UTC) - timedelta(days=91))
    exchange = FakeExchange(clock=clock)
    exchange.quote("BTCUSDT", Decimal(50_000))
    sent = {**REST, "timeInForce": "FOK", "price": "49000", "newClientOrderId": "old"}
    for path in ("/api/v3/order", "/fapi/v1/order"):
        exchange.call("POST", path, **sent)
    clock.now = datetime.now(UTC)
    client = mounted(exchange)
    with refused(-2026):
        client.get_order(symbol="BTCUSDT", origClientOrderId="old")
    with refused(-2013):
        client.futures_get_order(symbol="BTCUSDT", origClientOrderId="old")


def test_a_filled_futures_order_is_told_for_ninety_days_and_a_spot_one_for_ever() -> None:
    clock = SetClock(datetime.now(UTC) - timedelta(days=91))
    exchange = FakeExchange(clock=clock)
    exchange.quote("BTCUSDT", Decimal(50_000))
    for path in ("/api/v3/order", "/fapi/v1/order"):
        exchange.call("POST", path, **BUY, newClientOrderId="old")
    client = mounted(exchange)
    clock.now = datetime.now(UTC) - timedelta(days=1, minutes=1)
    asked = {"symbol": "BTCUSDT", "origClientOrderId": "old"}
    assert exchange.call("GET", "/fapi/v1/order", **asked)["status"] == "FILLED"
    clock.now = datetime.now(UTC)
    assert client.get_order(**asked)["status"] == "FILLED"
    with refused(-2013):
        client.futures_get_order(**asked)


def test_position_mode_is_told_and_kept(client: Client) -> None:
    assert client.futures_get_position_mode() == {"dualSidePosition": False}
    with refused(-4059):
        client.futures_change_position_mode(dualSidePosition="false")
    with refused(-4061):
        client.futures_create_order(**SHORT, positionSide="SHORT")
    client.futures_change_position_mode(dualSidePosition="true")
    with refused(-4061):
        client.futures_create_order(**SHORT)
