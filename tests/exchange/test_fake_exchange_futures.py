"""The fake exchange's futures venue, asked by the real python-binance: each answer shown once."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from binance.client import Client

from testing.exchange.clients import SHORT, an_exchange, connected, mounted, refused
from testing.exchange.core import FakeExchange
from testing.exchange.filters import Listing, futures_rules


@pytest.fixture
def exchange() -> FakeExchange:
    return an_exchange()


@pytest.fixture(params=["http", "transport"])
def client(request: pytest.FixtureRequest, exchange: FakeExchange) -> Iterator[Client]:
    with connected(exchange, request.param) as client:
        yield client


def test_a_short_earns_when_the_price_falls(exchange: FakeExchange, client: Client) -> None:
    order = client.futures_create_order(**SHORT, newClientOrderId="short")
    assert (order["status"], order["avgPrice"], order["cumQuote"]) == ("FILLED", "50000.00000", "500")
    (position,) = client.futures_position_information()
    assert (position["positionAmt"], position["entryPrice"]) == ("-0.01", "50000.00000000")
    exchange.quote("BTCUSDT", Decimal(40_000))
    account = client.futures_account()
    assert account["totalUnrealizedProfit"] == "100.00000000"
    assert account["positions"][0]["leverage"] == "20"
    client.futures_create_order(**{**SHORT, "side": "BUY"}, reduceOnly="true")
    (balance,) = client.futures_account_balance()
    assert balance["balance"] == balance["availableBalance"] == "10099.55000000"
    assert [(payment["incomeType"], payment["income"]) for payment in client.futures_income_history()] == [
        ("COMMISSION", "-0.25000000"),
        ("REALIZED_PNL", "100.00000000"),
        ("COMMISSION", "-0.20000000"),
    ]
    trade = client.futures_account_trades(symbol="BTCUSDT")[-1]
    assert (trade["realizedPnl"], trade["commission"], trade["commissionAsset"]) == (
        "100.00000000",
        "0.20000000",
        "USDT",
    )
    assert client.futures_position_information() == []


def test_futures_acknowledge_before_they_match(client: Client) -> None:
    sent = {name: value for name, value in SHORT.items() if name != "newOrderRespType"}
    entered = client.futures_create_order(**sent, newClientOrderId="acked")
    assert (entered["status"], entered["executedQty"]) == ("NEW", "0")
    assert client.futures_get_order(symbol="BTCUSDT", origClientOrderId="acked")["status"] == "FILLED"
    assert client.futures_get_all_orders(symbol="BTCUSDT")[0]["clientOrderId"] == "acked"


def test_futures_market_orders_expire_where_the_book_ends(exchange: FakeExchange, client: Client) -> None:
    exchange.quote("BTCUSDT", Decimal(50_000), depth=Decimal("0.004"))
    order = client.futures_create_order(**SHORT)
    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.004")


def test_funding_is_paid_by_longs_to_shorts(exchange: FakeExchange, client: Client) -> None:
    client.futures_create_order(**SHORT)
    exchange.fund("BTCUSDT", Decimal("0.0001"))
    exchange.fund("BTCUSDT", Decimal("-0.0002"))
    paid = client.futures_income_history(incomeType="FUNDING_FEE")
    assert [payment["income"] for payment in paid] == ["0.05000000", "-0.10000000"]
    assert exchange.futures.account.wallet == Decimal("9999.70")
    history = client.futures_funding_rate(symbol="BTCUSDT")
    assert [(one["fundingRate"], one["markPrice"]) for one in history] == [
        ("0.00010000", "50000.00000000"),
        ("-0.00020000", "50000.00000000"),
    ]
    assert [one["time"] for one in paid] == [one["fundingTime"] for one in history]
    assert client.futures_funding_rate(symbol="ETHUSDT") == []


def test_leverage_bounds_the_position(client: Client) -> None:
    assert client.futures_change_leverage(symbol="BTCUSDT", leverage=1)["leverage"] == 1
    with refused(-2019):
        client.futures_create_order(**{**SHORT, "quantity": "0.2"})
    client.futures_change_leverage(symbol="BTCUSDT", leverage=3)
    assert client.futures_create_order(**{**SHORT, "quantity": "0.2"})["status"] == "FILLED"
    with refused(-4028):
        client.futures_change_leverage(symbol="BTCUSDT", leverage=200)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        (-1121, {"symbol": "NONEUSDT"}),
        (-1111, {"quantity": "0.0101"}),
        (-4003, {"quantity": "0"}),
        (-4005, {"quantity": "121"}),
        (-4164, {"quantity": "0.001"}),
        (-2022, {"reduceOnly": "true"}),
        (-4015, {"newClientOrderId": "x" * 37}),
        (-4014, {"type": "LIMIT", "timeInForce": "GTC", "price": "50000.1"}),
        (-4016, {"type": "LIMIT", "timeInForce": "GTC", "price": "60000"}),
        (-4024, {"type": "LIMIT", "timeInForce": "GTC", "price": "40000"}),
    ],
)
def test_futures_refuse_with_their_own_codes(code: int, changed: dict[str, str]) -> None:
    coarse = futures_rules()
    if code == -4014:
        coarse[0] = {**coarse[0], "tickSize": "0.5", "minPrice": "0.5"}
    client = mounted(an_exchange(futures_listed=[Listing("BTCUSDT", "BTC", "USDT", coarse)]))
    with refused(code):
        client.futures_create_order(**{**SHORT, **changed})


def test_a_futures_name_is_refused_only_while_its_order_is_open(client: Client) -> None:
    resting = {**SHORT, "type": "LIMIT", "timeInForce": "GTC", "price": "51000", "newClientOrderId": "name"}
    client.futures_create_order(**resting)
    with refused(-4116):
        client.futures_create_order(**resting)
    assert len(client.futures_get_open_orders()) == 1
    assert client.futures_cancel_order(symbol="BTCUSDT", origClientOrderId="name")["status"] == "CANCELED"
    assert client.futures_create_order(**resting)["status"] == "NEW"


def test_a_ruined_account_is_liquidated_and_never_below_zero(exchange: FakeExchange, client: Client) -> None:
    client.futures_create_order(**{**SHORT, "quantity": "2"})
    exchange.quote("BTCUSDT", Decimal(60_000))
    assert exchange.futures.account.wallet == 0
    assert client.futures_position_information() == []
    assert client.futures_get_all_orders(symbol="BTCUSDT")[-1]["clientOrderId"].startswith("autoclose-")


def test_a_dear_reduction_may_ruin_the_rest(exchange: FakeExchange, client: Client) -> None:
    client.futures_create_order(**{**SHORT, "quantity": "2"})
    exchange.quote("BTCUSDT", Decimal(50_000), half_spread=Decimal(10_000))
    client.futures_create_order(**{**SHORT, "side": "BUY", "quantity": "1"}, reduceOnly="true")
    assert exchange.futures.account.wallet == exchange.futures.account.positions["BTCUSDT"].amount == 0
    assert client.futures_income_history(incomeType="INSURANCE_CLEAR")[0]["income"] == "105.00000000"
