from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.orders import Order, Side
from strategy.broker.daily_booking import Holding
from strategy.broker.takeover import Books, Cause, Found, given_back, taken_over

D = Decimal
MARKS = {"A": D(100), "B": D(50)}


def books(cash: str, a: str = "0", b: str = "0", **costs: str) -> Books:
    held = {symbol: D(quantity) for symbol, quantity in {"A": a, "B": b}.items() if D(quantity)}
    return Books(cash=D(cash), positions=held, marks=MARKS, costs={symbol: D(cost) for symbol, cost in costs.items()})


def found(due: tuple[str, str, str], there: tuple[str, str, str], locked: str = "0", *, margin: bool = False) -> Found:
    """Cash, A and B that are due, and that are there."""
    return Found(
        expected=Holding(cash=D(due[0]), positions={"A": D(due[1]), "B": D(due[2])}),
        cash=D(there[0]),
        available=D(there[0]) - D(locked),
        positions={"A": D(there[1]), "B": D(there[2])},
        on_margin=margin,
    )


def changes(one: Books, there: Found) -> list[tuple[str, Decimal, Decimal, Cause]]:
    return [(it.symbol, it.cash, it.quantity, it.cause) for it in taken_over(one, there).changes]


def test_what_agrees_is_kept_and_changes_nothing() -> None:
    one = books("40", "2")
    after = taken_over(one, found(("90", "3", "1"), ("90", "3", "1")))
    assert (after.changes, after.books) == ((), one)


@pytest.mark.parametrize(
    ("one", "there", "expected"),
    [
        # Sold by hand: ours first, then what was there before.
        (("40", "2"), found(("90", "3", "0"), ("190", "2", "0")), [("A", 0, -1), ("", 100, 0)]),
        (("40", "2"), found(("90", "3", "0"), ("390", "0", "0")), [("A", 0, -2), ("", 200, 0)]),
        # Bought by hand: not ours, nor is what was paid for it, while the rest covers what is ours.
        (("40", "2"), found(("90", "2", "0"), ("45", "2", "1")), []),
        (("40", "2"), found(("90", "2", "0"), ("30", "2", "1")), [("", -10, 0)]),
        # Nobody owes more cash than there was of his.
        (("40", "2"), found(("90", "2", "0"), ("45", "2", "0")), [("", -40, 0)]),
        # A short position on margin that was closed by hand at 90, sold at 120: the wallet has its profit.
        (
            ("340", "-2"),
            found(("100", "-2", "0"), ("160", "0", "0"), margin=True),
            [("A", -240, 2), ("", 60, 0)],
        ),
        # Commissions in its own coin have taken from it what no trade tells: nobody has paid for that.
        (("40", "2"), found(("90", "1.5", "0"), ("90", "1.5", "0")), [("A", 0, D("-0.5"))]),
        (("40", "2"), found(("90", "1.5", "0"), ("140", "1", "0")), [("A", 0, -1), ("", 50, 0)]),
        # A hundred-millionth is no difference.
        (("40", "2"), found(("90", "2", "0"), ("90.00000001", "2", "0")), []),
        (("90.00000001", "2"), found(("90", "2", "0"), ("90", "2", "0")), []),
        (("90.00000002", "2"), found(("90", "2", "0"), ("90", "2", "0")), [("", D("-0.00000002"), 0)]),
        # What resting orders of others hold back cannot be spent.
        (("40", "2"), found(("90", "2", "0"), ("90", "2", "0"), locked="60"), [("", -10, 0)]),
    ],
)
def test_what_differs_is_booked(one: tuple[str, str], there: Found, expected: list[tuple[str, int, int]]) -> None:
    costs = {"A": "-240"} if there.on_margin else {}
    assert [it[:3] for it in changes(books(*one, **costs), there)] == expected


def test_what_others_hold_of_a_symbol_without_a_mark_is_worth_nothing_to_us() -> None:
    there = found(("90", "2", "0"), ("70", "2", "0"))
    there = replace(there, positions={**there.positions, "C": D(3)})
    assert changes(books("40", "2"), there) == []
    assert changes(books("80", "2"), there)[-1] == ("", D(-10), D(0), Cause.LIMIT)


def test_cash_that_came_and_cannot_be_spent_is_booked_and_taken_off() -> None:
    after = taken_over(books("40", "2"), found(("90", "2", "0"), ("95", "2", "0"), locked="60"))
    assert [(it.cash, it.cause) for it in after.changes] == [(D(5), Cause.CASH), (D(-10), Cause.LIMIT)]
    assert after.books.cash == D(35)


