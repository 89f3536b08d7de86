import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from exchange.brokers.binance_spot import SpotTestnet
from exchange.brokers.error_codes import Judgement, judge_answer
from exchange.brokers.testnet_client import Wire
from exchange.ports import BrokerRefused
from strategy.account.orders import OrderState, ReasonCode
from testing.exchange.core import FakeExchange
from testing.exchange.testnets import BTC, KEYS, PRICE, Testnet, an_order
from testing.exchange.transport import ExchangeTransport

each_venue = pytest.mark.parametrize("venue", ["testnet-spot", "testnet-futures"])


@pytest.fixture
def testnet() -> Testnet:
    made = Testnet()
    made.exchange.quote("BTCUSDT", PRICE)
    return made


@dataclass
class Garbled(ExchangeTransport):
    """A way on which requests that fit arrive, and their answers are replaced."""

    fits: Callable[[requests.PreparedRequest], bool] = field(kw_only=True)
    status: int = field(kw_only=True)
    body: str = field(kw_only=True)
    headers: Mapping[str, str] = field(kw_only=True, default_factory=dict)

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        response = super().send(request, *given, **options)
        if self.fits(request):
            response.status_code, response._content = self.status, self.body.encode()
            response.headers.update(self.headers)
        return response


def is_order(request: requests.PreparedRequest, method: str = "POST") -> bool:
    return request.method == method and str(request.url).split("?")[0].endswith("/order")


def asks(ending: str) -> Callable[[requests.PreparedRequest], bool]:
    return lambda request: str(request.url).split("?")[0].endswith(ending)


@pytest.mark.parametrize(
    ("status", "code", "said", "judged"),
    [
        (400, -1013, "Filter failure: LOT_SIZE", Judgement.REFUSED),
        (400, -1111, "Precision is over the maximum defined for this asset.", Judgement.REFUSED),
        (400, -1121, "Invalid symbol.", Judgement.REFUSED),
        (400, -2010, "Account has insufficient balance for requested action.", Judgement.REFUSED),
        (400, -2019, "Margin is insufficient.", Judgement.REFUSED),
        (400, -4164, "Order's notional must be no smaller than 100", Judgement.REFUSED),
        (400, -2010, "Duplicate order sent.", Judgement.DUPLICATE),
        (400, -4116, "ClientOrderId is duplicated.", Judgement.DUPLICATE),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", Judgement.SKEWED),
        (400, -5028, "Timestamp for this request is outside of the ME recvWindow.", Judgement.SKEWED),
        (429, -1003, "Too much request weight used.", Judgement.LIMITED),
        (418, -1003, "Way too much request weight used; IP banned.", Judgement.LIMITED),
        (429, -1015, "Too many new orders.", Judgement.LIMITED),
        (400, -1022, "Signature for this request is not valid.", Judgement.KEYS),
        (401, -1002, "You are not authorized to execute this request.", Judgement.KEYS),
        (401, -2008, "Invalid Api-Key ID.", Judgement.KEYS),
        (401, -2014, "API-key format invalid.", Judgement.KEYS),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", Judgement.KEYS),
        (400, -1000, "An unknown error occurred while processing the request.", Judgement.OPEN),
        (503, -1001, "Internal error; unable to process your request.", Judgement.OPEN),
        (500, -1003, "Too many requests queued.", Judgement.OPEN),
        (500, -1006, "An unexpected response was received from the message bus.", Judgement.OPEN),
        (408, -1007, "Timeout waiting for response from backend server.", Judgement.OPEN),
        (503, -1008, "Server is currently overloaded with other requests.", Judgement.OPEN),
        (409, -2021, "Order cancel-replace partially failed.", Judgement.OPEN),
        (408, 0, "", Judgement.OPEN),
        (403, 0, "<html>", Judgement.OPEN),
        (502, 0, "<html>", Judgement.OPEN),
        (429, 0, "<html>", Judgement.LIMITED),
    ],
)
def test_each_answer_says_what_is_known_of_the_request(status: int, code: int, said: str, judged: Judgement) -> None:
    assert judge_answer(status, code, said) is judged


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, "[]"),
        (502, '"upstream connect error"'),
        (500, '{"code": "X12", "msg": "no"}'),
        (503, '{"code": -1008, "msg": "Server is currently overloaded with other requests."}'),
        (403, "<html>"),
        (404, "<html>"),
        (302, ""),
        (200, "[]"),
        (200, '{"symbol": "BTCUSDT"}'),
        (200, "<html>"),
    ],
)
@each_venue
def test_no_answer_makes_an_accepted_order_look_like_one_that_is_not(
    testnet: Testnet, venue: str, status: int, body: str
) -> None:
    elsewhere = {"location": "https://api.binance.com/"} if status == 302 else {}
    garbled = Garbled(testnet.exchange, fits=is_order, status=status, body=body, headers=elsewhere)
    broker, order = testnet.broker(venue, garbled), an_order()
    sent_at = broker.now()
    assert broker.submit(order, sent_at).order.state is OrderState.UNKNOWN
    assert broker.enquire(order, sent_at).order.state is OrderState.FILLED
    assert len(testnet.exchange.accepted(order.order_id)) == 1


