import logging
import traceback
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from exchange.brokers import testnet_client
from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.binance_futures import FuturesTestnet
from exchange.brokers.binance_spot import SpotTestnet
from exchange.brokers.testnet_client import Wire
from exchange.ports import Broker, BrokerRefused, BrokerUnavailable, OrderReport
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from testing.exchange import faults as exchange_faults
from testing.exchange.core import KEY, SECRET
from testing.exchange.faults import Fault, Faults, Kind
from testing.exchange.server import ExchangeServer
from testing.exchange.testnets import BTC, KEYS, PRICE, Testnet, an_order, utc_now
from testing.exchange.transport import ExchangeTransport

D = Decimal
each_venue = pytest.mark.parametrize("venue", ["testnet-spot", "testnet-futures"])
ACCEPTED = tuple(sorted(exchange_faults.ACCEPTED))
NOT_ACCEPTED = (Kind.CUT, Kind.STALLED, Kind.TIMEOUT, Kind.UNEXPECTED, Kind.HTML, Kind.DISCONNECTED)


@pytest.fixture
def testnet() -> Testnet:
    made = Testnet()
    made.exchange.quote("BTCUSDT", PRICE)
    return made


def fault(kind: Kind) -> Fault:
    return Fault(kind=kind, method="POST", path="order")


def submitted(broker: Broker, order: Order) -> OrderReport:
    """Return what comes of the order, sent now."""
    return broker.submit(order, broker.now())


def patiently(broker: Broker, order: Order) -> OrderReport:
    """Return the order's outcome: sent again only where it certainly did not arrive, queried where nobody knows."""
    while True:
        sent_at = broker.now()
        try:
            receipt = broker.submit(order, sent_at)
        except BrokerUnavailable as error:
            if error.retry_after_s is None:
                raise
            broker.wait(error.retry_after_s)
            continue
        return asked(broker, order, sent_at) if receipt.order.state is OrderState.UNKNOWN else receipt


def asked(broker: Broker, order: Order, sent_at: datetime) -> OrderReport:
    """Return what became of the order, asked for until nobody asks any more, as `tasks.broker.submission` does."""
    receipt = OrderReport(order=order)
    for wait_s in (1, 4, 25, 150):
        broker.wait(wait_s)
        with suppress(BrokerUnavailable):
            receipt = broker.enquire(order, sent_at, receipt.venue)
            if receipt.order.state is not OrderState.UNKNOWN:
                break
    return receipt


@each_venue
def test_an_order_fills_at_the_book_with_all_its_trades(testnet: Testnet, venue: str) -> None:
    testnet.exchange.quote("BTCUSDT", PRICE, depth=D("0.02"), levels=4)
    receipt = submitted(testnet.broker(venue), an_order(quantity="0.02"))
    assert receipt.order.state is OrderState.FILLED
    assert len({execution.trade_id for execution in receipt.executions}) == len(receipt.executions) > 1
    assert sum(execution.quantity for execution in receipt.executions) == D("0.02")


@each_venue
def test_a_book_that_runs_dry_leaves_a_part_and_the_order_expires(testnet: Testnet, venue: str) -> None:
    testnet.exchange.quote("BTCUSDT", PRICE, depth=D("0.01"))
    receipt = submitted(testnet.broker(venue), an_order(quantity="0.03"))
    assert receipt.order.state is OrderState.EXPIRED
    assert sum(execution.quantity for execution in receipt.executions) == D("0.01")


@pytest.mark.parametrize("kind", ACCEPTED)
@each_venue
def test_an_accepted_order_whose_answer_is_lost_is_found_and_not_sent_again(
    testnet: Testnet, venue: str, kind: Kind
) -> None:
    broker, order = testnet.broker(venue), an_order()
    sent_at = broker.now()
    testnet.exchange.faults.add(fault(kind))
    assert submitted(broker, order).order.state is OrderState.UNKNOWN
    found = asked(broker, order, sent_at)
    assert found.order.state is OrderState.FILLED
    assert sum(execution.quantity for execution in found.executions) == order.quantity
    assert len(testnet.exchange.accepted(order.order_id)) == 1


