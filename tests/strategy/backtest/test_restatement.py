from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.account.orders import Order, Side
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.backtest.day_loop import AccountState
from strategy.backtest.restatement import (
    UnitChange,
    agreeing_bars,
    common_ratio,
    in_new_units,
    intervals,
    rounding,
    unit_entries,
)
from strategy.market.bars import FloatArray

D = Decimal
MONDAY, TUESDAY = date(2020, 6, 8), date(2020, 6, 9)


def history(count: int, decimals: int, seed: int = 1) -> FloatArray:
    close = 200.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.02, count)))
    return np.round(np.stack([close, close * 1.01, close * 0.99, close * 1.002], axis=1), decimals)


@pytest.mark.parametrize("ratio", [1 / 4, 10.0, 2 / 3, 1 / 7, 0.9931, 1.0007, 1000.0, 1 / 12.5])
@pytest.mark.parametrize("decimals", [2, 4])
def test_a_history_at_one_ratio_is_told_to_its_decimals(ratio: float, decimals: int) -> None:
    old = history(60, decimals)
    found = common_ratio(old, np.round(old * ratio, decimals))
    assert found is not None
    assert found.least <= ratio * (1 + 1e-12)
    assert ratio * (1 - 1e-12) <= found.most
    assert found.bars == 60
    if ratio in (1 / 4, 10.0, 2 / 3, 1 / 7, 1000.0, 1 / 12.5):
        assert found.value == pytest.approx(ratio, rel=1e-12)


def test_what_is_no_change_of_unit_is_none() -> None:
    old = history(60, 2)
    assert common_ratio(old, old) is None
    assert common_ratio(old[:4], np.round(old[:4] / 4, 2)) is None
    assert common_ratio(old[:5], np.round(old[:5] / 4, 2)) is not None
    # The close alone, as an adjusted series that was mixed with a raw one.
    closes = old.copy()
    closes[:, 3] /= 4
    assert common_ratio(old, closes) is None
    # A stretch that was wrong and is corrected: what lies before it is as it was.
    assert common_ratio(old, np.concatenate([old[:5], old[5:] / 4])) is None
    # Half of it only: two ratios.
    assert common_ratio(old, np.concatenate([old[:30] / 8, old[30:] / 4])) is None
    # At four cents a cent explains anything.
    pennies = np.round(old / 5_000, 2)
    assert common_ratio(pennies, np.round(old / 5_500, 2)) is None


def test_the_newest_bars_may_be_in_the_new_unit_already_and_one_price_corrected() -> None:
    old = history(60, 2)
    new = np.concatenate([old[:50] / 4, old[50:]])
    new[20, 1] += 0.5
    found = common_ratio(old, new)
    assert found is not None
    assert (found.bars, found.last, found.value) == (49, 49, 0.25)


def standing(quantity: Decimal, mark: Decimal, ordered: Decimal) -> AccountState:
    account = Account(
        as_of=MONDAY, cash=D(1000), positions={"A": Position(quantity=quantity, mark=mark, marked_on=MONDAY)}
    )
    order = Order(order_id="o", symbol="A", as_of=MONDAY, side=Side.BUY, quantity=ordered, mark=mark)
    return AccountState(account=account, open_orders=(order,), unit_values=(account.equity,))


def moved(before: AccountState, new: Decimal) -> AccountState:
    old = before.account.positions["A"].mark
    change = UnitChange(symbol="A", on=MONDAY, old=old, new=new, bars=9)
    return in_new_units(before, {"A": change}, {"o": change})


prices = st.decimals("0.0001", "100000", places=4)
quantities = st.decimals("-1000000", "1000000", places=6)


@given(quantities, prices, st.decimals("0", "1000000", places=6), prices, prices)
def test_a_change_of_unit_changes_no_value(q: Decimal, old: Decimal, o: Decimal, new: Decimal, newer: Decimal) -> None:
    """Equity and the notional of open orders stay, to the rounding of a quantity to twelve decimals."""
    before = standing(q, old, o)
    after = moved(before, new)
    held, order = after.account.positions["A"], after.open_orders[0]
    rounding = D("1e-12") * max(new, newer, D(1))
    assert abs(after.account.equity - before.account.equity) <= rounding
    assert abs(order.quantity * new - o * old) <= rounding
    assert held.mark == order.mark == new
    assert held.quantity - q == sum(entry.quantity for entry in unit_entries(before, after, TUESDAY))
    assert all((entry.kind, entry.as_of) == (EntryKind.UNIT, TUESDAY) for entry in unit_entries(before, after, TUESDAY))
    # Again to the same unit moves nothing; by one step or by two is the same but for the rounding of the step between.
    assert moved(after, new) == after
    twice, once = moved(after, newer), moved(before, newer)
    quantity = twice.account.positions["A"].quantity - once.account.positions["A"].quantity
    assert abs(quantity) <= D("1e-12") * (new / newer + 2)


