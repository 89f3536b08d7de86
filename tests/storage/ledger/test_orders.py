"""Orders as the ledger claims, releases, advances and finds them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import connect
from storage.keyed_rows import LedgerConflict
from storage.ledger import orders
from strategy.account.orders import Order, OrderState, ReasonCode, Side

SUNDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2020, 1, day) for day in (5, 6, 7, 8))
ORDER = Order(order_id="o1", symbol="SPY", as_of=MONDAY, side=Side.BUY, quantity=Decimal("1.5"))
SENT = replace(ORDER, state=OrderState.SENT, reason="attempt 1")


def test_of_two_that_would_send_an_order_one_may(home: Path) -> None:
    with connect(home) as store:
        assert orders.claim_order(store, "daily", SENT) is False
        orders.record_orders(store, "daily", [ORDER, replace(ORDER, order_id="o2")])
        assert orders.claim_order(store, "other", SENT) is False
        assert orders.claim_order(store, "daily", SENT) is True
        assert orders.claim_order(store, "daily", SENT) is False
        assert orders.read_order(store, "daily", "o1") == SENT
        assert orders.orders_open_at(store, "daily", MONDAY) == (SENT, replace(ORDER, order_id="o2"))


def test_an_order_that_is_claimed_only_to_be_ended_has_ended_on_its_day(home: Path) -> None:
    ended = replace(ORDER, state=OrderState.EXPIRED, reason="late")
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER])
        assert orders.claim_order(store, "daily", ended) is True
        assert orders.read_order(store, "daily", "o1") == ended
        assert orders.open_orders(store, "daily") == ()
        assert orders.orders_open_at(store, "daily", SUNDAY) == orders.orders_open_at(store, "daily", MONDAY) == ()


def test_an_order_that_certainly_did_not_arrive_waits_again_and_may_be_claimed_again(home: Path) -> None:
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER, replace(ORDER, order_id="o2")])
        assert orders.release_order(store, "daily", "o1") is False
        orders.claim_order(store, "daily", SENT)
        assert orders.release_order(store, "other", "o1") is orders.release_order(store, "daily", "o2") is False
        assert orders.release_order(store, "daily", "o1") is True
        waiting = replace(SENT, state=OrderState.INTENDED)
        assert orders.read_order(store, "daily", "o1") == waiting
        assert orders.orders_open_at(store, "daily", MONDAY)[0] == waiting
        assert orders.claim_order(store, "daily", SENT) is True


def test_an_order_keeps_the_newest_code_it_reached(home: Path) -> None:
    unseen = replace(SENT, state=OrderState.UNKNOWN, reason="no answer", code=ReasonCode.UNSEEN)
    untold = replace(unseen, code=ReasonCode.UNTOLD)
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER])
        for reached in (unseen, untold):
            orders.update_orders(store, "daily", [reached])
            assert orders.read_order(store, "daily", "o1") == reached


def test_an_order_comes_back_with_its_mark_and_whether_a_halt_cut_it(home: Path) -> None:
    cut = replace(ORDER, order_id="o2", cut_by_halt=True, mark=Decimal("320.125"))
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER, cut])
        whole, found = orders.orders_open_at(store, "daily", MONDAY)
    assert (whole, whole.mark) == (ORDER, None)
    assert (found, found.mark) == (cut, Decimal("320.125"))


def test_an_order_beyond_its_claim_is_not_released(home: Path) -> None:
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER])
        orders.update_orders(store, "daily", [replace(ORDER, state=OrderState.UNKNOWN)])
        assert orders.release_order(store, "daily", "o1") is False
        assert orders.read_order(store, "daily", "o1").state is OrderState.UNKNOWN


def test_an_order_that_is_not_there_is_named(home: Path) -> None:
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER])
        for account, order_id in (("other", "o1"), ("daily", "o2")):
            with pytest.raises(ValueError, match=f"^account {account} has no order {order_id}$"):
                orders.read_order(store, account, order_id)


def test_orders_are_told_by_day_and_symbol(home: Path) -> None:
    tuesday = replace(ORDER, order_id="o3", symbol="AAA", as_of=TUESDAY)
    first, second = replace(ORDER, order_id="o9"), replace(ORDER, order_id="o0", symbol="TLT")
    with connect(home) as store:
        orders.record_orders(store, "daily", [tuesday, second, first, ORDER])
        orders.record_orders(store, "other", [replace(ORDER, order_id="x", symbol="XXX")])
        assert orders.orders_on(store, "daily", MONDAY) == (ORDER, first, second)
        assert orders.open_orders(store, "daily") == (ORDER, first, second, tuesday)
        assert orders.orders_open_at(store, "daily", TUESDAY) == (ORDER, first, second, tuesday)
        assert orders.orders_open_at(store, "daily", MONDAY) == (ORDER, first, second)
        assert orders.ordered_symbols(store, "daily") == ("AAA", "SPY", "TLT")
        assert orders.ordered_symbols(store, "nobody") == ()


def test_an_order_ends_on_the_day_that_is_named_and_was_open_in_its_last_state_until_then(home: Path) -> None:
    partly = replace(ORDER, state=OrderState.PARTIALLY_FILLED, reason="0.5 of 1.5")
    ended = replace(ORDER, state=OrderState.FILLED, reason="")
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER])
        orders.update_orders(store, "daily", [partly], day=TUESDAY)
        orders.update_orders(store, "daily", [ended], day=WEDNESDAY)
        assert orders.orders_open_at(store, "daily", TUESDAY) == (replace(partly, reason=""),)
        assert orders.orders_open_at(store, "daily", WEDNESDAY) == ()


def test_an_order_of_more_digits_than_the_store_keeps_goes_on(home: Path) -> None:
    long = replace(ORDER, quantity=Decimal(1) / 3)
    with connect(home) as store:
        orders.record_orders(store, "daily", [long])
        orders.update_orders(store, "daily", [replace(long, state=OrderState.SENT)])
        assert orders.read_order(store, "daily", "o1").state is OrderState.SENT


def test_a_new_reason_alone_is_a_step_and_is_none_once_the_order_has_ended(home: Path) -> None:
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER])
        orders.update_orders(store, "daily", [replace(ORDER, reason="held back")])
        assert orders.read_order(store, "daily", "o1").reason == "held back"
        orders.update_orders(store, "daily", [replace(ORDER, state=OrderState.REJECTED, reason="a")])
        with pytest.raises(LedgerConflict, match=r"^daily: order o1 has ended as rejected; it cannot be rejected$"):
            orders.update_orders(store, "daily", [replace(ORDER, state=OrderState.REJECTED, reason="b")])


def test_orders_keep_the_close_that_they_were_decided_at(home: Path) -> None:
    marked = replace(ORDER, order_id="o2", mark=Decimal("320.5"))
    with connect(home) as store:
        orders.record_orders(store, "daily", [ORDER, marked, replace(marked, order_id="o3", mark=Decimal(7))])
        assert orders.marks_of(store, "daily", ["o1", "o2"]) == {"o2": Decimal("320.5")}
        assert orders.marks_of(store, "other", ["o2"]) == orders.marks_of(store, "daily", []) == {}


def test_orders_since_a_day_are_those_decided_on_it_or_later_and_those_that_ended_after_it(home: Path) -> None:
    tuesday, wednesday = (
        replace(ORDER, order_id=name, as_of=day) for name, day in (("o3", TUESDAY), ("o4", WEDNESDAY))
    )
    other, ended = replace(wednesday, order_id="o5", symbol="AAA"), replace(ORDER, state=OrderState.FILLED)
    skipped = replace(ORDER, order_id="o6", as_of=SUNDAY, state=OrderState.SKIPPED)
    with connect(home) as store:
        orders.record_orders(store, "daily", [wednesday, tuesday, ORDER, other, skipped])
        orders.update_orders(store, "daily", [ended], day=WEDNESDAY)
        assert orders.orders_since(store, "daily", TUESDAY) == (ended, tuesday, other, wednesday)
        assert orders.orders_since(store, "daily", WEDNESDAY) == (other, wednesday)
        assert orders.orders_since(store, "other", SUNDAY) == ()
        # What the market takes as too little was not ordered.
        assert orders.days_ordered(store, "daily", most=9) == (WEDNESDAY, TUESDAY, MONDAY)
        assert orders.days_ordered(store, "daily", most=2) == (WEDNESDAY, TUESDAY)
        assert orders.days_ordered(store, "other", most=9) == ()
