from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.account import Account, EntryKind, Position
from strategy.backtest import Standing
from strategy.bars import FloatArray
from strategy.orders import Order, Side
from strategy.units import UnitChange, common_ratio, in_new_units, unit_entries

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


def standing(quantity: Decimal, mark: Decimal, ordered: Decimal) -> Standing:
    account = Account(
        as_of=MONDAY, cash=D(1000), positions={"A": Position(quantity=quantity, mark=mark, marked_on=MONDAY)}
    )
    order = Order(order_id="o", symbol="A", as_of=MONDAY, side=Side.BUY, quantity=ordered, mark=mark)
    return Standing(account=account, open_orders=(order,), equities=(account.equity,))


def moved(before: Standing, new: Decimal) -> Standing:
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
    assert held.quantity - q == sum(one.quantity for one in unit_entries(before, after, TUESDAY))
    assert all((one.kind, one.as_of) == (EntryKind.UNIT, TUESDAY) for one in unit_entries(before, after, TUESDAY))
    # Again to the same unit moves nothing; by one step or by two is the same but for the rounding of the step between.
    assert moved(after, new) == after
    twice, once = moved(after, newer), moved(before, newer)
    quantity = twice.account.positions["A"].quantity - once.account.positions["A"].quantity
    assert abs(quantity) <= D("1e-12") * (new / newer + 2)
