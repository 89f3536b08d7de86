"""The real python-binance pointed at the fake exchange, over HTTP or over the transport, and orders to send by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException

from testing.exchange.access import WallClock
from testing.exchange.core import KEY, SECRET, FakeExchange
from testing.exchange.server import ExchangeServer
from testing.exchange.transport import ExchangeTransport

BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
REST = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
SHORT = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.010", "newOrderRespType": "RESULT"}


def a_client(url: str, key: str = KEY, secret: str = SECRET) -> Client:
    """The real client at this address; it stamps its requests by the machine's clock."""

    class Pointed(Client):  # type: ignore[misc]
        API_URL = API_TESTNET_URL = f"{url}/api"
        FUTURES_URL = FUTURES_TESTNET_URL = f"{url}/fapi"

    return Pointed(key, secret, testnet=True, ping=False, requests_params={"timeout": 2})


def an_exchange(**changed: Any) -> FakeExchange:
    """An exchange by the machine's clock, with a market without end at 50,000."""
    exchange = FakeExchange(**{"clock": WallClock(), **changed})
    exchange.quote("BTCUSDT", Decimal(50_000))
    return exchange


def mounted(exchange: FakeExchange, key: str = KEY, secret: str = SECRET) -> Client:
    """The real client over the transport."""
    client = a_client("http://127.0.0.1:1", key, secret)
    client.session.mount("http://", ExchangeTransport(exchange))
    return client


@contextmanager
def connected(exchange: FakeExchange, way: str) -> Iterator[Client]:
    """The real client by `http` or by `transport`."""
    if way == "transport":
        yield mounted(exchange)
        return
    with ExchangeServer(exchange) as server:
        client = a_client(server.url)
        yield client
        client.close_connection()


@contextmanager
def refused(code: int, message: str = "") -> Iterator[None]:
    """Nothing when the block is refused with exactly this code."""
    with pytest.raises(BinanceAPIException, match=message or str(code)) as caught:
        yield
    assert caught.value.code == code, caught.value