@pytest.mark.parametrize("kind", NOT_ACCEPTED)
@each_venue
def test_an_order_that_did_not_arrive_is_unknown_however_often_it_is_asked_for(
    testnet: Testnet, venue: str, kind: Kind
) -> None:
    broker, order = testnet.broker(venue), an_order()
    sent_at = broker.now()
    testnet.exchange.faults.add(fault(kind))
    assert submitted(broker, order).order.state is OrderState.UNKNOWN
    broker.wait(180)
    found = broker.enquire(order, sent_at)
    assert (found.order.state, found.order.code, found.executions) == (OrderState.UNKNOWN, ReasonCode.UNSEEN, ())
    assert broker.orders_since(order.symbol, sent_at - timedelta(days=9)) == ()
    assert not testnet.exchange.accepted(order.order_id)


@each_venue
def test_what_a_symbol_traded_is_listed_by_order_and_trade(testnet: Testnet, venue: str) -> None:
    broker = testnet.broker(venue)
    testnet.exchange.quote("BTCUSDT", PRICE, depth=D("0.01"), levels=2)
    started = broker.now() - timedelta(seconds=1)
    bought = submitted(broker, an_order(1, quantity="0.02"))
    broker.wait(9 * 86_400)
    testnet.exchange.quote("BTCUSDT", PRICE)
    sold = submitted(broker, an_order(2, Side.SELL, "0.01"))
    assert bought.venue is not None
    assert sold.venue is not None
    listed = {one.order_id: one.venue.venue_order_id for one in broker.orders_since("BTCUSDT", started)}
    assert listed == {
        an_order(n).order_id: report.venue.venue_order_id for n, report in ((1, bought), (2, sold)) if report.venue
    }
    trades = broker.trades_since("BTCUSDT", started)
    told = [execution for receipt in (bought, sold) for execution in receipt.executions]
    assert [(trade.trade_id, trade.signed_quantity, trade.executed_at) for trade in trades] == [
        (execution.trade_id, execution.signed_quantity, execution.executed_at) for execution in told
    ]
    assert {trade.venue_order_id for trade in trades} == {bought.venue.venue_order_id, sold.venue.venue_order_id}
    assert len(broker.orders_since("BTCUSDT", started + timedelta(days=1))) == 1


@pytest.mark.parametrize("kind", [Kind.SKEWED, Kind.TOO_MANY])
@each_venue
def test_an_order_that_was_certainly_not_taken_may_be_sent_again(testnet: Testnet, venue: str, kind: Kind) -> None:
    testnet.exchange.faults.add(fault(kind))
    order, broker = an_order(), testnet.broker(venue)
    with pytest.raises(BrokerUnavailable, match="did not take the request") as told:
        submitted(broker, order)
    assert told.value.retry_after_s is not None
    assert not testnet.exchange.accepted(order.order_id)
    broker.wait(told.value.retry_after_s)
    assert submitted(broker, order).order.state is OrderState.FILLED


def test_an_order_that_the_futures_engine_rejects_for_its_stamp_may_be_sent_again(testnet: Testnet) -> None:
    body = '{"code": -5028, "msg": "Timestamp for this request is outside of the ME recvWindow."}'
    testnet.exchange.faults.add(Fault(kind=Kind.HTML, method="POST", path="/order", status=400, body=body))
    order, broker = an_order(), testnet.broker("testnet-futures")
    with pytest.raises(BrokerUnavailable, match=r"did not take the request \(HTTP 400, code -5028: Timestamp") as told:
        submitted(broker, order)
    assert told.value.retry_after_s == 0.0
    assert not testnet.exchange.accepted(order.order_id)
    assert submitted(broker, order).order.state is OrderState.FILLED
    assert len(testnet.exchange.accepted(order.order_id)) == 1