def test_a_liquidation_leaves_the_wallet_and_no_more() -> None:
    # 2 of A were bought at 300 each from 500: the ledger has paid 600.
    one = books("-100", "2", A="600")
    after = taken_over(one, found(("500", "2", "0"), ("80", "0", "0"), margin=True))
    assert [(it.cause, it.cash, it.quantity) for it in after.changes] == [
        (Cause.POSITION, D(600), D(-2)),
        (Cause.CASH, D(-420), D(0)),
    ]
    assert (after.books.cash, dict(after.books.positions), after.books.equity) == (D(80), {}, D(80))


def test_a_part_of_a_position_on_margin_keeps_its_part_of_the_cost() -> None:
    after = taken_over(books("-100", "2", A="600"), found(("500", "2", "0"), ("450", "1.5", "0"), margin=True)).books
    assert (dict(after.positions), dict(after.costs), after.claim) == ({"A": D("1.5")}, {"A": D(450)}, D(450))


def test_what_is_not_told_of_is_kept() -> None:
    there = Found(
        expected=Holding(cash=D(90), positions={"A": D(2)}), cash=D(90), available=D(90), positions={}, on_margin=False
    )
    assert taken_over(books("40", "2"), there).changes == ()


def test_a_reset_is_neither_profit_nor_loss_where_the_fresh_cash_covers_it() -> None:
    one = books("40", "2", "1")
    whole = given_back(one, found(("90", "2", "1"), ("10000", "1", "1")))
    assert [(it.symbol, it.cash, it.quantity, it.cause) for it in whole.changes] == [
        ("A", 200, -2, Cause.RESET),
        ("B", 50, -1, Cause.RESET),
    ]
    assert (whole.books.cash, whole.books.equity) == (one.equity, one.equity)
    poor = given_back(one, found(("90", "2", "1"), ("120", "1", "1")))
    assert (poor.changes[-1].cause, poor.changes[-1].cash, poor.books.equity) == (Cause.LIMIT, D(-170), D(120))


def unknown(side: Side, quantity: str, symbol: str = "A", mark: str | None = "100") -> Order:
    """An order of unknown outcome."""
    return Order(
        order_id="o",
        symbol=symbol,
        as_of=date(2020, 1, 2),
        side=side,
        quantity=D(quantity),
        mark=None if mark is None else D(mark),
    )


def bought(a: str, cash: str, mark: str | None = "100", due: str = "0") -> Found:
    """What is there of A and of cash, 500 of which were due, and an order of unknown outcome that bought 2 of A."""
    return replace(found(("500", due, "0"), (cash, a, "0")), unknown=(unknown(Side.BUY, "2", mark=mark),))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        # Whole at 98, fees included; in part; and sold of what is there.
        (bought("2", "304"), [("A", -196, 2, Cause.FILL)]),
        (bought("0.5", "450"), [("A", -50, D("0.5"), Cause.FILL)]),
        # More than it may have bought is not ours, nor is what nobody has paid for.
        (bought("3", "450"), []),
        (bought("2", "500"), []),
        (bought("2", "500.5"), []),
        # Half beyond its mark is a price still; and a thousandth of a unit is a fill too.
        (bought("1", "350"), [("A", -150, 1, Cause.FILL)]),
        (bought("0.001", "499.902"), [("A", D("-0.098"), D("0.001"), Cause.FILL)]),
        # What was there before stays another's.
        (bought("3", "304", due="1"), [("A", -196, 2, Cause.FILL)]),
        (bought("2", "300", due="1"), [("A", -100, 1, Cause.FILL), ("", -100, 0, Cause.CASH)]),
        # Something else has moved the cash: the units at their mark, and the rest as cash.
        (bought("1", "300"), [("A", -100, 1, Cause.FILL), ("", -100, 0, Cause.CASH)]),
    ],
)
def test_what_an_order_of_unknown_outcome_bought_is_the_accounts(there: Found, expected: list[object]) -> None:
    assert changes(books("400"), there) == expected


def test_without_a_mark_it_cost_what_the_cash_says_and_is_worth_that() -> None:
    def taken(there: Found) -> tuple[list[tuple[Decimal, Decimal]], Decimal]:
        after = taken_over(replace(books("400"), marks={}), there)
        return [(it.cash, it.quantity) for it in after.changes], after.books.equity

    assert taken(bought("2", "304", mark=None)) == ([(-196, 2)], 400)
    assert taken(bought("0.5", "499", mark=None)) == ([(-1, D("0.5"))], 400)
    assert taken(bought("2", "500", mark=None)) == ([], 400)


