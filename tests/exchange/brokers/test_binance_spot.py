"""What the spot testnet holds and lists, in literal words."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from exchange.brokers.binance_spot import SpotTestnet
from exchange.ports import Balances, BrokerRefused, BrokerUnavailable
from strategy.market.instruments import Calendar, Instrument
from testing.exchange.scripted_venue import START, Told, refused
from testing.exchange.testnets import BTC, KEYS

D = Decimal
ETH = Instrument(symbol="ETHUSDT", calendar=Calendar.ALWAYS)


def a_listing(symbol: str, base: str, quote: str = "USDT", status: str = "TRADING") -> dict[str, Any]:
    step = {"minQty": "0.0001", "maxQty": "100.0", "stepSize": "0.0001"}
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", **step}]
    stated = {"symbol": symbol, "baseAsset": base, "quoteAsset": quote, "status": status, "orderTypes": ["MARKET"]}
    return {"symbols": [{**stated, "filters": filters}]}


BITCOIN, ETHER = a_listing("BTCUSDT", "BTC"), a_listing("ETHUSDT", "ETH")
ACCOUNT = {
    "balances": [
        {"asset": "USDT", "free": "1000.25", "locked": "0.75"},
        {"asset": "BTC", "free": "0.5", "locked": "0.25"},
        {"asset": "BNB", "free": "9", "locked": "9"},
    ]
}


def test_what_is_held_is_free_and_locked_together_and_nothing_of_what_is_not_told() -> None:
    venue = Told({"GET exchangeInfo": (BITCOIN, ETHER), "GET account": ACCOUNT})
    held = SpotTestnet(KEYS, venue.wire()).holdings(("BTCUSDT", "ETHUSDT"))
    assert held == Balances(cash=D(1001), positions={"BTCUSDT": D("0.75"), "ETHUSDT": D(0)}, locked=D("0.75"))
    assert venue.asked == [
        ("GET exchangeInfo", {"symbol": "BTCUSDT"}),
        ("GET exchangeInfo", {"symbol": "ETHUSDT"}),
        ("GET account", {"omitZeroBalances": "true"}),
    ]


def test_what_is_held_is_told_of_what_is_listed_alone() -> None:
    venue = Told({"GET exchangeInfo": (refused(-1121, "Invalid symbol."), BITCOIN), "GET account": ACCOUNT})
    held = SpotTestnet(KEYS, venue.wire()).holdings(("GONE", "BTCUSDT"))
    assert held == Balances(cash=D(1001), positions={"BTCUSDT": D("0.75")}, locked=D("0.75"))
    nothing = Told({"GET exchangeInfo": refused(-1121, "Invalid symbol."), "GET account": ACCOUNT})
    with pytest.raises(BrokerRefused, match=r"^testnet-spot does not list GONE, LOST; name symbols that it does$"):
        SpotTestnet(KEYS, nothing.wire()).holdings(("GONE", "LOST"))


def test_without_a_balance_there_is_no_cash() -> None:
    venue = Told({"GET exchangeInfo": BITCOIN, "GET account": {"balances": []}})
    assert SpotTestnet(KEYS, venue.wire()).holdings(("BTCUSDT",)) == Balances(cash=D(0), positions={"BTCUSDT": D(0)})


def test_instruments_take_the_venues_sizes_each_its_own_and_are_asked_for_once() -> None:
    venue = Told({"GET exchangeInfo": (BITCOIN, ETHER)})
    broker = SpotTestnet(KEYS, venue.wire())
    sizes: dict[str, Any] = {"lot": D("0.0001"), "tick": D("0.01"), "min_quantity": D("0.0001"), "max_quantity": D(100)}
    expected = tuple(replace(instrument, **sizes, shortable=False) for instrument in (BTC, ETH))
    assert broker.instruments((BTC, ETH)) == broker.instruments((BTC, ETH)) == expected
    assert len(venue.asked) == 2


def test_several_cashes_and_halted_symbols_are_refused() -> None:
    dear = a_listing("ETHUSDT", "ETH", quote="BTC")
    for asked in (lambda one: one.instruments((BTC, ETH)), lambda one: one.holdings(("BTCUSDT", "ETHUSDT"))):
        with pytest.raises(BrokerRefused, match=r"^the symbols are paid in BTC, USDT; "):
            asked(SpotTestnet(KEYS, Told({"GET exchangeInfo": (BITCOIN, dear)}).wire()))
    halted = Told({"GET exchangeInfo": a_listing("BTCUSDT", "BTC", status="HALT")})
    with pytest.raises(BrokerRefused, match=r"^BTCUSDT is not trading at testnet-spot \(status HALT\)"):
        SpotTestnet(KEYS, halted.wire()).instruments((BTC,))


def test_a_symbol_that_is_not_traded_is_refused_by_name() -> None:
    invalid = Told({"GET exchangeInfo": refused(-1121, "Invalid symbol.")})
    told = r"^testnet-spot does not trade BTCUSDT \(HTTP 400, code -1121: Invalid symbol.\); name another$"
    with pytest.raises(BrokerRefused, match=told):
        SpotTestnet(KEYS, invalid.wire()).instruments((BTC,))
    with pytest.raises(BrokerRefused, match=r"^testnet-spot lists no BTCUSDT; "):
        SpotTestnet(KEYS, Told({"GET exchangeInfo": {"symbols": []}}).wire()).instruments((BTC,))


def test_an_account_that_is_not_told_is_not_guessed() -> None:
    venue = Told({"GET exchangeInfo": BITCOIN, "GET account": refused(-1100, "Illegal characters.")})
    told = r"^testnet-spot does not answer \(HTTP 400, code -1100: Illegal characters.\); try again later$"
    with pytest.raises(BrokerUnavailable, match=told):
        SpotTestnet(KEYS, venue.wire()).holdings(("BTCUSDT",))


@pytest.mark.parametrize(
    "told", [[], {}, {"balances": [{"asset": "USDT"}]}, {"balances": [{**ACCOUNT["balances"][0], "free": "x"}]}]
)
def test_balances_in_words_that_are_not_known_are_asked_for_again_and_not_guessed(told: Any) -> None:
    venue = Told({"GET exchangeInfo": BITCOIN, "GET account": told})
    with pytest.raises(BrokerUnavailable, match=r"\(last: an answer of an unknown shape\)"):
        SpotTestnet(KEYS, venue.wire()).holdings(("BTCUSDT",))
    venue = Told({"GET exchangeInfo": BITCOIN, "GET account": (told, ACCOUNT)})
    assert SpotTestnet(KEYS, venue.wire()).holdings(("BTCUSDT",)).cash == 1001


def test_spot_has_no_charges() -> None:
    venue = Told({})
    assert SpotTestnet(KEYS, venue.wire()).charges(START) == ()
    assert venue.urls == []


def test_a_wait_is_a_wait() -> None:
    venue = Told({})
    SpotTestnet(KEYS, venue.wire()).wait(2.5)
    assert venue.waits == [2.5]
