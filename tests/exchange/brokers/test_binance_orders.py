"""An order at a testnet in literal words: what is sent, and what each answer becomes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exchange.brokers.binance_futures import FuturesTestnet
from exchange.brokers.binance_spot import SpotTestnet
from exchange.brokers.order_reports import plain
from exchange.ports import BrokerFill, BrokerUnavailable, VenueOrder
from strategy.account.orders import OrderState, ReasonCode, Side
from testing.exchange.scripted_venue import START, Told, refused
from testing.exchange.testnets import KEYS, an_order

D = Decimal
BOUGHT = an_order(7, quantity="0.500000000000")
SOLD = an_order(7, Side.SELL, "0.5")
NAMED = {"symbol": "BTCUSDT", "origClientOrderId": BOUGHT.order_id}
UNKNOWN = refused(-2013, "Order does not exist.")
#: As the documentation shows them, shortened.
SPOT_ORDER = {"symbol": "BTCUSDT", "orderId": 28, "status": "FILLED", "executedQty": "0.50000000"}
SPOT_TRADE = {
    "symbol": "BTCUSDT",
    "id": 28457,
    "orderId": 28,
    "price": "30000.10000000",
    "qty": "0.50000000",
    "commission": "0.00050000",
    "commissionAsset": "BTC",
    "time": 1499865549590,
    "isBuyer": True,
}
FUTURES_ORDER = {**SPOT_ORDER, "updateTime": 1569514978020}
FUTURES_TRADE = {
    "buyer": False,
    "commission": "-0.07819010",
    "commissionAsset": "USDT",
    "id": 698759,
    "orderId": 28,
    "price": "7819.01",
    "qty": "0.5",
    "realizedPnl": "-0.91539999",
    "symbol": "BTCUSDT",
    "time": 1569514978020,
}
each_kind = pytest.mark.parametrize(
    ("kind", "trades"), [(SpotTestnet, "GET myTrades"), (FuturesTestnet, "GET userTrades")]
)


def an_execution(**given: Any) -> BrokerFill:
    return BrokerFill(order_id=BOUGHT.order_id, symbol="BTCUSDT", **given)


def test_a_spot_order_is_sent_once_and_told_with_its_trades() -> None:
    venue = Told({"POST order": SPOT_ORDER, "GET myTrades": [SPOT_TRADE]})
    receipt = SpotTestnet(KEYS, venue.wire()).submit(BOUGHT, START)
    assert receipt.order == replace(BOUGHT, state=OrderState.FILLED)
    assert receipt.executions == (
        an_execution(
            trade_id="28457",
            executed_at=datetime(2017, 7, 12, 13, 19, 9, 590_000, tzinfo=UTC),
            side=Side.BUY,
            quantity=D("0.5"),
            price=D("30000.1"),
            fee=D("0.0005"),
            fee_asset="BTC",
        ),
    )
    assert receipt.executions[0].executed_at.tzinfo is UTC
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}
    assert venue.asked == [
        ("POST order", {**wanted, "newClientOrderId": BOUGHT.order_id, "newOrderRespType": "RESULT"}),
        ("GET myTrades", {"symbol": "BTCUSDT", "orderId": "28", "limit": "1000"}),
    ]
    assert venue.waits == []


def test_a_futures_order_is_sent_once_and_told_with_its_trades_and_what_they_realised() -> None:
    venue = Told({"POST order": FUTURES_ORDER, "GET userTrades": [FUTURES_TRADE]})
    receipt = FuturesTestnet(KEYS, venue.wire()).submit(SOLD, START)
    assert receipt.order == replace(SOLD, state=OrderState.FILLED)
    assert receipt.executions == (
        an_execution(
            trade_id="698759",
            executed_at=datetime(2019, 9, 26, 16, 22, 58, 20_000, tzinfo=UTC),
            side=Side.SELL,
            quantity=D("0.5"),
            price=D("7819.01"),
            fee=D("0.0781901"),
            fee_asset="USDT",
            realised=D("-0.91539999"),
        ),
    )
    wanted = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.5"}
    since = {"startTime": "1569514977020"}
    assert venue.asked == [
        ("POST order", {**wanted, "newClientOrderId": BOUGHT.order_id, "newOrderRespType": "RESULT"}),
        ("GET userTrades", {"symbol": "BTCUSDT", "orderId": "28", "limit": "1000", **since}),
    ]


def test_the_side_of_a_trade_is_the_venues_word() -> None:
    both = [{**SPOT_TRADE, "id": number, "isBuyer": buyer, "qty": "0.25"} for number, buyer in enumerate((True, False))]
    venue = Told({"POST order": SPOT_ORDER, "GET myTrades": both})
    told = SpotTestnet(KEYS, venue.wire()).submit(BOUGHT, START).executions
    assert [execution.side for execution in told] == [Side.BUY, Side.SELL]
    futures = [{**FUTURES_TRADE, "buyer": True}]
    venue = Told({"POST order": FUTURES_ORDER, "GET userTrades": futures})
    (told_one,) = FuturesTestnet(KEYS, venue.wire()).submit(BOUGHT, START).executions
    assert told_one.side is Side.BUY


@pytest.mark.parametrize(
    "trades",
    [
        5,
        [5],
        [{name: value for name, value in SPOT_TRADE.items() if name != "isBuyer"}],
        [{name: value for name, value in SPOT_TRADE.items() if name != "commission"}],
        [{**SPOT_TRADE, "price": "cheap"}],
    ],
)
def test_trades_in_words_that_are_not_known_are_asked_for_again_and_not_guessed(trades: Any) -> None:
    venue = Told({"POST order": SPOT_ORDER, "GET order": SPOT_ORDER, "GET myTrades": trades})
    broker = SpotTestnet(KEYS, venue.wire())
    taken = broker.submit(BOUGHT, START)
    assert (taken.order.state, taken.executions) == (OrderState.UNKNOWN, ())
    assert "(last: an answer of an unknown shape)" in taken.order.reason
    asked = broker.enquire(BOUGHT, START)
    assert (asked.order, asked.executions) == (taken.order, ())
    venue = Told({"GET order": SPOT_ORDER, "GET myTrades": (trades, [SPOT_TRADE])})
    assert SpotTestnet(KEYS, venue.wire()).enquire(BOUGHT, START).order.state is OrderState.FILLED


def test_trades_of_a_futures_order_are_asked_for_from_its_beginning_where_that_is_told() -> None:
    venue = Told({"GET order": {**FUTURES_ORDER, "time": 1569514900000}, "GET userTrades": [FUTURES_TRADE]})
    FuturesTestnet(KEYS, venue.wire()).enquire(SOLD, START)
    assert venue.asked[-1][1]["startTime"] == "1569514899000"


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        ("NEW", OrderState.ACKNOWLEDGED, "the venue says NEW"),
        ("PENDING_NEW", OrderState.ACKNOWLEDGED, "the venue says PENDING_NEW"),
        ("PENDING_CANCEL", OrderState.ACKNOWLEDGED, "the venue says PENDING_CANCEL"),
        ("PARTIALLY_FILLED", OrderState.PARTIALLY_FILLED, "the venue says PARTIALLY_FILLED"),
        ("FILLED", OrderState.FILLED, ""),
        ("CANCELED", OrderState.CANCELLED, "the venue says CANCELED"),
        ("REJECTED", OrderState.REJECTED, "the venue says REJECTED"),
        ("EXPIRED", OrderState.EXPIRED, "the venue says EXPIRED"),
        ("EXPIRED_IN_MATCH", OrderState.EXPIRED, "the venue says EXPIRED_IN_MATCH"),
    ],
)
def test_each_status_is_one_of_our_states(status: str, state: OrderState, reason: str) -> None:
    venue = Told({"GET order": {**SPOT_ORDER, "status": status, "executedQty": "0.00000000"}})
    receipt = SpotTestnet(KEYS, venue.wire()).enquire(BOUGHT, START)
    assert (receipt.order, receipt.executions) == (replace(BOUGHT, state=state, reason=reason), ())
    assert venue.asked == [("GET order", NAMED)]


@pytest.mark.parametrize("told", ["NaN", "Infinity", "", None])
def test_an_order_told_to_be_filled_by_no_number_is_unknown(told: str | None) -> None:
    odd = Told({"GET order": {**SPOT_ORDER, "executedQty": told}, "GET myTrades": []})
    assert SpotTestnet(KEYS, odd.wire()).enquire(BOUGHT, START).order.state is OrderState.UNKNOWN
    broken = Told({"GET order": SPOT_ORDER, "GET myTrades": [{**SPOT_TRADE, "qty": "NaN"}]})
    assert SpotTestnet(KEYS, broken.wire()).enquire(BOUGHT, START).order.state is OrderState.UNKNOWN


@each_kind
def test_trades_that_are_told_late_are_asked_for_until_they_are_whole(kind: type, trades: str) -> None:
    told = SPOT_TRADE if kind is SpotTestnet else FUTURES_TRADE
    part, rest = {**told, "id": 1, "qty": "0.2"}, {**told, "id": 2, "qty": "0.3"}
    venue = Told({"GET order": FUTURES_ORDER, trades: ([], [part], [part, rest])})
    receipt = kind(KEYS, venue.wire()).enquire(BOUGHT, START)
    assert receipt.order.state is OrderState.FILLED
    assert [execution.trade_id for execution in receipt.executions] == ["1", "2"]
    assert venue.waits == [1.0, 1.0]


def test_trades_that_are_not_told_in_five_questions_leave_the_order_unknown() -> None:
    part = {**SPOT_TRADE, "qty": "0.49999999"}
    venue = Told({"GET order": SPOT_ORDER, "GET myTrades": [part]})
    receipt = SpotTestnet(KEYS, venue.wire()).enquire(BOUGHT, START)
    reason = "filled 0.5, but not all its trades are reported yet"
    untold = replace(BOUGHT, state=OrderState.UNKNOWN, reason=reason, code=ReasonCode.UNTOLD)
    assert (receipt.order, receipt.executions) == (untold, ())
    assert [asked for asked, _ in venue.asked] == ["GET order", *["GET myTrades"] * 5]
    assert venue.waits == [1.0] * 4


def test_an_order_leaves_within_two_seconds_of_its_claim_or_not_at_all() -> None:
    venue = Told({"POST order": SPOT_ORDER, "GET myTrades": [SPOT_TRADE]})
    broker = SpotTestnet(KEYS, venue.wire())
    late = f"^order {BOUGHT.order_id} was held up on its way out; it did not leave$"
    with pytest.raises(BrokerUnavailable, match=late) as told:
        broker.submit(BOUGHT, START - timedelta(seconds=2, milliseconds=1))
    assert (venue.asked, told.value.retry_after_s) == ([], 0.0)
    assert broker.submit(BOUGHT, START - timedelta(seconds=2)).order.state is OrderState.FILLED


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (refused(-1013, "LOT_SIZE"), OrderState.REJECTED, "HTTP 400, code -1013: LOT_SIZE"),
        (refused(-2010, "Duplicate order sent."), OrderState.UNKNOWN, "HTTP 400, code -2010: Duplicate order sent."),
        (refused(-1007, "Timeout", 408), OrderState.UNKNOWN, "HTTP 408, code -1007: Timeout"),
        (
            {**SPOT_ORDER, "status": "ODD", "executedQty": "0"},
            OrderState.UNKNOWN,
            "the venue says ODD, an unknown state",
        ),
        (
            {**SPOT_ORDER, "executedQty": "many"},
            OrderState.UNKNOWN,
            "the venue reports it in an unknown format",
        ),
    ],
)
def test_what_became_of_a_sent_order_is_told_with_the_reason(answer: Any, state: OrderState, reason: str) -> None:
    venue = Told({"POST order": answer})
    receipt = SpotTestnet(KEYS, venue.wire()).submit(BOUGHT, START)
    code = None
    if state is OrderState.UNKNOWN:
        code = ReasonCode.UNTOLD if isinstance(answer, dict) else ReasonCode.UNSEEN
    assert receipt.order == replace(BOUGHT, state=state, reason=reason, code=code)
    assert len(venue.asked) == 1


@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=60), timedelta(seconds=-60)])
def test_an_order_that_the_venue_does_not_know_is_asked_for_once_and_never_called_lost(step: timedelta) -> None:
    venue = Told({"GET order": UNKNOWN})
    broker = SpotTestnet(KEYS, venue.wire())
    broker.now()
    venue.now += step
    unseen = broker.enquire(BOUGHT, START).order
    reason = "the venue has no such order"
    assert unseen == replace(BOUGHT, state=OrderState.UNKNOWN, reason=reason, code=ReasonCode.UNSEEN)
    assert (venue.waits, venue.asked) == ([], [("GET order", NAMED)])


def test_an_order_is_asked_for_by_the_number_too_under_which_it_was_confirmed() -> None:
    confirmed = VenueOrder(venue_order_id="28", transacted_at=START)
    told = {**SPOT_ORDER, "clientOrderId": BOUGHT.order_id, "time": 1499865549590}
    venue = Told({"GET order": (UNKNOWN, told), "GET myTrades": [SPOT_TRADE]})
    assert SpotTestnet(KEYS, venue.wire()).enquire(BOUGHT, START, confirmed).order.state is OrderState.FILLED
    assert venue.asked[:2] == [("GET order", NAMED), ("GET order", {"symbol": "BTCUSDT", "orderId": "28"})]
    # After a reset the number is another order's.
    venue = Told({"GET order": (UNKNOWN, {**told, "clientOrderId": "another"}), "GET myTrades": [SPOT_TRADE]})
    found = SpotTestnet(KEYS, venue.wire()).enquire(BOUGHT, START, confirmed)
    assert (found.order.code, found.executions, found.venue) == (ReasonCode.UNSEEN, (), None)


@each_kind
def test_an_order_that_is_told_no_more_is_known_by_the_trades_under_its_number(kind: type, trades: str) -> None:
    one = {**(SPOT_TRADE if kind is SpotTestnet else FUTURES_TRADE), "time": 1767657960000}
    confirmed = VenueOrder(venue_order_id="28", transacted_at=START)
    order = BOUGHT if kind is SpotTestnet else SOLD
    found = kind(KEYS, Told({"GET order": UNKNOWN, trades: [one]}).wire()).enquire(order, START, confirmed)
    assert (found.order.state, len(found.executions)) == (OrderState.FILLED, 1)
    part = kind(KEYS, Told({"GET order": UNKNOWN, trades: [{**one, "qty": "0.2"}]}).wire())
    found = part.enquire(order, START, confirmed)
    assert (found.order.state, found.order.code) == (OrderState.UNKNOWN, ReasonCode.UNTOLD)
    assert [execution.quantity for execution in found.executions] == [D("0.2")]
    assert found.order.reason == "its trades are reported, but the order is not"
    late = kind(KEYS, Told({"GET order": UNKNOWN, trades: [{**one, "time": 1767661200000}]}).wire())
    assert late.enquire(order, START, confirmed).order.code is ReasonCode.UNSEEN


def test_the_trades_under_a_futures_number_are_asked_for_from_a_second_before_it_was_taken() -> None:
    venue = Told({"GET order": UNKNOWN, "GET userTrades": []})
    taken = VenueOrder(venue_order_id="28", transacted_at=START + timedelta(milliseconds=1, microseconds=900))
    FuturesTestnet(KEYS, venue.wire()).enquire(SOLD, START, taken)
    asked = {"symbol": "BTCUSDT", "orderId": "28", "startTime": "1767657899001", "limit": "1000"}
    assert venue.asked[-1] == ("GET userTrades", asked)


def test_what_was_paid_is_the_venues_sum_where_trades_are_paid_in_full() -> None:
    summed = {"quoteQty": "15000.04999999"}
    spot = Told({"GET order": SPOT_ORDER, "GET myTrades": [{**SPOT_TRADE, **summed}]})
    (one,) = SpotTestnet(KEYS, spot.wire()).enquire(BOUGHT, START).executions
    assert one.amount == D("15000.04999999")
    futures = Told({"GET order": FUTURES_ORDER, "GET userTrades": [{**FUTURES_TRADE, **summed}]})
    (one,) = FuturesTestnet(KEYS, futures.wire()).enquire(SOLD, START).executions
    assert one.amount is None


def test_a_state_that_the_venue_tells_has_no_code_of_ours() -> None:
    unseen = replace(BOUGHT, state=OrderState.UNKNOWN, code=ReasonCode.UNSEEN)
    found = SpotTestnet(KEYS, Told({"GET order": SPOT_ORDER, "GET myTrades": [SPOT_TRADE]}).wire())
    assert found.enquire(unseen, START).order == replace(BOUGHT, state=OrderState.FILLED)


def test_trades_of_one_order_that_do_not_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.brokers.order_reports.MOST_PAGES", 2)
    page = [{**SPOT_TRADE, "id": number, "qty": "0.001"} for number in range(1_000)]
    broker = SpotTestnet(KEYS, Told({"GET order": SPOT_ORDER, "GET myTrades": page}).wire())
    reason = "its trades do not end within 2,000"
    untold = replace(BOUGHT, state=OrderState.UNKNOWN, reason=reason, code=ReasonCode.UNTOLD)
    assert broker.enquire(BOUGHT, START).order == untold


def test_trades_that_are_all_that_was_asked_for_are_a_fill_whatever_the_state_is_called() -> None:
    odd = {**SPOT_ORDER, "status": "ODD"}
    found = SpotTestnet(KEYS, Told({"GET order": odd, "GET myTrades": [SPOT_TRADE]}).wire()).enquire(BOUGHT, START)
    assert (found.order.state, len(found.executions)) == (OrderState.FILLED, 1)
    part = Told({"GET order": {**odd, "executedQty": "0.2"}, "GET myTrades": [{**SPOT_TRADE, "qty": "0.2"}]})
    found = SpotTestnet(KEYS, part.wire()).enquire(BOUGHT, START)
    assert (found.order.code, [execution.quantity for execution in found.executions]) == (ReasonCode.UNTOLD, [D("0.2")])


@each_kind
def test_trades_beyond_a_thousand_are_read_by_their_numbers(kind: type, trades: str) -> None:
    one = {**(SPOT_TRADE if kind is SpotTestnet else FUTURES_TRADE), "qty": "0.001"}
    every = [{**one, "id": number} for number in range(5, 2_506)]
    newest, pages = every[-1000:], (every[:1000], every[1000:2000], every[2000:])
    venue = Told({"GET order": {**FUTURES_ORDER, "executedQty": "2.501"}, trades: (newest, *pages)})
    receipt = kind(KEYS, venue.wire()).enquire(BOUGHT, START)
    assert (receipt.order.state, len(receipt.executions)) == (OrderState.FILLED, 2_501)
    assert len({execution.trade_id for execution in receipt.executions}) == 2_501
    asked = [given for what, given in venue.asked if what == trades][1:]
    wanted = {"symbol": "BTCUSDT", "orderId": "28", "limit": "1000"}
    assert asked == [{**wanted, "fromId": first} for first in ("0", "1005", "2005")]


def test_a_futures_order_is_remembered_for_ninety_days() -> None:
    def asked(age: timedelta) -> tuple[OrderState, ReasonCode | None, str]:
        order = FuturesTestnet(KEYS, Told({"GET order": UNKNOWN}).wire()).enquire(BOUGHT, START - age).order
        return order.state, order.code, order.reason

    unseen = (OrderState.UNKNOWN, ReasonCode.UNSEEN, "the venue has no such order")
    assert asked(timedelta(days=90)) == unseen
    forgotten = (OrderState.UNKNOWN, ReasonCode.FORGOTTEN, "the venue reports no order older than 90 days")
    assert asked(timedelta(days=90, seconds=1)) == forgotten


def test_an_archived_order_has_expired_and_another_refusal_tells_nothing() -> None:
    archived = SpotTestnet(KEYS, Told({"GET order": refused(-2026, "Archived.")}).wire())
    ended = archived.enquire(BOUGHT, START).order
    assert ended == replace(BOUGHT, state=OrderState.EXPIRED, reason="HTTP 400, code -2026: Archived.")
    odd = SpotTestnet(KEYS, Told({"GET order": refused(-1121, "Invalid symbol.")}).wire())
    reason = "the venue refuses to report it (HTTP 400, code -1121: Invalid symbol.)"
    untold = replace(BOUGHT, state=OrderState.UNKNOWN, reason=reason, code=ReasonCode.UNTOLD)
    assert odd.enquire(BOUGHT, START).order == untold


def test_trades_that_are_refused_leave_what_became_of_the_order_open() -> None:
    broker = SpotTestnet(KEYS, Told({"GET order": SPOT_ORDER, "GET myTrades": refused(-1121, "no")}).wire())
    reason = "its trades cannot be queried (HTTP 400, code -1121: no)"
    untold = replace(BOUGHT, state=OrderState.UNKNOWN, reason=reason, code=ReasonCode.UNTOLD)
    assert broker.enquire(BOUGHT, START).order == untold


def test_what_the_venue_confirmed_is_told_also_where_nothing_else_can_be_read() -> None:
    taken = {**SPOT_ORDER, "transactTime": 1499865549590}
    odd = {**SPOT_ORDER, "status": "ODD", "time": 1499865549590, "updateTime": 1499865550000}
    confirmed = VenueOrder(venue_order_id="28", transacted_at=datetime(2017, 7, 12, 13, 19, 9, 590_000, tzinfo=UTC))
    broker = SpotTestnet(KEYS, Told({"POST order": taken, "GET order": odd, "GET myTrades": refused(-1121)}).wire())
    for receipt in (broker.submit(BOUGHT, START), broker.enquire(BOUGHT, START)):
        assert (receipt.order.state, receipt.venue) == (OrderState.UNKNOWN, confirmed)
    unread = {name: value for name, value in FUTURES_ORDER.items() if name != "status"}
    futures = FuturesTestnet(KEYS, Told({"POST order": unread}).wire()).submit(SOLD, START)
    assert (futures.order.state, futures.venue and futures.venue.transacted_at) == (
        OrderState.UNKNOWN,
        datetime(2019, 9, 26, 16, 22, 58, 20_000, tzinfo=UTC),
    )
    assert SpotTestnet(KEYS, Told({"POST order": {}}).wire()).submit(BOUGHT, START).venue is None


@pytest.mark.parametrize("kind", [SpotTestnet, FuturesTestnet])
@pytest.mark.parametrize("answer", [SPOT_ORDER, refused(-2011, "Unknown order sent.")])
def test_an_order_is_cancelled_once_and_told_as_it_ended(kind: Callable[..., Any], answer: Any) -> None:
    ended = {**SPOT_ORDER, "status": "CANCELED", "executedQty": "0"}
    venue = Told({"DELETE order": answer, "GET order": ended})
    receipt = kind(KEYS, venue.wire()).cancel(BOUGHT, START)
    assert receipt.order == replace(BOUGHT, state=OrderState.CANCELLED, reason="the venue says CANCELED")
    # An answer without a time: it was taken when it was sent.
    assert receipt.venue == VenueOrder(venue_order_id="28", transacted_at=START)
    assert venue.asked == [("DELETE order", NAMED), ("GET order", NAMED)]


def test_a_cancellation_that_is_refused_tells_nothing() -> None:
    venue = Told({"DELETE order": refused(-1121, "Invalid symbol.")})
    reason = "it cannot be cancelled (HTTP 400, code -1121: Invalid symbol.)"
    untold = replace(BOUGHT, state=OrderState.UNKNOWN, reason=reason, code=ReasonCode.UNTOLD)
    assert SpotTestnet(KEYS, venue.wire()).cancel(BOUGHT, START).order == untold
    assert len(venue.asked) == 1


@pytest.mark.parametrize(
    ("quantity", "text"),
    [("0.500000000000", "0.5"), ("1E+2", "100"), ("100", "100"), ("10.0", "10"), ("1E-8", "0.00000001")],
)
def test_a_quantity_is_sent_without_exponent_and_trailing_zeros(quantity: str, text: str) -> None:
    assert plain(D(quantity)) == text
