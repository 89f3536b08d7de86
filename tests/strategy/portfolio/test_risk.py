from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from strategy.account.orders import Order, OrderState, Side
from strategy.account.state import Account, Position, Snapshot
from strategy.portfolio.risk import (
    RiskLimits,
    RiskState,
    clip_to_limits,
    halt_date,
    reduced,
    update_halt,
    watched_at_worst,
)

D = Decimal
LIMITS = RiskLimits()


def snapshot(day: int, equity: str) -> Snapshot:
    return Snapshot(account=Account(as_of=date(2020, 1, day), cash=D(equity)), equity=D(equity), drawdown=0.0)


def order(side: Side, quantity: str) -> Order:
    return Order(order_id="o", symbol="A", as_of=date(2020, 1, 1), side=side, quantity=D(quantity))


@pytest.mark.parametrize(
    ("quantity", "doubtful", "halted"),
    [(60, "25", True), (60, "70", False), (60, "300", False), (-60, "300", True), (-60, "25", False)],
)
def test_a_close_that_is_not_believed_yet_counts_for_the_halt_where_it_is_worse(
    quantity: int, doubtful: str, halted: bool
) -> None:
    """10,000 of equity, 6,000 of it in a position, and a limit of 35 %."""
    position = Position(quantity=Decimal(quantity), mark=Decimal(100))
    account = Account(as_of=date(2020, 6, 9), cash=Decimal(10_000 - 100 * quantity), positions={"A": position})
    snapshot = Snapshot(account=account, equity=account.equity, drawdown=0.0)
    state = watched_at_worst(RiskState(), snapshot, RiskLimits(), {"A": Decimal(doubtful), "B": Decimal(1)})
    assert (state.halted, state.peak_equity) == (halted, Decimal(10_000))
    assert state.reason.endswith(f"closes that are held back are counted: A at {doubtful}") == halted


def test_of_the_closes_that_are_not_believed_yet_those_that_lose_are_counted_and_named() -> None:
    marks = {"A": (40, 100), "B": (20, 100), "C": (1, 100), "D": (1, 100), "E": (5, 100)}
    positions = {symbol: Position(quantity=D(held), mark=D(mark)) for symbol, (held, mark) in marks.items()}
    account = Account(as_of=date(2020, 6, 9), cash=D(3_300), positions=positions)
    lived = Snapshot(account=account, equity=account.equity, drawdown=0.0)
    # A and B lose, C is where it was, D gains less than one, of E nothing is doubtful.
    doubtful = {"A": D("40.0"), "B": D(30), "C": D(100), "D": D("100.5")}
    state = watched_at_worst(RiskState(), lived, LIMITS, doubtful)
    assert state.reason == (
        "equity 6200.00 is 38.0% below its peak of 10000.00, the limit is 35.0%; closes that are held back are "
        "counted: A at 40, B at 30"
    )
    # Who is halted already stays so, for the reason that it was.
    halted = RiskState(halted=True, since=date(2020, 6, 8), reason="by hand", peak_equity=D(10_000))
    assert watched_at_worst(halted, lived, LIMITS, doubtful) == halted


def test_the_halt_latches_at_the_limit_and_outlives_a_recovery() -> None:
    state = RiskState()
    for day, equity in enumerate(("100", "120", "78.01"), start=1):
        state = update_halt(state, snapshot(day, equity), LIMITS)
        assert not state.halted
    state = update_halt(state, snapshot(4, "78"), LIMITS)
    assert (state.halted, state.since, state.peak_equity) == (True, date(2020, 1, 4), 120)
    assert state.reason == "equity 78.00 is 35.0% below its peak of 120.00, the limit is 35.0%"
    assert update_halt(state, snapshot(5, "500"), LIMITS) == state


def test_an_account_of_less_than_one_unit_of_money_is_halted_too() -> None:
    state = update_halt(RiskState(peak_equity=D("0.9")), snapshot(1, "0.5"), LIMITS)
    assert (state.halted, state.peak_equity) == (True, D("0.9"))