@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.UNAVAILABLE])
def test_a_503_that_says_that_it_has_failed_is_believed_of_futures_alone(testnet: Testnet, kind: Kind) -> None:
    testnet.exchange.faults.add(fault(kind), fault(kind))
    with pytest.raises(BrokerUnavailable, match="HTTP 503") as told:
        submitted(testnet.broker("testnet-futures"), an_order())
    assert told.value.retry_after_s is not None
    assert submitted(testnet.broker("testnet-spot"), an_order()).order.state is OrderState.UNKNOWN


@each_venue
def test_an_order_that_was_held_up_does_not_leave(testnet: Testnet, venue: str) -> None:
    broker = testnet.broker(venue)
    claimed_at = broker.now()
    testnet.clock.offset += timedelta(minutes=1)
    broker.wait(0)
    with pytest.raises(BrokerUnavailable, match="was held up on its way out; it did not leave"):
        broker.submit(an_order(), claimed_at)
    assert not testnet.exchange.accepted(an_order().order_id)


@each_venue
def test_a_clock_that_is_off_is_measured_and_measured_again(testnet: Testnet, venue: str) -> None:
    testnet.clock.offset += timedelta(hours=3)
    broker = testnet.broker(venue)
    assert submitted(broker, an_order(1)).order.state is OrderState.FILLED
    testnet.clock.offset -= timedelta(minutes=2)
    with pytest.raises(BrokerUnavailable, match="code -1021"):
        submitted(broker, an_order(2))
    assert submitted(broker, an_order(2)).order.state is OrderState.FILLED


@each_venue
def test_a_ban_longer_than_a_run_waits_is_told_with_its_length(testnet: Testnet, venue: str) -> None:
    broker = testnet.broker(venue)
    testnet.exchange.faults.add(Fault(kind=Kind.TOO_MANY, method="GET", retry_after_s=900))
    with pytest.raises(BrokerUnavailable, match="asks to wait 900 s, more than the 120 s that a run waits"):
        broker.now()


@each_venue
def test_a_retry_after_is_obeyed(testnet: Testnet, venue: str) -> None:
    broker = testnet.broker(venue)
    before = broker.now()
    testnet.exchange.faults.add(Fault(kind=Kind.TOO_MANY, method="GET", retry_after_s=45))
    broker.holdings(("BTCUSDT",))
    assert timedelta(seconds=44) < broker.now() - before < timedelta(seconds=60)


@pytest.mark.parametrize(
    ("venue", "quantity", "code"),
    [
        ("testnet-spot", "0.000001", "-1013"),
        ("testnet-spot", "0.0001", "-1013"),
        ("testnet-spot", "5", "-2010"),
        ("testnet-futures", "0.0001", "-1111"),
        ("testnet-futures", "0.001", "-4164"),
        ("testnet-futures", "100", "-2019"),
    ],
)
def test_a_definitive_rejection_is_final_and_told_in_the_venues_words(
    testnet: Testnet, venue: str, quantity: str, code: str
) -> None:
    receipt = submitted(testnet.broker(venue), an_order(quantity=quantity))
    assert receipt.order.state is OrderState.REJECTED
    assert code in receipt.order.reason
    assert len([query for query in testnet.exchange.asked if query[0] == "POST" and query[1].endswith("/order")]) == 1


def test_an_order_id_that_is_there_already_is_asked_for(testnet: Testnet) -> None:
    broker = testnet.broker("testnet-futures")
    submitted(broker, an_order(quantity="0.01"))
    again = submitted(broker, an_order(quantity="0.01"))
    # A closed order's id may be used again: only the ledger keeps it from being sent twice.
    assert again.order.state is OrderState.FILLED
    assert len(testnet.exchange.accepted(an_order().order_id)) == 2


