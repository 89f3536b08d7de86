"""Which orders missed what they were decided for, how, and by how much."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.execution import DELISTED
from strategy.missed_orders import Miss, cuts, filled_quantities, miss, missed_orders
from strategy.order_checks import REFUSED
from strategy.orders import Fill, Order, OrderState, ReasonCode, Side
from strategy.risk import HALTED

MONDAY, TUESDAY = date(2020, 1, 6), date(2020, 1, 7)


def an_order(state: OrderState, reason: str = "", order_id: str = "a", symbol: str = "SPY") -> Order:
    return Order(
        order_id=order_id,
        symbol=symbol,
        as_of=MONDAY,
        side=Side.BUY,
        quantity=Decimal(10),
        state=state,
        reason=reason,
    )


def a_fill(order_id: str, quantity: str, symbol: str = "SPY") -> Fill:
    return Fill(
        order_id=order_id,
        trade_id="1",
        symbol=symbol,
        as_of=TUESDAY,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(100),
        fee=Decimal(0),
    )


@pytest.mark.parametrize(
    ("state", "reason", "filled", "expected"),
    [
        (OrderState.FILLED, "", 10, None),
        (OrderState.SKIPPED, "is below one lot", 0, None),
        (OrderState.ACKNOWLEDGED, "", 0, None),
        (OrderState.INTENDED, "", 0, None),
        (OrderState.REJECTED, "HTTP 400, code -2010: insufficient balance", 0, Miss.REFUSED),
        (OrderState.UNKNOWN, "time-out", 0, Miss.UNKNOWN),
        (OrderState.EXPIRED, "the venue says EXPIRED", 0, Miss.EXPIRED),
        (OrderState.EXPIRED, "the venue says EXPIRED", 4, Miss.CUT),
        (OrderState.PARTIALLY_FILLED, "", 4, Miss.CUT),
        (OrderState.CANCELLED, "", 0, Miss.CANCELLED),
        (OrderState.CANCELLED, "filled 4 of 10", 4, Miss.CUT),
        (OrderState.EXPIRED, f"{REFUSED}: too late", 0, Miss.NOT_SENT),
        (OrderState.EXPIRED, f"{HALTED}: only orders that reduce are sent", 0, Miss.NOT_SENT),
    ],
)
def test_each_end_of_an_order_has_its_code(state: OrderState, reason: str, filled: int, expected: Miss | None) -> None:
    assert miss(an_order(state, reason), Decimal(filled)) == expected


def test_an_order_that_is_found_to_be_nowhere_is_lost() -> None:
    for state, code in ((OrderState.EXPIRED, ReasonCode.ABSENT), (OrderState.REJECTED, ReasonCode.NEVER_ARRIVED)):
        assert miss(replace(an_order(state), code=code), Decimal(0)) is Miss.LOST


def test_an_intent_missed_only_if_all_its_attempts_did() -> None:
    lost = replace(an_order(OrderState.REJECTED), code=ReasonCode.NEVER_ARRIVED)
    refused = an_order(OrderState.REJECTED, "code -2010", "b")
    assert missed_orders([lost, an_order(OrderState.FILLED, "", "b")], {}) == ()
    assert missed_orders([lost, an_order(OrderState.ACKNOWLEDGED, "", "b")], {}) == ()
    (found,) = missed_orders([lost, refused, replace(lost, order_id="c")], {})
    assert (found.order, found.miss, found.share) == (refused, Miss.REFUSED, 0.0)


def test_the_share_is_of_what_a_split_has_made_of_the_order() -> None:
    cut = an_order(OrderState.CANCELLED, "filled 8 of 40")
    filled = filled_quantities([a_fill("a", "5"), a_fill("a", "3")], {("SPY", TUESDAY): Decimal(4)})
    (found,) = missed_orders([cut], filled)
    assert (found.miss, found.share) == (Miss.CUT, 0.2)


def test_cuts_are_counted_by_symbol_and_a_delisting_is_none() -> None:
    orders = [
        replace(an_order(OrderState.CANCELLED, "filled", order_id, symbol), as_of=day)
        for order_id, symbol, day in (("a", "SPY", MONDAY), ("b", "SPY", TUESDAY), ("c", "QQQ", MONDAY))
    ]
    orders += [replace(an_order(OrderState.CANCELLED, DELISTED, "d", "GONE"), as_of=MONDAY)]
    missed = missed_orders(orders, {"a": Decimal(1), "b": Decimal("0.5"), "c": Decimal(0)})
    assert [(one.symbol, one.count, one.median, one.least) for one in cuts(missed)] == [
        ("QQQ", 1, 0.0, 0.0),
        ("SPY", 2, 0.05, 0.05),
    ]