def test_an_account_that_never_was_worth_anything_has_no_drawdown() -> None:
    assert update_halt(RiskState(), snapshot(1, "0"), LIMITS) == RiskState(peak_equity=D(0))


def test_a_backtest_names_the_first_day_of_the_halt() -> None:
    path = [snapshot(day, equity) for day, equity in enumerate(("100", "60", "100", "50"), start=1)]
    assert halt_date(path, LIMITS) == date(2020, 1, 2)
    assert halt_date(path[:1], LIMITS) is None


@pytest.mark.parametrize(
    ("side", "quantity", "held", "expected", "state"),
    [
        (Side.SELL, "4", "10", "4", OrderState.INTENDED),
        (Side.SELL, "10", "10", "10", OrderState.INTENDED),
        (Side.SELL, "14", "10", "10", OrderState.INTENDED),
        (Side.BUY, "14", "-10", "10", OrderState.INTENDED),
        (Side.BUY, "4", "10", "4", OrderState.SKIPPED),
        (Side.SELL, "4", "0", "4", OrderState.SKIPPED),
    ],
)
def test_a_halted_account_only_reduces(side: Side, quantity: str, held: str, expected: str, state: OrderState) -> None:
    allowed = reduced(order(side, quantity), D(held), D(1))
    assert (allowed.quantity, allowed.state) == (D(expected), state)


def test_an_order_that_a_halt_changes_says_so() -> None:
    assert reduced(order(Side.SELL, "14"), D(10), D(1)).reason == "halted: cut to what closes the position"
    assert reduced(order(Side.BUY, "4"), D(10), D(1)).reason == "halted: only orders that reduce are sent"
    assert reduced(order(Side.SELL, "4"), D(10), D(1)).reason == ""


def test_an_order_of_nothing_passes_a_halt_as_it_is() -> None:
    nothing = order(Side.SELL, "0")
    assert reduced(nothing, D(10), D(1)) is nothing


def test_the_order_cap_comes_before_the_turnover_bound() -> None:
    limits = RiskLimits(max_turnover=0.5, max_order_notional=D(40))
    moved = clip_to_limits(np.array([0.0, 0.0]), np.array([1.0, -0.2]), D(100), limits)
    # Cut to 0.4 and −0.2 by the cap, 0.6 in all, then scaled to 0.5.
    np.testing.assert_allclose(moved, [0.4 * 0.5 / 0.6, -0.2 * 0.5 / 0.6])


def test_the_order_cap_cuts_what_changes_and_nothing_else() -> None:
    limits = RiskLimits(max_order_notional=D(40))
    moved = clip_to_limits(np.array([0.5, -0.5, 0.3]), np.array([1.5, -1.5, 0.2]), D(100), limits)
    np.testing.assert_allclose(moved, [0.9, -0.9, 0.2], rtol=1e-15)


def test_the_turnover_bound_counts_changes_from_what_is_held() -> None:
    bound = RiskLimits(max_turnover=0.5)
    moved = clip_to_limits(np.array([0.5, -0.5]), np.array([1.0, 0.0]), D(100), bound)
    np.testing.assert_allclose(moved, [0.75, -0.25], rtol=1e-15)
    target = np.array([1.0, -0.5])
    assert clip_to_limits(np.array([0.5, -0.5]), target, D(100), bound) is target


def test_limits_that_do_not_bind_change_nothing() -> None:
    target = np.array([0.1, 0.3])
    assert clip_to_limits(np.array([0.3, 0.1]), target, D(100), LIMITS) is target


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_turnover", 0.5), ("max_order_notional", D("0.5")), ("stale_days", 1), ("max_drawdown_halt", 1.0)],
)
def test_limits_at_the_ends_of_their_range_are_taken(field: str, value: object) -> None:
    assert getattr(RiskLimits(**{field: value}), field) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_turnover", 0.0),
        ("max_order_notional", D(0)),
        ("stale_days", 0),
        ("max_drawdown_halt", 0.0),
        ("max_drawdown_halt", 1.5),
    ],
)
def test_limits_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} is"):
        RiskLimits(**{field: value})  # type: ignore[arg-type]