def test_an_order_of_unknown_outcome_that_sold_leaves_what_it_brought() -> None:
    sold = unknown(Side.SELL, "2")
    part = replace(found(("500", "2", "0"), ("598", "1", "0")), unknown=(sold,))
    assert changes(books("400", "2"), part) == [("A", 98, -1, Cause.FILL)]
    whole = replace(found(("500", "2", "0"), ("696", "0", "0")), unknown=(sold,))
    assert changes(books("400", "2"), whole) == [("A", 196, -2, Cause.FILL)]


def test_several_of_unknown_outcome_share_what_was_paid_by_their_marks() -> None:
    orders = (unknown(Side.BUY, "2"), unknown(Side.BUY, "2", "B", mark="50"))
    there = replace(found(("500", "0", "0"), ("170", "2", "2")), unknown=orders)
    assert changes(books("400"), there) == [("A", -220, 2, Cause.FILL), ("B", -110, 2, Cause.FILL)]


def test_where_others_have_traded_too_it_is_taken_at_its_mark() -> None:
    there = replace(bought("2", "304"), positions={"A": D(2), "B": D(1)})
    assert changes(books("400"), there) == [("A", -200, 2, Cause.FILL)]


def test_what_the_account_could_not_pay_for_is_not_its_own() -> None:
    assert changes(books("196"), bought("2", "304")) == [("A", -196, 2, Cause.FILL)]
    assert changes(books("195"), bought("2", "304")) == []


@pytest.mark.parametrize(
    ("owned", "there", "order", "entry", "expected"),
    [
        # Opened: at the entry price, or at the mark where the venue tells none or holds more than ours.
        (("0", "0"), ("0", "2"), (Side.BUY, "2"), None, (-200, 2)),
        (("0", "0"), ("0", "2"), (Side.BUY, "2"), "98", (-196, 2)),
        (("0", "0"), ("1", "3"), (Side.BUY, "2"), "98", (-200, 2)),
        # A part is closed, at its part of the cost; more is bought, at what the new entry price makes of it.
        (("2", "600"), ("2", "1"), (Side.SELL, "1"), "300", (300, -1)),
        (("2", "600"), ("2", "3"), (Side.BUY, "1"), "305", (-315, 1)),
        (("2", "600"), ("2", "3"), (Side.BUY, "1"), None, (-100, 1)),
        # From long to short.
        (("2", "600"), ("2", "-1"), (Side.SELL, "3"), "310", (910, -3)),
    ],
)
def test_on_margin_what_is_closed_leaves_at_its_cost_and_what_is_opened_at_its_entry_price(
    owned: tuple[str, str],
    there: tuple[str, str],
    order: tuple[Side, str],
    entry: str | None,
    expected: tuple[int, int],
) -> None:
    quantity, cost = owned
    one = books("500", quantity, **({"A": cost} if D(quantity) else {}))
    venue = replace(
        found(("500", there[0], "0"), ("500", there[1], "0"), margin=True),
        unknown=(unknown(*order),),
        entry_prices={} if entry is None else {"A": D(entry)},
    )
    (fill,) = [it for it in taken_over(one, venue).changes if it.cause is Cause.FILL]
    assert (fill.cash, fill.quantity) == expected


def test_on_margin_what_has_neither_mark_nor_entry_price_is_not_given_away() -> None:
    one = replace(books("500"), marks={})
    without = replace(bought("2", "500", mark=None), on_margin=True)
    assert taken_over(one, without).changes == ()
    priced = replace(without, entry_prices={"A": D(98)})
    assert [(it.cash, it.quantity) for it in taken_over(one, priced).changes] == [(-196, 2)]


def test_on_margin_what_it_bought_costs_its_entry_price_and_the_wallet_pays_the_fee() -> None:
    there = replace(bought("2", "499.9"), on_margin=True, entry_prices={"A": D(98)})
    after = taken_over(books("500"), there)
    assert [(it.symbol, it.cash, it.quantity) for it in after.changes] == [("A", -196, 2), ("", D("-0.1"), 0)]
    assert (dict(after.books.costs), after.books.claim, after.books.equity) == ({"A": 196}, D("499.9"), D("503.9"))