def test_prices_are_known_to_half_a_unit_of_their_last_decimal() -> None:
    assert rounding(np.array([[10.25, 3.0, 7.5, 1.0]])) == 0.005
    assert rounding(np.array([[100.0, 20.0, 7.0, 1.0]])) == 0.5
    assert rounding(np.empty((0, 4))) == 0.5


def test_what_a_price_allows_its_ratio_to_be_is_bounded_by_its_decimals_and_by_seven_digits() -> None:
    def bounds(old: float, new: float, halves: tuple[float, float]) -> tuple[float, float]:
        least, most = intervals(np.full((1, 4), old), np.full((1, 4), new), halves)
        return float(least[0]), float(most[0])

    assert bounds(2.0, 8.0, (0.005, 0.0005)) == pytest.approx((7.9995 / 2.005, 8.0005 / 1.995), rel=1e-12)
    # A hundred thousand is known to a tenth, whatever decimals stand behind it.
    assert bounds(1e5, 4e5, (0.005, 0.005)) == pytest.approx(
        ((4e5 - 0.4) / (1e5 + 0.1), (4e5 + 0.4) / (1e5 - 0.1)), rel=1e-12
    )
    # What may have been nothing bounds no ratio from above.
    for old in (0.004, 0.005):
        assert bounds(old, 8.0, (0.005, 0.005)) == (pytest.approx(7.995 / (old + 0.005)), np.inf)


def test_a_tenth_of_the_bars_may_be_corrected_on_the_occasion() -> None:
    old = history(10, 2)
    new = np.round(old / 4, 2)
    new[4] += 1.0
    found = common_ratio(old, new)
    assert found is not None
    assert (found.bars, found.last) == (9, 9)
    new[6] += 1.0
    assert common_ratio(old, new) is None


def test_prices_of_few_digits_are_certain_where_they_exclude_one_by_more_than_they_leave_open() -> None:
    def alike(price: float) -> FloatArray:
        return np.full((6, 4), price)

    found = common_ratio(alike(30.1), alike(30.4))
    assert found is not None
    assert (found.least, found.most) == pytest.approx((30.35 / 30.15, 30.45 / 30.05))
    assert common_ratio(alike(30.1), alike(30.2)) is None
    # Nothing is no price: no ratio leads there.
    assert common_ratio(alike(30.1), alike(0.0)) is None


def test_bars_agree_by_whichever_of_their_former_revisions_lies_at_the_ratio() -> None:
    old = history(8, 2)[::-1]
    new = np.round(old / 4, 4)
    plain = [[row] for row in old]
    assert agreeing_bars(plain, new) == 8
    assert agreeing_bars([[row * 3, row] for row in old], new) == 8
    assert agreeing_bars(plain[:5], new[:5]) == 5
    assert agreeing_bars(plain[:4], new[:4]) == 0
    assert agreeing_bars(plain, old) == 0
    # A cent of today's prices leaves more open than a hundredth of it.
    assert agreeing_bars([[row] for row in np.round(old / 100, 2)], np.round(old / 100 * 1.001, 2)) == 0
    with pytest.raises(ValueError, match="argument 2 is longer than argument 1"):
        agreeing_bars(plain[:5], new)


def test_a_bar_without_a_former_revision_agrees_with_none_and_a_single_ratio_in_common_is_one() -> None:
    old = history(12, 2)[::-1]
    former: list[list[FloatArray]] = [[row] for row in old]
    former[6] = []
    assert agreeing_bars(former, np.round(old / 4, 4)) == 11
    # From 199.5/100.5 to 200.5/99.5, and from there on: the bars have the border in common.
    touching = [[np.full(4, price)] for price in (100.0,) * 5 + (99.0,)]
    assert agreeing_bars(touching, np.array([[200.0] * 4] * 5 + [[201.0] * 4])) == 6


def test_only_what_a_change_tells_of_is_moved() -> None:
    before = standing(D(3), D(100), D(2))
    other = Position(quantity=D(5), mark=D(7), marked_on=MONDAY)
    account = replace(before.account, positions={**before.account.positions, "B": other})
    waiting = replace(before.open_orders[0], order_id="p")
    before = replace(before, account=account, open_orders=(*before.open_orders, waiting))
    after = moved(before, D(25))
    assert (after.account.as_of, after.account.cash) == (MONDAY, D(1000))
    assert dict(after.account.positions) == {"A": Position(quantity=D(12), mark=D(25), marked_on=MONDAY), "B": other}
    assert [(order.order_id, order.quantity, order.mark) for order in after.open_orders] == [
        ("o", 8, 25),
        ("p", 2, 100),
    ]
    assert unit_entries(before, after, TUESDAY) == (
        Entry(as_of=TUESDAY, kind=EntryKind.UNIT, symbol="A", cash=D(0), quantity=D(9)),
    )
