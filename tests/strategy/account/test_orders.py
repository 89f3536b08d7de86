from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.orders import Order, OrderState, ReasonCode, Side, Target, client_order_id, plan_order, too_small
from strategy.market.instruments import Calendar, Instrument

D = Decimal
DAY = date(2020, 1, 6)
COIN = Instrument(
    symbol="A",
    calendar=Calendar.ALWAYS,
    lot=D("0.1"),
    min_quantity=D("0.2"),
    max_quantity=D(50),
    min_notional=D(10),
)


def planned(exposure: str, held: str = "0", instrument: Instrument = COIN) -> Order | None:
    target = Target(instrument=instrument, exposure=D(exposure), mark=D(100), held=D(held))
    return plan_order(target, D(10_000), DAY, "id")


def an_order(side: Side, quantity: str, reason: str = "") -> Order:
    order = Order(order_id="id", symbol="A", as_of=DAY, side=side, quantity=D(quantity))
    return replace(order, state=OrderState.SKIPPED, reason=reason, code=ReasonCode.TOO_SMALL) if reason else order


@pytest.mark.parametrize(
    ("exposure", "held", "order"),
    [
        ("0.2", "10", an_order(Side.BUY, "10")),
        ("0.2", "30", an_order(Side.SELL, "10")),
        ("0.1239", "0", an_order(Side.BUY, "12.3")),
        ("-0.1239", "0", an_order(Side.SELL, "12.3")),
        ("0.9", "0", an_order(Side.BUY, "50")),
        ("-0.9", "0", an_order(Side.SELL, "50")),
        ("0.1", "10", None),
        ("0.1", "10.05", an_order(Side.SELL, "0", "change of 0.050000000000 is below one lot of 0.1")),
        ("0.1", "9.9", an_order(Side.BUY, "0.1", "change of 0.100000000000 is below the least order, 0.2")),
    ],
)
def test_an_order_is_the_change_in_whole_lots_within_what_the_market_takes(
    exposure: str, held: str, order: Order | None
) -> None:
    assert planned(exposure, held) == order


def test_an_order_keeps_the_close_that_it_was_decided_at() -> None:
    found = planned("0.2"), planned("-0.2"), planned("0.1", "10.05")
    assert [order.mark for order in found if order is not None] == [D(100)] * 3


def test_an_order_is_not_cut_where_the_market_has_no_largest_one() -> None:
    assert planned("0.9", instrument=replace(COIN, max_quantity=None)) == an_order(Side.BUY, "90")


def test_an_order_leaves_a_fiftieth_of_the_most_money_for_the_price_it_is_measured_by() -> None:
    dearest = replace(COIN, max_quantity=None, max_notional=D(5_000))
    assert planned("0.9", instrument=dearest) == an_order(Side.BUY, "49")
    assert planned("0.4", instrument=dearest) == an_order(Side.BUY, "40")
    assert planned("0.9", instrument=replace(dearest, max_quantity=D(30))) == an_order(Side.BUY, "30")


@pytest.mark.parametrize(
    ("quantity", "notional", "reason"),
    [
        ("0", "0", "is below one lot of 0.1"),
        ("0.1", "10", "is below the least order, 0.2"),
        ("0.2", "9.994", "is worth 9.99, below the least order, 10.00"),
        ("0.2", "10", ""),
    ],
)
def test_the_least_order_itself_is_not_too_small(quantity: str, notional: str, reason: str) -> None:
    assert too_small(D(quantity), D(notional), COIN) == reason


def test_a_quantity_carries_no_sign() -> None:
    with pytest.raises(ValueError, match=r"^id: quantity is -1; the side carries the sign$"):
        an_order(Side.BUY, "-1")
    assert an_order(Side.BUY, "0").quantity == 0


def test_an_intent_always_gets_the_same_id_and_another_one_another() -> None:
    """The ids that earlier versions gave out: an order that was sent under one is asked for by it."""
    first = client_order_id("daily", "turbo", "SPY", date(2020, 1, 2))
    assert first == client_order_id("daily", "turbo", "SPY", date(2020, 1, 2), 1) == "tdmt-f65b9c475369935bde69d47e"
    again = client_order_id("daily", "turbo", "SPY", date(2020, 1, 2), 2)
    assert again == "tdmt-112896f7124fd36d9ca7ed67"
