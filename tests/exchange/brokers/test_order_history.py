"""All orders and trades of a symbol at a testnet, in literal words: what is asked for, and what each answer becomes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from exchange.brokers.binance_futures import FuturesTestnet
from exchange.brokers.binance_spot import SpotTestnet
from exchange.ports import BrokerUnavailable, ListedOrder, VenueOrder, VenueTrade
from testing.exchange.scripted_venue import START, Told, refused
from testing.exchange.testnets import KEYS

D = Decimal
START_MS = 1767657900000
DAY_MS = 86_400_000
MILLISECOND = timedelta(milliseconds=1)
each_kind = pytest.mark.parametrize(
    ("kind", "trades"), [(SpotTestnet, "GET myTrades"), (FuturesTestnet, "GET userTrades")]
)


def a_trade(number: int, at_ms: int = START_MS, buyer: str = "isBuyer") -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "id": number, "orderId": 28, "qty": "0.5", "time": at_ms, buyer: number % 2 == 1}


def an_order(number: int, at_ms: int = START_MS) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "orderId": number, "clientOrderId": f"tdmt-{number}", "time": at_ms}


def listed(number: int, at_ms: int = START_MS) -> ListedOrder:
    at = START + (at_ms - START_MS) * MILLISECOND
    return ListedOrder(order_id=f"tdmt-{number}", venue=VenueOrder(venue_order_id=str(number), transacted_at=at))


def traded(number: int, quantity: str, at_ms: int = START_MS) -> VenueTrade:
    return VenueTrade(
        venue_order_id="28",
        trade_id=str(number),
        symbol="BTCUSDT",
        executed_at=START + (at_ms - START_MS) * MILLISECOND,
        signed_quantity=D(quantity),
    )


def spans(venue: Told, what: str) -> list[tuple[int, int | None]]:
    """From when and until when it was asked, in milliseconds after START; None is without an end."""
    asked = [given for query, given in venue.asked if query == what]
    assert all(query["symbol"] == "BTCUSDT" and query["limit"] == "1000" for query in asked)
    return [
        (int(query["startTime"]) - START_MS, int(query["endTime"]) - START_MS if "endTime" in query else None)
        for query in asked
    ]


@each_kind
def test_every_trade_is_read_by_its_number_from_the_first_on(kind: type, trades: str) -> None:
    buyer = "isBuyer" if kind is SpotTestnet else "buyer"
    # A page of any order: the next one begins after the highest number.
    first = [a_trade(number, buyer=buyer) for number in range(1_001, 1, -1)]
    venue = Told({trades: (first, [a_trade(1_003, START_MS + 5, buyer)])})
    found = kind(KEYS, venue.wire()).all_trades("BTCUSDT")
    assert (len(found), found[:2]) == (1_001, (traded(1_001, "0.5"), traded(1_000, "-0.5")))
    assert found[-1] == traded(1_003, "0.5", START_MS + 5)
    asked = {"symbol": "BTCUSDT", "limit": "1000"}
    assert venue.asked == [(trades, {**asked, "fromId": one}) for one in ("0", "1002")]


def test_trades_that_do_not_end_are_given_up_and_each_question_goes_on_from_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.brokers.order_history._MOST_PAGES", 4)
    venue = Told({"GET myTrades": [a_trade(number) for number in range(1, 1_001)]})
    with pytest.raises(BrokerUnavailable, match=r"^the trades of BTCUSDT do not end; try again later$"):
        SpotTestnet(KEYS, venue.wire()).all_trades("BTCUSDT")
    assert [int(asked["fromId"]) for _, asked in venue.asked] == [0, 1_001, 1_002, 1_003]


@pytest.mark.parametrize(
    ("kind", "age_ms", "asked"),
    [
        (SpotTestnet, 0, [(0, None)]),
        (SpotTestnet, DAY_MS - 1, [(1 - DAY_MS, None)]),
        (SpotTestnet, DAY_MS, [(-DAY_MS, None)]),
        (SpotTestnet, DAY_MS + 1, [(-DAY_MS - 1, -1), (-1, None)]),
        (
            SpotTestnet,
            5 * DAY_MS // 2,
            [(-5 * DAY_MS // 2, -3 * DAY_MS // 2), (-3 * DAY_MS // 2, -DAY_MS // 2), (-DAY_MS // 2, None)],
        ),
        # Futures answer for less than seven days.
        (FuturesTestnet, 7 * DAY_MS, [(-7 * DAY_MS, -1_000), (-1_000, None)]),
    ],
)
def test_a_history_is_asked_for_a_span_at_a_time_and_the_last_has_no_end(
    kind: type, age_ms: int, asked: list[tuple[int, int | None]]
) -> None:
    trades = "GET myTrades" if kind is SpotTestnet else "GET userTrades"
    venue = Told({trades: []})
    assert kind(KEYS, venue.wire()).trades_since("BTCUSDT", START - age_ms * MILLISECOND) == ()
    assert spans(venue, trades) == asked


def test_a_full_page_goes_on_where_it_ended_and_past_a_page_of_one_instant() -> None:
    since = START - timedelta(hours=1)
    first_ms = START_MS - 3_600_000
    pages = (
        [a_trade(number, first_ms + number) for number in range(1, 1_001)],
        [a_trade(number, first_ms + 1_000) for number in range(1_000, 2_000)],
        [a_trade(2_001, first_ms + 1_001)],
    )
    venue = Told({"GET myTrades": pages})
    found = SpotTestnet(KEYS, venue.wire()).trades_since("BTCUSDT", since)
    assert [int(trade.trade_id) for trade in found] == [*range(1, 2_000), 2_001]
    starts = [start + 3_600_000 for start, _ in spans(venue, "GET myTrades")]
    assert starts == [0, 1_000, 1_001]


@each_kind
def test_orders_are_those_that_are_open_and_all_that_came_since_each_once(kind: type, trades: str) -> None:
    del trades
    page = [an_order(number, START_MS - 5_000 + number) for number in range(1, 1_001)]
    venue = Told(
        {"GET openOrders": [an_order(7, START_MS - 9 * DAY_MS)], "GET allOrders": (page, [page[-1], an_order(1_001)])}
    )
    found = kind(KEYS, venue.wire()).orders_since("BTCUSDT", START - timedelta(seconds=5))
    # What is open is told again as it stands now.
    assert found == (
        *(listed(7, START_MS - 4_993),),
        *(listed(n, START_MS - 5_000 + n) for n in range(1, 1_001) if n != 7),
        listed(1_001),
    )
    assert venue.asked[0] == ("GET openOrders", {"symbol": "BTCUSDT"})
    assert [start for start, _ in spans(venue, "GET allOrders")] == [-5_000, -4_000]
    alone = Told({"GET openOrders": [an_order(7, START_MS - 9 * DAY_MS)], "GET allOrders": []})
    assert kind(KEYS, alone.wire()).orders_since("BTCUSDT", START) == (listed(7, START_MS - 9 * DAY_MS),)


def test_a_history_that_does_not_end_is_given_up() -> None:
    venue = Told({"GET myTrades": []})
    told = "^the history of BTCUSDT since 2024-08-23 does not end; try again later$"
    with pytest.raises(BrokerUnavailable, match=told):
        SpotTestnet(KEYS, venue.wire()).trades_since("BTCUSDT", START - timedelta(days=501))
    assert len(spans(venue, "GET myTrades")) == 500


def test_a_history_that_is_refused_is_not_guessed() -> None:
    venue = Told({"GET myTrades": refused(-1121, "Invalid symbol.")})
    told = r"^orders and trades cannot be queried \(HTTP 400, code -1121: Invalid symbol.\); try again later$"
    with pytest.raises(BrokerUnavailable, match=told):
        SpotTestnet(KEYS, venue.wire()).all_trades("BTCUSDT")
