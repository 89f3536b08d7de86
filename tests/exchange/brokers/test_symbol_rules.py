from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from exchange.brokers.symbol_rules import Listing, demand_trading, market_rules, one_quote, read_listing
from exchange.ports import BrokerRefused, BrokerUnavailable
from strategy.market.instruments import Calendar, Instrument

D = Decimal
SPOT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "MARKET"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "115.57", "stepSize": "0.00000000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
    ],
}
RULES = Listing(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    lot=D("0.00001"),
    tick=D("0.01"),
    min_quantity=D("0.00001"),
    max_quantity=D("115.57"),
    min_notional=D(5),
    max_notional=None,
    status="TRADING",
    takes_market_orders=True,
)


def stated(*filters: dict[str, Any]) -> dict[str, Any]:
    """SPOT with these filters in the place of its own of the same types."""
    changed = {one["filterType"]: one for one in (*SPOT["filters"], *filters)}
    return {**SPOT, "filters": list(changed.values())}


def without(*types: str) -> dict[str, Any]:
    return {**SPOT, "filters": [one for one in SPOT["filters"] if one["filterType"] not in types]}


def lot_size(name: str, least: str, most: str, step: str) -> dict[str, str]:
    return {"filterType": name, "minQty": least, "maxQty": most, "stepSize": step}


def test_the_rules_of_a_market_order_are_read_from_the_filters() -> None:
    assert market_rules(SPOT) == RULES
    limited = market_rules({**SPOT, "orderTypes": ["LIMIT"], "status": "BREAK"})
    assert limited == replace(RULES, takes_market_orders=False, status="BREAK")


@pytest.mark.parametrize(
    ("market", "changed"),
    [
        (("0.5", "20", "0.001"), {"lot": D("0.001"), "min_quantity": D("0.5"), "max_quantity": D(20)}),
        (("0.000001", "0", "0.000001"), {"max_quantity": D(9000)}),
        (("0", "10000", "0"), {"max_quantity": D(9000)}),
        (("0", "0.5", "0"), {"max_quantity": D("0.5")}),
    ],
)
def test_of_two_rules_about_a_size_the_narrower_counts(market: tuple[str, str, str], changed: dict[str, Any]) -> None:
    assert market_rules(stated(lot_size("MARKET_LOT_SIZE", *market))) == replace(RULES, **changed)


def test_a_size_that_no_filter_bounds_has_no_bound() -> None:
    assert market_rules(without("MARKET_LOT_SIZE")).max_quantity == D(9000)
    unbound = without("MARKET_LOT_SIZE", "NOTIONAL")
    unbound["filters"] = [*unbound["filters"][:1], lot_size("LOT_SIZE", "1", "0", "1")]
    assert market_rules(unbound) == replace(RULES, lot=D(1), min_quantity=D(1), max_quantity=None, min_notional=D(0))


@pytest.mark.parametrize(
    ("notional", "least"),
    [
        ({"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": False}, "0"),
        ({"filterType": "NOTIONAL", "minNotional": "5"}, "5"),
        ({"filterType": "MIN_NOTIONAL", "minNotional": "7", "applyToMarket": True}, "7"),
        ({"filterType": "MIN_NOTIONAL", "minNotional": "7", "applyToMarket": False}, "0"),
        ({"filterType": "MIN_NOTIONAL", "notional": "100"}, "100"),
        ({"filterType": "MIN_NOTIONAL"}, "0"),
    ],
)
def test_the_least_notional_is_that_which_binds_market_orders(notional: dict[str, Any], least: str) -> None:
    alone = without("NOTIONAL")
    alone["filters"].append(notional)
    assert market_rules(alone).min_notional == D(least)


@pytest.mark.parametrize(
    ("largest", "most"),
    [
        ({"maxNotional": "9000.0", "applyMaxToMarket": True}, D(9000)),
        ({"maxNotional": "9000.0"}, D(9000)),
        ({"maxNotional": "9000.0", "applyMaxToMarket": False}, None),
        ({"maxNotional": "0.5"}, D("0.5")),
        ({"maxNotional": "0.0", "applyMaxToMarket": True}, None),
        ({}, None),
    ],
)
def test_the_most_notional_is_that_which_binds_market_orders(largest: dict[str, Any], most: Decimal | None) -> None:
    assert market_rules(stated({"filterType": "NOTIONAL", "minNotional": "5", **largest})).max_notional == most


