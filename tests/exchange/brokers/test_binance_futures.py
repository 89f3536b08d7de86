"""What the futures testnet holds, lists and charges, in literal words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exchange.brokers.binance_futures import FuturesTestnet
from exchange.ports import Balances, BrokerRefused, BrokerUnavailable, FundingPayment
from strategy.market.instruments import Calendar, Instrument
from testing.exchange.scripted_venue import START, Told, refused
from testing.exchange.testnets import BTC, KEYS

D = Decimal
ETH = Instrument(symbol="ETHUSDT", calendar=Calendar.ALWAYS)
START_MS = 1767657900000
ONE_WAY = {"dualSidePosition": False}


def a_listing(symbol: str, base: str, quote: str = "USDT", status: str = "TRADING") -> dict[str, Any]:
    step = {"minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"}
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}, {"filterType": "LOT_SIZE", **step}]
    stated = {"symbol": symbol, "baseAsset": base, "quoteAsset": quote, "status": status, "orderTypes": ["MARKET"]}
    return {**stated, "filters": filters}


INFO = {"symbols": [a_listing("BTCUSDT", "BTC"), a_listing("ETHUSDT", "ETH")]}


def funded(number: int, at_ms: int = START_MS, income: str = "-0.25", symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {
        "symbol": symbol,
        "incomeType": "FUNDING_FEE",
        "income": income,
        "asset": "USDT",
        "time": at_ms,
        "tranId": number,
    }


def test_what_is_held_is_the_wallet_and_the_signed_positions_and_nothing_of_what_is_not_told() -> None:
    venue = Told(
        {
            "GET exchangeInfo": INFO,
            "GET balance": [{"asset": "BNB", "balance": "9"}, {"asset": "USDT", "balance": "1000.25"}],
            "GET positionRisk": [{"symbol": "BTCUSDT", "positionAmt": "-0.75"}, {"symbol": "X", "positionAmt": "1"}],
        }
    )
    held = FuturesTestnet(KEYS, venue.wire()).holdings(("BTCUSDT", "ETHUSDT"))
    assert held == Balances(cash=D("1000.25"), positions={"BTCUSDT": D("-0.75"), "ETHUSDT": D(0)}, on_margin=True)
    assert [asked for asked, _ in venue.asked] == ["GET exchangeInfo", "GET balance", "GET positionRisk"]


def test_what_is_held_is_told_of_what_is_listed_alone() -> None:
    risk = [{"symbol": "BTCUSDT", "positionAmt": "-0.75"}]
    venue = Told({"GET exchangeInfo": INFO, "GET balance": [], "GET positionRisk": risk})
    held = FuturesTestnet(KEYS, venue.wire()).holdings(("GONE", "BTCUSDT"))
    assert held == Balances(cash=D(0), positions={"BTCUSDT": D("-0.75")}, on_margin=True)
    with pytest.raises(BrokerRefused, match=r"^testnet-futures does not list GONE, LOST; name symbols that it does$"):
        FuturesTestnet(KEYS, venue.wire()).holdings(("GONE", "LOST"))


def test_what_a_position_cost_is_told_where_the_venue_says_it() -> None:
    risk = [
        {"symbol": "BTCUSDT", "positionAmt": "-0.75", "entryPrice": "30000.5"},
        {"symbol": "ETHUSDT", "positionAmt": "0", "entryPrice": "0.0"},
        {"symbol": "XRPUSDT", "positionAmt": "5", "entryPrice": "0.5"},
    ]
    venue = Told({"GET exchangeInfo": INFO, "GET balance": [], "GET positionRisk": risk})
    held = FuturesTestnet(KEYS, venue.wire()).holdings(("BTCUSDT", "ETHUSDT"))
    assert held is not None
    assert held.entry_prices == {"BTCUSDT": D("30000.5")}


def test_without_a_balance_there_is_no_cash() -> None:
    venue = Told({"GET exchangeInfo": INFO, "GET balance": [], "GET positionRisk": []})
    held = FuturesTestnet(KEYS, venue.wire()).holdings(("BTCUSDT",))
    assert held == Balances(cash=D(0), positions={"BTCUSDT": D(0)}, on_margin=True)


def test_instruments_take_the_venues_sizes_and_each_its_leverage() -> None:
    venue = Told({"GET dual": ONE_WAY, "GET exchangeInfo": INFO, "POST leverage": {"leverage": 3}})
    taken = FuturesTestnet(KEYS, venue.wire(), leverage=3).instruments((BTC, ETH))
    sizes: dict[str, Any] = {"lot": D("0.001"), "tick": D("0.1"), "min_quantity": D("0.001"), "max_quantity": D(1000)}
    assert taken == tuple(replace(instrument, **sizes, shortable=True) for instrument in (BTC, ETH))
    assert venue.asked == [
        ("GET dual", {}),
        ("GET exchangeInfo", {}),
        ("POST leverage", {"symbol": "BTCUSDT", "leverage": "3"}),
        ("POST leverage", {"symbol": "ETHUSDT", "leverage": "3"}),
    ]


def test_the_leverage_is_two_where_none_is_named() -> None:
    venue = Told({"GET dual": ONE_WAY, "GET exchangeInfo": INFO, "POST leverage": {}})
    FuturesTestnet(KEYS, venue.wire()).instruments((BTC,))
    assert venue.asked[-1] == ("POST leverage", {"symbol": "BTCUSDT", "leverage": "2"})


def test_a_leverage_that_is_not_taken_is_refused_in_one_sentence() -> None:
    venue = Told({"GET dual": ONE_WAY, "GET exchangeInfo": INFO, "POST leverage": refused(-4161, "Not supported.")})
    told = (
        r"^testnet-futures does not take a leverage of 2 for BTCUSDT \(HTTP 400, code -4161: Not supported.\); close "
        "its position there or leave the symbol out$"
    )
    with pytest.raises(BrokerRefused, match=told):
        FuturesTestnet(KEYS, venue.wire()).instruments((BTC,))


def test_hedge_mode_several_cashes_and_what_does_not_trade_are_refused() -> None:
    def refusing(answers: dict[str, Any], match: str) -> None:
        venue = Told({"GET dual": ONE_WAY, "POST leverage": {}, **answers})
        with pytest.raises(BrokerRefused, match=match):
            FuturesTestnet(KEYS, venue.wire()).instruments((BTC, ETH))

    hedged = "^testnet-futures is in hedge mode; switch the account to one-way mode$"
    refusing({"GET dual": {"dualSidePosition": True}}, hedged)
    dear = {"symbols": [a_listing("BTCUSDT", "BTC"), a_listing("ETHUSDT", "ETH", quote="USDC")]}
    refusing({"GET exchangeInfo": dear}, "^the symbols are paid in USDC, USDT; ")
    halted = {"symbols": [a_listing("BTCUSDT", "BTC", status="SETTLING"), *INFO["symbols"][1:]]}
    refusing({"GET exchangeInfo": halted}, r"^BTCUSDT is not trading at testnet-futures \(status SETTLING\)")
    refusing({"GET exchangeInfo": {"symbols": INFO["symbols"][:1]}}, "^testnet-futures lists no ETHUSDT; ")


def test_a_question_that_is_refused_is_not_guessed() -> None:
    venue = Told({"GET dual": refused(-1100, "Illegal characters.")})
    told = r"^testnet-futures does not answer \(HTTP 400, code -1100: Illegal characters.\); try again later$"
    with pytest.raises(BrokerUnavailable, match=told):
        FuturesTestnet(KEYS, venue.wire()).instruments((BTC,))


def test_funding_is_told_in_the_order_of_time_each_once() -> None:
    at = START + timedelta(hours=8)
    page = [funded(3, START_MS + 28_800_000), funded(2), funded(1, income="0.5", symbol="ETHUSDT"), funded(2)]
    venue = Told({"GET income": page})
    charges = FuturesTestnet(KEYS, venue.wire()).charges(START)
    assert charges == (
        FundingPayment(
            charge_id=f"FUNDING_FEE-1-ETHUSDT-{START_MS}", charged_at=START, symbol="ETHUSDT", cash=D("0.5")
        ),
        FundingPayment(
            charge_id=f"FUNDING_FEE-2-BTCUSDT-{START_MS}", charged_at=START, symbol="BTCUSDT", cash=D("-0.25")
        ),
        FundingPayment(
            charge_id=f"FUNDING_FEE-3-BTCUSDT-{START_MS + 28_800_000}", charged_at=at, symbol="BTCUSDT", cash=D("-0.25")
        ),
    )
    assert all(charge.charged_at.tzinfo is UTC for charge in charges)
    asked = {"incomeType": "FUNDING_FEE", "startTime": str(START_MS), "limit": "1000"}
    assert venue.asked == [("GET income", asked)]


def test_funding_of_many_pages_is_read_on_from_the_last_row_and_past_a_page_of_one_instant() -> None:
    first = [funded(number, START_MS + number) for number in range(1000)]
    instant = [funded(number, START_MS + 999) for number in range(999, 1999)]
    venue = Told({"GET income": (first, instant, [funded(5000, START_MS + 2000)])})
    charges = FuturesTestnet(KEYS, venue.wire()).charges(START)
    assert len(charges) == 2000
    starts = [int(asked["startTime"]) - START_MS for _, asked in venue.asked]
    assert starts == [0, 999, 1000]


def test_funding_that_does_not_end_is_given_up_after_a_hundred_pages() -> None:
    venue = Told({"GET income": [funded(number) for number in range(1000)]})
    told = "^testnet-futures's funding since 2026-01-06 does not end; try again later$"
    with pytest.raises(BrokerUnavailable, match=told):
        FuturesTestnet(KEYS, venue.wire()).charges(START)
    starts = [int(asked["startTime"]) - START_MS for _, asked in venue.asked]
    assert starts == list(range(100))


def test_the_instant_from_which_funding_is_asked_is_cut_to_milliseconds() -> None:
    venue = Told({"GET income": []})
    since = datetime(2026, 1, 6, 0, 5, 0, 1_999, tzinfo=UTC)
    assert FuturesTestnet(KEYS, venue.wire()).charges(since) == ()
    assert venue.asked[0][1]["startTime"] == str(START_MS + 1)


@pytest.mark.parametrize(
    "answers",
    [
        {"GET dual": {}},
        {"GET balance": {"asset": "USDT"}},
        {"GET balance": [{"asset": "USDT", "balance": "x"}]},
        {"GET positionRisk": [{"symbol": "BTCUSDT"}]},
        {"GET income": [{"symbol": "BTCUSDT"}]},
    ],
)
def test_an_answer_in_words_that_are_not_known_is_asked_for_again_and_not_guessed(answers: dict[str, Any]) -> None:
    known = {
        "GET dual": ONE_WAY,
        "GET exchangeInfo": INFO,
        "GET balance": [],
        "GET positionRisk": [],
        "POST leverage": {},
    }
    broker = FuturesTestnet(KEYS, Told({**known, "GET income": [], **answers}).wire())

    def ask_all() -> None:
        broker.instruments((BTC,))
        broker.holdings(("BTCUSDT",))
        broker.charges(START)

    with pytest.raises(BrokerUnavailable, match=r"\(last: an answer of an unknown shape\)"):
        ask_all()


def test_a_wait_is_a_wait() -> None:
    venue = Told({})
    FuturesTestnet(KEYS, venue.wire()).wait(2.5)
    assert venue.waits == [2.5]
