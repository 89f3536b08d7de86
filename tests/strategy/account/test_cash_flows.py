"""Flows move cash and positions, never a return: the unit value is free of them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy.account.cash_flows import (
    Booking,
    CashFlow,
    FlowKind,
    FlowRefusal,
    booked,
    flow_entries,
    free_equity,
    grown,
)
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.backtest.day_loop import AccountState, Day, with_flows
from strategy.portfolio.drawdown_halt import RiskState, update_halt, watched_at_worst
from strategy.portfolio.risk_limits import RiskLimits

DAY = date(2020, 1, 6)
SHARE = Position(quantity=Decimal(10), mark=Decimal(60), marked_on=DAY)
#: Equity 1,000, of which 600 are in a long position.
LONG = Account(as_of=DAY, cash=Decimal(400), positions={"A": SHARE})
SHORT = Account(as_of=DAY, cash=Decimal(1_600), positions={"A": replace(SHARE, quantity=Decimal(-10))})


def deposit(amount: int) -> CashFlow:
    return CashFlow(kind=FlowKind.DEPOSIT, cash=Decimal(amount))


def withdrawal(amount: int) -> CashFlow:
    return CashFlow(kind=FlowKind.WITHDRAWAL, cash=Decimal(amount))


def transfer(symbol: str, quantity: int) -> CashFlow:
    return CashFlow(kind=FlowKind.TRANSFER, symbol=symbol, quantity=Decimal(quantity))


def test_what_is_free_is_the_equity_beyond_all_positions() -> None:
    assert free_equity(LONG) == 400
    # The proceeds of what is sold short are collateral.
    assert free_equity(SHORT) == 400
    # Equity 500: what is paid in first makes up for what is borrowed.
    leveraged = replace(LONG, cash=Decimal(-100))
    assert [free_equity(leveraged, Decimal(paid)) for paid in (0, 100, 130)] == [0, 0, 30]


def test_a_short_account_pays_out_no_collateral() -> None:
    after, bookings = booked(SHORT, [withdrawal(401), withdrawal(400)], {}, SHORT.equity)
    assert [one.refusal for one in bookings] == [FlowRefusal.BEYOND_FREE, None]
    assert after.equity == 600


def test_flows_are_booked_in_their_order_and_what_exceeds_is_refused() -> None:
    after, bookings = booked(LONG, [withdrawal(401), deposit(1), withdrawal(401)], {}, LONG.equity)
    assert [(one.value, one.refusal) for one in bookings] == [
        (None, FlowRefusal.BEYOND_FREE),
        (Decimal(1), None),
        (Decimal(-401), None),
    ]
    assert (after.cash, after.equity) == (0, 600)
    assert flow_entries(bookings, DAY) == (
        Entry(as_of=DAY, kind=EntryKind.DEPOSIT, symbol="", cash=Decimal(1), quantity=Decimal(0)),
        Entry(as_of=DAY, kind=EntryKind.WITHDRAWAL, symbol="", cash=Decimal(-401), quantity=Decimal(0)),
    )


def test_a_transfer_is_valued_at_the_close_and_joins_what_is_held() -> None:
    close = Position(quantity=Decimal(0), mark=Decimal(60), marked_on=DAY)
    older = Position(quantity=Decimal(0), mark=Decimal(7), marked_on=date(2020, 1, 3))
    flows = [transfer("A", 5), transfer("B", 10), transfer("C", 1)]
    after, bookings = booked(LONG, flows, {"A": close, "B": older}, LONG.equity)
    assert [one.value for one in bookings] == [300, 70, None]
    assert bookings[2].refusal is FlowRefusal.NO_CLOSE
    assert after.positions["A"] == replace(SHARE, quantity=Decimal(15))
    assert after.positions["B"] == replace(older, quantity=Decimal(10))
    assert after.cash == LONG.cash


def test_a_ruined_account_takes_nothing() -> None:
    assert booked(LONG, [deposit(5)], {}, Decimal(0)) == (
        LONG,
        (Booking(flow=deposit(5), refusal=FlowRefusal.WORTHLESS),),
    )


def test_a_flow_says_what_it_moves() -> None:
    with pytest.raises(ValueError, match="a deposit is 0; it must be above 0"):
        deposit(0)
    with pytest.raises(ValueError, match="a withdrawal has symbol 'A'; only a transfer has one"):
        CashFlow(kind=FlowKind.WITHDRAWAL, cash=Decimal(1), symbol="A")


def state(account: Account, *before: Decimal) -> AccountState:
    return AccountState(account=account, open_orders=(), unit_values=(*before, account.equity))


def settled(after: AccountState) -> Day:
    return Day(state=after, fills=(), entries=(), settled=())


def test_a_withdrawal_is_no_loss() -> None:
    """Equity 2,000, then 1,000: a drawdown of a half, whatever is paid out after it."""
    day = with_flows(settled(state(LONG, Decimal(2_000))), [withdrawal(400)], {})
    snapshot = day.state.snapshot
    assert (snapshot.equity, snapshot.unit_value, snapshot.drawdown) == (600, 1_000, 0.5)
    # From here on a gain of a tenth is a tenth.
    assert grown(snapshot.unit_value, snapshot.equity, Decimal(660)) == 1_100
    limits = RiskLimits(max_drawdown_halt=0.35)
    assert not update_halt(RiskState(peak_equity=Decimal(1_200)), snapshot, limits).halted
    halted = update_halt(RiskState(peak_equity=Decimal(2_000)), snapshot, limits)
    assert halted.reason.startswith(
        "equity without deposits and withdrawals 1000.00 is 50.0% below its peak of 2000.00"
    )
    # A close that is held back counts against the equity that is left: 6 of 60 a share are a tenth of 600.
    worst = watched_at_worst(
        RiskState(peak_equity=Decimal(1_000)), snapshot, RiskLimits(max_drawdown_halt=0.1), {"A": Decimal(54)}
    )
    assert worst.halted
    assert not watched_at_worst(
        RiskState(peak_equity=Decimal(1_000)), snapshot, RiskLimits(max_drawdown_halt=0.11), {"A": Decimal(54)}
    ).halted


def test_an_emptied_account_keeps_its_unit_value() -> None:
    cash = Account(as_of=DAY, cash=Decimal(50))
    empty = with_flows(settled(state(cash)), [withdrawal(50)], {}).state
    assert (empty.equity, empty.unit_values[-1]) == (0, 50)
    assert grown(Decimal(50), Decimal(0), Decimal(0)) == 50
    again = with_flows(settled(empty), [deposit(10)], {}).state
    assert (again.equity, again.unit_values[-1]) == (10, 50)


@given(st.lists(st.tuples(st.integers(-30, 30), st.integers(-400, 400)), min_size=1, max_size=20))
def test_returns_are_those_of_an_account_without_flows(days: list[tuple[int, int]]) -> None:
    """Cash that grows by a percentage a day: the unit value compounds it, whatever comes and goes."""
    unit, equity, alone = Decimal(1_000), Decimal(1_000), Decimal(1_000)
    for percent, amount in days:
        growth = 1 + Decimal(percent) / 100
        unit, equity, alone = grown(unit, equity, equity * growth), equity * growth, alone * growth
        flows = [deposit(amount)] if amount > 0 else [withdrawal(-amount)] if amount else []
        after, _ = booked(Account(as_of=DAY, cash=equity), flows, {}, unit)
        equity = after.cash
    assert float(unit) == pytest.approx(float(alone), rel=1e-9)
