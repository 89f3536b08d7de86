"""The fake exchange's spot venue, asked by the real python-binance: each answer once, by HTTP and by the transport."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from binance.client import Client

from testing.exchange.access import Refusal, SetClock
from testing.exchange.clients import BUY, REST, SHORT, an_exchange, connected, mounted, refused
from testing.exchange.core import FakeExchange
from testing.exchange.filters import Listing, spot_rules


@pytest.fixture
def exchange() -> FakeExchange:
    return an_exchange()


@pytest.fixture(params=["http", "transport"])
def client(request: pytest.FixtureRequest, exchange: FakeExchange) -> Iterator[Client]:
    with connected(exchange, request.param) as client:
        yield client


def free(client: Client, asset: str) -> Decimal:
    return Decimal(client.get_asset_balance(asset)["free"])


def test_public_answers_need_no_key(exchange: FakeExchange, client: Client) -> None:
    assert client.ping() == {}
    assert abs(client.get_server_time()["serverTime"] / 1000 - time.time()) < 5
    rules = {one["filterType"]: one for one in client.get_symbol_info("BTCUSDT")["filters"]}
    assert rules["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert rules["NOTIONAL"]["avgPriceMins"] == 5
    assert client.get_symbol_ticker(symbol="BTCUSDT")["price"] == "50000.00000000"
    assert client.get_avg_price(symbol="BTCUSDT")["price"] == "50000.00000000"
    assert client.futures_ping() == {}
    assert client.futures_time()["serverTime"] > 0
    assert client.futures_exchange_info()["symbols"][0]["contractType"] == "PERPETUAL"
    assert client.futures_symbol_ticker(symbol="BTCUSDT")["price"] == "50000"


def test_a_spot_buy_pays_its_commission_in_the_base_asset(client: Client) -> None:
    order = client.create_order(**BUY, newClientOrderId="one")
    assert order["status"] == "FILLED"
    assert order["fills"] == [
        {
            "price": "50000.00000000",
            "qty": "0.01000000",
            "commission": "0.00001000",
            "commissionAsset": "BTC",
            "tradeId": 1,
        }
    ]
    assert free(client, "BTC") == Decimal("1.00999")
    assert free(client, "USDT") == Decimal(9_500)
    assert client.get_order(symbol="BTCUSDT", origClientOrderId="one")["executedQty"] == "0.01000000"
    assert client.get_all_orders(symbol="BTCUSDT")[0]["clientOrderId"] == "one"


def test_a_spot_sell_pays_its_commission_in_the_quote_asset(client: Client) -> None:
    client.create_order(**{**BUY, "side": "SELL"})
    assert free(client, "BTC") == Decimal("0.99")
    assert free(client, "USDT") == Decimal("10499.5")
    (trade,) = client.get_my_trades(symbol="BTCUSDT")
    assert (trade["commission"], trade["commissionAsset"], trade["isBuyer"]) == ("0.50000000", "USDT", False)


def test_a_market_order_takes_what_is_there_and_the_rest_expires(exchange: FakeExchange, client: Client) -> None:
    exchange.quote("BTCUSDT", Decimal(50_000), depth=Decimal("0.006"), levels=2)
    order = client.create_order(**BUY)
    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.00600000")
    assert [fill["price"] for fill in order["fills"]] == ["50000.00000000", "50000.01000000"]
    assert client.create_order(**BUY)["executedQty"] == "0.00000000"


def test_a_quote_quantity_buys_whole_steps(client: Client) -> None:
    sent = {name: value for name, value in BUY.items() if name != "quantity"}
    order = client.create_order(**sent, quoteOrderQty="100.7")
    assert (order["executedQty"], order["cummulativeQuoteQty"]) == ("0.00201000", "100.50000000")


def test_a_resting_order_locks_fills_at_its_price_and_releases(exchange: FakeExchange, client: Client) -> None:
    client.create_order(**REST, price="49000", newClientOrderId="resting")
    balance = client.get_asset_balance("USDT")
    assert (balance["free"], balance["locked"]) == ("9510.00000000", "490.00000000")
    assert [order["clientOrderId"] for order in client.get_open_orders()] == ["resting"]
    exchange.quote("BTCUSDT", Decimal(48_000), depth=Decimal("0.004"))
    assert client.get_order(symbol="BTCUSDT", origClientOrderId="resting")["status"] == "PARTIALLY_FILLED"
    cancelled = client.cancel_order(symbol="BTCUSDT", origClientOrderId="resting")
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "resting")
    assert client.get_asset_balance("USDT")["free"] == "9804.00000000"
    assert client.get_my_trades(symbol="BTCUSDT")[0]["price"] == "49000.00000000"


def test_times_in_force_end_what_is_not_filled(exchange: FakeExchange, client: Client) -> None:
    exchange.quote("BTCUSDT", Decimal(50_000), depth=Decimal("0.004"))
    whole = client.create_order(**{**REST, "timeInForce": "FOK"}, price="50000")
    assert (whole["status"], whole["executedQty"]) == ("EXPIRED", "0.00000000")
    part = client.create_order(**{**REST, "timeInForce": "IOC"}, price="50000")
    assert (part["status"], part["executedQty"]) == ("EXPIRED", "0.00400000")


@pytest.mark.parametrize(
    ("broken", "changed"),
    [
        ("LOT_SIZE", {"quantity": "0.010001"}),
        ("LOT_SIZE", {"quantity": "0"}),
        ("MARKET_LOT_SIZE", {"quantity": "101"}),
        ("NOTIONAL", {"quantity": "0.00009"}),
        ("PRICE_FILTER", {**REST, "price": "49000.001"}),
        ("NOTIONAL", {**REST, "price": "20000", "quantity": "0.0002"}),
        ("PERCENT_PRICE_BY_SIDE", {**REST, "price": "9999"}),
        ("PERCENT_PRICE_BY_SIDE", {**REST, "side": "SELL", "price": "250001"}),
    ],
)
def test_a_broken_filter_is_named(client: Client, broken: str, changed: dict[str, str]) -> None:
    with refused(-1013, f"Filter failure: {broken}"):
        client.create_order(**{**BUY, **changed})


def test_market_notional_is_measured_by_the_average_price() -> None:
    clock = SetClock(datetime(2026, 3, 1, tzinfo=UTC))
    exchange = an_exchange(clock=clock)
    exchange.quote("BTCUSDT", Decimal(100_000))
    small = {**BUY, "quantity": "0.00006"}  # 6 at the last price, 4.5 at the average of five minutes
    with pytest.raises(Refusal, match="Filter failure: NOTIONAL"):
        exchange.call("POST", "/api/v3/order", **small)
    clock.advance(timedelta(minutes=6))
    assert exchange.call("POST", "/api/v3/order", **small)["status"] == "FILLED"


def test_older_filters_and_switches_are_obeyed() -> None:
    older = {"minNotional": "10", "applyToMarket": False, "avgPriceMins": 0}
    rules = spot_rules(
        notional={"minNotional": "0", "applyMinToMarket": False, "maxNotional": "0", "applyMaxToMarket": False},
        min_notional=older,
        percent_price={"multiplierUp": "1.1", "multiplierDown": "0.9", "avgPriceMins": 0},
        max_num_orders={"maxNumOrders": 1},
    )
    client = mounted(an_exchange(spot_listed=[Listing("BTCUSDT", "BTC", "USDT", rules)]))
    assert client.create_order(**{**BUY, "quantity": "0.0001"})["status"] == "FILLED"
    with refused(-1013, "Filter failure: MIN_NOTIONAL"):
        client.create_order(**{**REST, "quantity": "0.0001"}, price="50000")
    with refused(-1013, "Filter failure: PERCENT_PRICE"):
        client.create_order(**REST, price="44999")
    client.create_order(**REST, price="46000")
    with refused(-1013, "Filter failure: MAX_NUM_ORDERS"):
        client.create_order(**REST, price="46000")


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        (-1121, {"symbol": "NONEUSDT"}),
        (-1117, {"side": "HOLD"}),
        (-1116, {"type": "WISH"}),
        (-1106, {"price": "50000"}),
        (-1102, {"quantity": ""}),
        (-1100, {"quantity": "1E-2"}),
        (-1111, {"quantity": "0.123456789"}),
        (-1100, {"newClientOrderId": "x" * 37}),
        (-1104, {"reduceOnly": "true"}),
        (-2010, {"quantity": "0.3"}),
        (-2010, {"side": "SELL", "quantity": "2"}),
    ],
)
def test_a_malformed_or_unaffordable_order_is_refused(client: Client, code: int, changed: dict[str, str]) -> None:
    with refused(code):
        client.create_order(**{**BUY, **changed})
    assert free(client, "USDT") == 10_000


def test_a_name_is_refused_only_while_its_order_is_open(exchange: FakeExchange, client: Client) -> None:
    client.create_order(**REST, price="49000", newClientOrderId="name")
    with refused(-2010, "Duplicate order sent."):
        client.create_order(**REST, price="49000", newClientOrderId="name")
    assert exchange.duplicates() == {}
    client.cancel_order(symbol="BTCUSDT", origClientOrderId="name")
    client.create_order(**BUY, newClientOrderId="name")
    client.create_order(**BUY, newClientOrderId="name")
    assert [order.status for order in exchange.accepted("name")] == ["CANCELED", "FILLED", "FILLED"]
    assert list(exchange.duplicates()) == ["name"]


@pytest.mark.parametrize("status", ["BREAK", "HALT"])
def test_a_symbol_that_does_not_trade_takes_no_orders(exchange: FakeExchange, client: Client, status: str) -> None:
    exchange.spot.books["BTCUSDT"].listing.status = status
    exchange.futures.books["BTCUSDT"].listing.status = "SETTLING"
    assert client.get_symbol_info("BTCUSDT")["status"] == status
    with refused(-1013, "Market is closed."):
        client.create_order(**BUY)
    with refused(-4141):
        client.futures_create_order(**SHORT)


def test_a_reset_blanks_everything_but_the_witness(exchange: FakeExchange, client: Client) -> None:
    client.create_order(**BUY, newClientOrderId="before")
    client.futures_create_order(**SHORT)
    exchange.reset()
    assert (free(client, "USDT"), free(client, "BTC")) == (10_000, 1)
    assert client.get_all_orders(symbol="BTCUSDT") == client.get_my_trades(symbol="BTCUSDT") == []
    with refused(-2013):
        client.get_order(symbol="BTCUSDT", origClientOrderId="before")
    assert client.futures_position_information() == client.futures_income_history() == []
    assert client.create_order(**BUY, newClientOrderId="before")["orderId"] == 1
    assert [(order.era, order.id) for order in exchange.accepted("before")] == [(0, 1), (1, 1)]