@each_venue
def test_a_halted_or_unlisted_symbol_is_refused(testnet: Testnet, venue: str) -> None:
    broker = testnet.broker(venue)
    books = testnet.exchange.spot.books if venue == "testnet-spot" else testnet.exchange.futures.books
    books["BTCUSDT"].listing.status = "BREAK"
    with pytest.raises(BrokerRefused, match=r"BTCUSDT is not trading at testnet-.* \(status BREAK\)"):
        broker.instruments((BTC,))
    with pytest.raises(BrokerRefused, match="NOPEUSDT"):
        testnet.broker(venue).holdings(("NOPEUSDT",))


def test_spot_sells_nothing_short_and_futures_do(testnet: Testnet) -> None:
    (spot,) = testnet.broker("testnet-spot").instruments((BTC,))
    (futures,) = testnet.broker("testnet-futures").instruments((BTC,))
    assert (spot.shortable, futures.shortable) == (False, True)
    assert (spot.lot, spot.min_notional, futures.lot, futures.min_notional) == (D("0.00001"), D(5), D("0.001"), D(100))


def test_funding_is_a_charge_of_its_own(testnet: Testnet) -> None:
    broker = testnet.broker("testnet-futures")
    submitted(broker, an_order(quantity="0.02"))
    paid = testnet.exchange.fund("BTCUSDT", D("0.0001"))
    (charge,) = broker.charges(testnet.start)
    assert (charge.cash, charge.symbol) == (paid, "BTCUSDT")
    assert paid < 0


def test_hedge_mode_is_refused(testnet: Testnet) -> None:
    testnet.exchange.futures.dual = True
    with pytest.raises(BrokerRefused, match="is in hedge mode; switch the account to one-way mode"):
        testnet.broker("testnet-futures").instruments((BTC,))


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
@each_venue
def test_of_many_orders_with_faults_each_is_accepted_at_most_once_and_none_is_lost(
    testnet: Testnet, venue: str, count: int
) -> None:
    broker, ended = testnet.broker(venue), Counter[OrderState]()
    kinds = [kind for kind in Kind if kind not in (Kind.BANNED, Kind.BANNED_BY_TEXT)]
    testnet.exchange.faults = Faults.drawn(seed=5, rate=0.2, kinds=kinds, path="order")
    for number in range(count):
        order = an_order(number, Side.SELL if number % 2 else Side.BUY)
        receipt = patiently(broker, order)
        ended[receipt.order.state] += 1
        accepted = len(testnet.exchange.accepted(order.order_id))
        assert accepted == (receipt.order.state is OrderState.FILLED)
        assert sum((execution.quantity for execution in receipt.executions), D(0)) == accepted * order.quantity
    assert set(ended) == {OrderState.FILLED, OrderState.UNKNOWN}
    assert not testnet.exchange.duplicates()
    assert sum(testnet.exchange.faults.injected.values()) > 0.15 * count