def test_a_filter_that_is_missing_or_zero_is_no_rule() -> None:
    tickless = stated({"filterType": "PRICE_FILTER", "minPrice": "0.0", "tickSize": "0.00000000"})
    for info in (tickless, without("PRICE_FILTER")):
        assert market_rules(info) == replace(RULES, tick=None)
        known = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)
        assert market_rules(info).applied_to(known, shortable=True).tick == known.tick
    bare = replace(RULES, lot=D("1e-8"), tick=None, min_quantity=D(0), max_quantity=None, min_notional=D(0))
    zeros = lot_size("LOT_SIZE", "0", "0", "0"), lot_size("MARKET_LOT_SIZE", "0", "0", "0")
    for info, digits in (
        ({**SPOT, "filters": []}, {}),
        ({**SPOT, "filters": list(zeros)}, {"baseAssetPrecision": 8}),
    ):
        assert market_rules({**info, **digits}) == bare
    silent = [{"filterType": "LOT_SIZE"}, {"filterType": "MARKET_LOT_SIZE"}]
    assert market_rules({**SPOT, "filters": silent}) == bare
    assert market_rules({**SPOT, "filters": [], "quantityPrecision": 3, "baseAssetPrecision": 8}).lot == D("0.001")
    assert market_rules({**SPOT, "filters": [], "baseAssetPrecision": 5}).lot == D("0.00001")


def test_of_two_steps_an_order_keeps_both() -> None:
    both = stated(lot_size("LOT_SIZE", "0.02", "9000", "0.02"), lot_size("MARKET_LOT_SIZE", "0", "100", "0.05"))
    assert market_rules(both).lot == D("0.1")


def test_notional_goes_before_the_filter_that_it_replaced() -> None:
    both = stated({"filterType": "MIN_NOTIONAL", "minNotional": "7", "applyToMarket": True})
    assert market_rules(both).min_notional == D(5)


@pytest.mark.parametrize(
    ("step", "lot"), [("10.00000000", "10"), ("1.0", "1"), ("0.50", "0.5"), ("100", "100"), ("0.00000100", "0.000001")]
)
def test_a_size_is_told_without_trailing_zeros_and_without_an_exponent(step: str, lot: str) -> None:
    assert str(market_rules(stated(lot_size("LOT_SIZE", step, "9000", step))).lot) == lot


def test_an_instrument_takes_the_venues_sizes_and_keeps_the_rest() -> None:
    known = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)
    for shortable in (True, False):
        assert RULES.applied_to(known, shortable=shortable) == replace(
            known,
            lot=D("0.00001"),
            tick=D("0.01"),
            shortable=shortable,
            min_quantity=D("0.00001"),
            max_quantity=D("115.57"),
            min_notional=D(5),
        )
    taken = replace(RULES, max_notional=D(9000)).applied_to(known, shortable=True)
    assert (taken.base, taken.quote, taken.max_notional) == ("BTC", "USDT", D(9000))


def test_a_symbol_is_found_among_others() -> None:
    info = {"symbols": [{**SPOT, "symbol": "ETHUSDT"}, SPOT, {**SPOT, "status": "BREAK"}]}
    assert read_listing(info, "BTCUSDT", "testnet-spot") == RULES


def test_a_symbol_that_is_not_listed_is_refused() -> None:
    told = "^testnet-spot lists no NOPEUSDT; name symbols that it does, for example BTCUSDT$"
    with pytest.raises(BrokerRefused, match=told):
        read_listing({"symbols": [SPOT]}, "NOPEUSDT", "testnet-spot")


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"symbols": 5},
        {"symbols": [{}]},
        {"symbols": [stated(lot_size("LOT_SIZE", "x", "1", "1"))]},
        {"symbols": [{**SPOT, "filters": 5}]},
    ],
)
def test_a_listing_of_another_shape_is_no_answer(info: dict[str, Any]) -> None:
    told = "^testnet-spot describes BTCUSDT in an unknown format; try again later$"
    with pytest.raises(BrokerUnavailable, match=told):
        read_listing(info, "BTCUSDT", "testnet-spot")


def test_an_account_has_one_cash() -> None:
    ether = replace(RULES, symbol="ETHUSDT", base="ETH")
    assert one_quote([RULES, ether]) == "USDT"
    told = "^the symbols are paid in BTC, USDT; one account has one cash, name one kind$"
    with pytest.raises(BrokerRefused, match=told):
        one_quote([RULES, replace(ether, quote="BTC")])


@pytest.mark.parametrize("changed", [{"status": "BREAK"}, {"takes_market_orders": False}])
def test_a_symbol_that_takes_no_market_orders_now_is_refused(changed: dict[str, Any]) -> None:
    demand_trading(RULES, "testnet-spot")
    halted = replace(RULES, **changed)
    told = rf"^BTCUSDT is not trading at testnet-spot \(status {halted.status}\); it is kept as it is$"
    with pytest.raises(BrokerRefused, match=told):
        demand_trading(halted, "testnet-spot")
