"""Which orders missed what they were decided for, how, and by how much."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.missed_orders import Miss, classify_miss, cuts, filled_quantities, missed_orders
from strategy.account.orders import Fill, Order, OrderState, ReasonCode, Side

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
        (OrderState.EXPIRED, "not sent: what people read decides nothing", 0, Miss.EXPIRED),
    ],
)
def test_each_end_of_an_order_has_its_code(state: OrderState, reason: str, filled: int, expected: Miss | None) -> None:
    assert classify_miss(an_order(state, reason), Decimal(filled)) == expected


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        (OrderState.EXPIRED, ReasonCode.ABSENT, Miss.LOST),
        (OrderState.REJECTED, ReasonCode.NEVER_ARRIVED, Miss.LOST),
        (OrderState.EXPIRED, ReasonCode.NOT_SENT, Miss.NOT_SENT),
        (OrderState.EXPIRED, ReasonCode.HALTED, Miss.NOT_SENT),
        (OrderState.EXPIRED, ReasonCode.OVERTAKEN, Miss.EXPIRED),
        (OrderState.EXPIRED, ReasonCode.ADOPTED, Miss.EXPIRED),
        (OrderState.CANCELLED, ReasonCode.DELISTED, Miss.CANCELLED),
    ],
)
def test_each_code_says_how_an_order_missed(state: OrderState, code: ReasonCode, expected: Miss) -> None:
    assert classify_miss(replace(an_order(state), code=code), Decimal(0)) is expected


def test_an_intent_missed_only_if_all_its_attempts_did() -> None:
    lost = replace(an_order(OrderState.REJECTED), code=ReasonCode.NEVER_ARRIVED)
    refused = an_order(OrderState.REJECTED, "code -2010", "b")
    assert missed_orders([lost, an_order(OrderState.FILLED, "", "b")], {}) == ()
    assert missed_orders([lost, an_order(OrderState.ACKNOWLEDGED, "", "b")], {}) == ()
    (found,) = missed_orders([lost, refused, replace(lost, order_id="c")], {})
    assert (found.order, found.miss, found.share) == (refused, Miss.REFUSED, 0.0)


def test_where_no_attempt_arrived_the_last_one_is_told_and_what_others_missed_too() -> None:
    lost = replace(an_order(OrderState.REJECTED), code=ReasonCode.NEVER_ARRIVED)
    filled, expired = an_order(OrderState.FILLED), replace(an_order(OrderState.EXPIRED), symbol="TLT")
    found = missed_orders([filled, expired, replace(lost, symbol="QQQ"), replace(lost, symbol="QQQ", order_id="b")], {})
    assert [(missed.order.symbol, missed.order.order_id, missed.miss) for missed in found] == [
        ("QQQ", "b", Miss.LOST),
        ("TLT", "a", Miss.EXPIRED),
    ]


def test_of_an_order_of_nothing_no_share_traded() -> None:
    (found,) = missed_orders([replace(an_order(OrderState.REJECTED), quantity=Decimal(0))], {})
    assert found.share == 0.0


def test_what_no_split_has_changed_counts_as_it_is() -> None:
    assert filled_quantities([a_fill("a", "5"), a_fill("b", "1"), a_fill("a", "3")], {}) == {"a": 8, "b": 1}


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
    orders += [replace(an_order(OrderState.CANCELLED, "", "d", "GONE"), code=ReasonCode.DELISTED)]
    missed = missed_orders(orders, {"a": Decimal(1), "b": Decimal("0.5"), "c": Decimal(0)})
    assert list(cuts(missed).items()) == [("QQQ", [0.0]), ("SPY", [0.05, 0.1])]