class Elsewhere(BaseAdapter):
    """A network in which every request arrives, wherever it was meant for."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        self.urls.append(str(request.url))
        response = requests.Response()
        response.status_code, response._content, response.request = 200, b'{"serverTime": 1}', request
        return response

    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    "address",
    [
        "https://api.binance.com/api",
        "https://api1.binance.com/api",
        "https://fapi.binance.com/fapi",
        "https://testnet.binance.vision.evil.com/api",
        "https://testnet.binance.vision@evil.com/api",
        "https://evil.com@testnet.binance.vision/api",
        "https://testnet.binance.vision:8443/api",
        "http://testnet.binance.vision/api",
        "https://TESTNET.binance.vision.:443/api",
    ],
)
def test_no_request_leaves_for_any_other_address(address: str) -> None:
    network = Elsewhere()
    broker = SpotTestnet(KEYS, Wire(clock=utc_now, transport=network))
    broker._session._client.API_TESTNET_URL = address
    with pytest.raises(BrokerRefused, match="a request was about to leave for"):
        broker.now()
    assert network.urls == []


def test_each_broker_asks_its_own_testnet_alone() -> None:
    network = Elsewhere()
    for kind in (SpotTestnet, FuturesTestnet):
        kind(KEYS, Wire(clock=utc_now, transport=network)).now()
    assert network.urls == [
        "https://testnet.binance.vision/api/v3/time",
        "https://testnet.binancefuture.com/fapi/v1/time",
    ]


def test_a_redirect_is_not_followed(testnet: Testnet) -> None:
    class Moved(Elsewhere):
        def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
            response = super().send(request)
            response.status_code, response.headers["location"] = 302, "https://api.binance.com/api/v3/time"
            return response

    with pytest.raises(BrokerRefused, match="answers with a redirect, which is never followed"):
        SpotTestnet(KEYS, Wire(clock=utc_now, transport=Moved())).now()


@pytest.mark.parametrize("host", ["http://api.binance.com", "https://example.com", "http://127.0.0.1.evil.com"])
def test_only_loopback_may_stand_in_for_the_testnet(host: str) -> None:
    with pytest.raises(ValueError, match="it must be on loopback"):
        SpotTestnet(KEYS, Wire(clock=utc_now, base_url=host))


def test_a_proxy_of_the_environment_is_not_used(testnet: Testnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ExchangeServer(testnet.exchange) as server:
        broker = SpotTestnet(KEYS, testnet.wire(base_url=server.url))
        assert submitted(broker, an_order()).order.state is OrderState.FILLED


class Refused(Elsewhere):
    """A network in which nobody listens."""

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        self.urls.append(str(request.url))
        reason = NewConnectionError(None, "Connection refused")  # type: ignore[arg-type]
        raise requests.ConnectionError(MaxRetryError(None, str(request.url), reason), request=request)  # type: ignore[arg-type]


def test_a_venue_that_cannot_be_reached_is_unavailable_after_five_tries() -> None:
    waits: list[float] = []
    network = Refused()
    with pytest.raises(BrokerUnavailable, match=r"did not answer within 5 tries \(last: ConnectionError\)"):
        SpotTestnet(KEYS, Wire(clock=utc_now, transport=network, sleep=waits.append)).now()
    assert (len(network.urls), waits) == (5, [1.0, 2.0, 4.0, 8.0])


def test_bad_keys_are_refused_with_the_names_of_the_variables(testnet: Testnet) -> None:
    strangers = ApiKeys(key="x" * 64, secret="y" * 64)
    broker = SpotTestnet(strangers, testnet.wire(ExchangeTransport(testnet.exchange)))
    with pytest.raises(BrokerRefused, match="check TURBODMT_TESTNET_KEY and TURBODMT_TESTNET_SECRET"):
        broker.holdings(("BTCUSDT",))


@pytest.mark.parametrize("kind", list(Kind))
def test_no_secret_is_ever_told(
    testnet: Testnet, kind: Kind, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testnet_client, "TIMEOUT_S", 0.3)
    caplog.set_level(logging.DEBUG)
    told = [repr(KEYS), str(KEYS)]
    with ExchangeServer(testnet.exchange) as server:
        broker = SpotTestnet(KEYS, testnet.wire(base_url=server.url))
        told += [repr(broker), repr(broker._session)]
        testnet.exchange.faults.listed = [
            Fault(kind=kind, path="order", delay_s=0.0),
            Fault(kind=kind, path="account"),
        ] * 8
        for attempt in (lambda: submitted(broker, an_order()), lambda: broker.holdings(("BTCUSDT",))):
            try:
                told.append(repr(attempt()))
            except BrokerUnavailable as error:
                told.append("".join(traceback.format_exception(error)))
    text = "".join(told) + caplog.text
    assert not [word for word in (KEY, SECRET, "signature=") if word in text]