@each_venue
def test_keys_that_are_withdrawn_after_acceptance_leave_the_order_unknown(testnet: Testnet, venue: str) -> None:
    body = '{"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}'
    trades = asks("/myTrades" if venue == "testnet-spot" else "/userTrades")
    broker = testnet.broker(venue, Garbled(testnet.exchange, fits=trades, status=401, body=body))
    assert broker.submit(an_order(), broker.now()).order.state is OrderState.UNKNOWN
    assert len(testnet.exchange.accepted(an_order().order_id)) == 1


@each_venue
def test_an_order_of_many_trades_is_told_whole(testnet: Testnet, venue: str) -> None:
    testnet.exchange.quote("BTCUSDT", Decimal(1_000), depth=Decimal("2.3"), levels=2_300)
    broker = testnet.broker(venue)
    receipt = broker.submit(an_order(quantity="2.3"), broker.now())
    assert (receipt.order.state, len(receipt.executions)) == (OrderState.FILLED, 2_300)
    assert len({execution.trade_id for execution in receipt.executions}) == 2_300


class Passing:
    """A time that passes for both sides at once, by waiting and on the wire."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = timedelta(0)
        # python-binance stamps its requests by the machine's clock.
        monkeypatch.setattr("binance.base_client.time", self)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed

    server = __call__

    def time(self) -> float:
        return self().timestamp()

    def sleep(self, seconds: float) -> None:
        self.passed += timedelta(seconds=seconds)


@dataclass
class Straggling(ExchangeTransport):
    """A way on which an order arrives after the question about it, whose own answer is slow."""

    clock: Passing
    held: requests.PreparedRequest | None = None

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        if is_order(request):
            self.held = request.copy()
            raise requests.ConnectionError("cut")
        response = super().send(request, *given, **options)
        if is_order(request, "GET") and self.held is not None:
            self.clock.sleep(4.5)
            assert super().send(self.held).status_code == 200
            self.held = None
            self.clock.sleep(5.4)
        return response


def test_an_order_that_arrives_after_the_question_about_it_is_found_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Passing(monkeypatch)
    exchange = FakeExchange(clock=clock)
    exchange.quote("BTCUSDT", PRICE)
    broker = SpotTestnet(KEYS, Wire(clock=clock, sleep=clock.sleep, transport=Straggling(exchange, clock)))
    order, sent_at = an_order(), broker.now()
    assert broker.submit(order, sent_at).order.state is OrderState.UNKNOWN
    clock.sleep(0.2)
    assert broker.enquire(order, sent_at).order.state is OrderState.UNKNOWN
    assert broker.enquire(order, sent_at).order.state is OrderState.FILLED


@dataclass
class Stalling(ExchangeTransport):
    """A way on which the first questions for the time stall until the client gives up."""

    clock: Passing
    left: int = 2

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        if self.left and asks("/time")(request):
            self.left -= 1
            self.clock.sleep(10.0)
            raise requests.ReadTimeout("stalled")
        return super().send(request, *given, **options)


def test_stalled_questions_for_the_time_do_not_bend_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Passing(monkeypatch)
    wire = Wire(clock=clock, sleep=clock.sleep, transport=Stalling(FakeExchange(clock=clock), clock))
    assert abs(SpotTestnet(KEYS, wire).now() - clock()) < timedelta(seconds=1)


def test_an_archived_order_ended_without_a_trade(testnet: Testnet) -> None:
    body = '{"code": -2026, "msg": "Order was canceled or expired with no executed qty over 90 days ago."}'
    archive = Garbled(testnet.exchange, fits=lambda request: is_order(request, "GET"), status=400, body=body)
    broker = testnet.broker("testnet-spot", archive)
    found = broker.enquire(an_order(), broker.now() - timedelta(days=100))
    assert (found.order.state, found.executions) == (OrderState.EXPIRED, ())


def test_futures_forget_an_order_which_does_not_mean_that_it_never_arrived(testnet: Testnet) -> None:
    broker = testnet.broker("testnet-futures")
    found = [broker.enquire(an_order(), broker.now() - timedelta(days=days)).order for days in (89, 91)]
    assert [order.state for order in found] == [OrderState.UNKNOWN] * 2
    assert [order.code for order in found] == [ReasonCode.UNSEEN, ReasonCode.FORGOTTEN]


def test_a_leverage_that_is_not_taken_is_refused_with_a_remedy(testnet: Testnet) -> None:
    body = json.dumps({"code": -4161, "msg": "Leverage reduction is not supported in Isolated Margin Mode."})
    broker = testnet.broker("testnet-futures", Garbled(testnet.exchange, fits=asks("/leverage"), status=400, body=body))
    with pytest.raises(BrokerRefused, match=r"does not take a leverage of 2 for BTCUSDT .* close its position there"):
        broker.instruments((BTC,))
