from datetime import date
from decimal import Decimal

import pytest

from strategy.account.orders import Order, OrderState, Side
from strategy.account.state import Account, Position, Snapshot
from strategy.portfolio.drawdown_halt import RiskState, halt_date, reduced, update_halt, watched_at_worst
from strategy.portfolio.risk_limits import RiskLimits

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
    days = [date(2020, 1, day) for day in range(1, 5)]
    path = [D("100"), D("60"), D("100"), D("50")]
    assert halt_date(days, path, LIMITS) == date(2020, 1, 2)
    assert halt_date(days[:1], path[:1], LIMITS) is None


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
