from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account import Account, Position
from strategy.instruments import Calendar, Instrument
from strategy.order_checks import Desk, objection
from strategy.orders import Order, OrderState, Side
from strategy.risk import RiskLimits

D = Decimal
DAY = date(2020, 1, 6)
BTC = Instrument(
    symbol="BTCUSDT",
    calendar=Calendar.ALWAYS,
    lot=D("0.01"),
    min_quantity=D("0.02"),
    max_quantity=D(100),
    min_notional=D(10),
)
ETH = replace(BTC, symbol="ETHUSDT", shortable=False)


def an_order(quantity: str, symbol: str = "BTCUSDT", side: Side = Side.BUY, number: int = 1) -> Order:
    return Order(order_id=f"o{number}", symbol=symbol, as_of=DAY, side=side, quantity=D(quantity))


def a_desk(
    today: Sequence[Order] = (),
    held: dict[str, str] | None = None,
    limits: RiskLimits | None = None,
    *,
    halted: bool = False,
) -> Desk:
    positions = {symbol: Position(quantity=D(quantity), mark=D(100)) for symbol, quantity in (held or {}).items()}
    worth = sum((position.value for position in positions.values()), D(0))
    return Desk(
        account=Account(as_of=DAY, cash=D(10_000) - worth, positions=positions),
        marks={"BTCUSDT": D(100), "ETHUSDT": D(100)},
        today=today,
        instruments={"BTCUSDT": BTC, "ETHUSDT": ETH},
        limits=limits or RiskLimits(),
        max_position_size=2.0,
        halted=halted,
    )


def said(order: Order, **desk: object) -> str:
    return objection(order, a_desk(today=(order,), **desk))  # type: ignore[arg-type]


def test_an_order_within_all_limits_may_leave() -> None:
    assert said(an_order("100")) == ""


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (an_order("0.015"), "is no multiple of the lot"),
        (an_order("0.01"), "is below the least order, 0.02"),
        (an_order("0.09"), "is worth 9.00, below the least order, 10.00"),
        (an_order("101"), "is above 100, the largest order"),
        (an_order("1", "ETHUSDT", Side.SELL), "cannot be sold short here"),
        (an_order("1", "LTCUSDT"), "no close of LTCUSDT is known"),
    ],
)
def test_an_order_that_the_market_would_refuse_does_not_leave(order: Order, reason: str) -> None:
    assert reason in said(order)


def test_the_order_cap_binds_to_the_last_unit() -> None:
    capped = RiskLimits(max_order_notional=D(1000))
    assert said(an_order("10"), limits=capped) == ""
    assert "above max_order_notional, 1000.00" in said(an_order("10.01"), limits=capped)


def test_the_turnover_bound_counts_every_order_of_the_day_that_lives() -> None:
    bound = RiskLimits(max_turnover=1.0)
    first, second = an_order("60"), an_order("50", "ETHUSDT", number=2)
    assert "turn over 1.100 of equity, above max_turnover, 1.0" in objection(
        first, a_desk((first, second), limits=bound)
    )
    dead = replace(second, state=OrderState.REJECTED)
    assert objection(first, a_desk((first, dead), limits=bound)) == ""


def test_gross_exposure_counts_what_is_held_and_what_is_ordered() -> None:
    order = an_order("60", "BTCUSDT")
    assert "gross exposure would be 2.100 of equity, above 2.0" in said(order, held={"ETHUSDT": "150"})
    assert said(order, held={"ETHUSDT": "140"}) == ""


def test_what_reduces_leaves_whatever_the_limits_and_the_halt_say() -> None:
    sale = an_order("80", side=Side.SELL)
    limits = RiskLimits(max_turnover=0.1)
    assert said(sale, held={"BTCUSDT": "300"}, limits=limits, halted=True) == ""


@pytest.mark.parametrize("order", [an_order("1"), an_order("31", side=Side.SELL)])
def test_a_halted_account_sends_nothing_that_does_not_reduce(order: Order) -> None:
    assert said(order, held={"BTCUSDT": "30"}, halted=True).startswith("halted")


def test_an_account_without_equity_may_only_reduce() -> None:
    order = an_order("1")
    ruined = replace(a_desk((order,)), account=Account(as_of=DAY, cash=D(-1)))
    assert "equity is -1.00; it must be above 0" in objection(order, ruined)


def test_an_expired_model_sends_only_what_reduces() -> None:
    order, sale = an_order("1"), an_order("1", side=Side.SELL)
    for age, may in ((None, True), (63, True), (64, False)):
        desk = replace(a_desk((order,)), model_age_bars=age)
        assert (objection(order, desk) == "") is may
    assert "the model is 64 bars old, above model_max_age_bars, 63" in objection(order, desk)
    assert objection(sale, replace(a_desk((sale,), held={"BTCUSDT": "5"}), model_age_bars=64)) == ""
