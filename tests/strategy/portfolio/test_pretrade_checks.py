from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.account.state import Account, Position
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.pretrade_checks import PreTradeState, PreTradeViolation, pretrade_violation, reduces
from strategy.portfolio.risk_limits import RiskLimits

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
) -> PreTradeState:
    positions = {symbol: Position(quantity=D(quantity), mark=D(100)) for symbol, quantity in (held or {}).items()}
    worth = sum((position.value for position in positions.values()), D(0))
    return PreTradeState(
        account=Account(as_of=DAY, cash=D(10_000) - worth, positions=positions),
        marks={"BTCUSDT": D(100), "ETHUSDT": D(100)},
        today=today,
        instruments={"BTCUSDT": BTC, "ETHUSDT": ETH},
        limits=limits or RiskLimits(),
        max_position_size=2.0,
        halted=halted,
    )


def said(order: Order, **desk: object) -> str:
    return words(order, a_desk(today=(order,), **desk))  # type: ignore[arg-type]


def words(order: Order, desk: PreTradeState) -> str:
    found = pretrade_violation(order, desk)
    return found.reason if found else ""


def test_an_order_within_all_limits_may_leave() -> None:
    assert said(an_order("100")) == ""


def test_an_order_is_worth_what_the_market_takes_at_most() -> None:
    dear = replace(BTC, max_notional=D(5_000))
    for quantity, reason in (("50", ""), ("50.01", "not sent: notional 5001.00 is above 5000.00, the largest order")):
        order = an_order(quantity)
        desk = replace(a_desk(today=(order,)), instruments={"BTCUSDT": dear})
        assert words(order, desk) == reason


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (an_order("0.015"), "is not a multiple of the lot"),
        (an_order("0.01"), "is below the least order, 0.02"),
        (an_order("0.09"), "is worth 9.00, below the least order, 10.00"),
        (an_order("101"), "is above 100, the largest order"),
        (an_order("1", "ETHUSDT", Side.SELL), "cannot be sold short here"),
        (an_order("1", "LTCUSDT"), "no close of LTCUSDT is known"),
    ],
)
def test_an_order_that_the_market_would_refuse_does_not_leave(order: Order, reason: str) -> None:
    assert reason in said(order)


def test_what_is_owned_may_be_sold_to_the_last_unit_where_nothing_can_be_sold_short() -> None:
    assert said(an_order("1", "ETHUSDT", Side.SELL), held={"ETHUSDT": "1"}) == ""
    refused = said(an_order("1", "ETHUSDT", Side.SELL), held={"ETHUSDT": "0.99"})
    assert refused == "not sent: it would leave -0.01; ETHUSDT cannot be sold short here"


def test_an_order_at_the_ends_of_what_the_market_takes_may_leave() -> None:
    for quantity in ("0.1", "100"):
        assert said(an_order(quantity)) == ""


def test_an_order_whose_instrument_is_not_known_does_not_leave() -> None:
    order = an_order("1")
    desk = replace(a_desk((order,)), instruments={"ETHUSDT": ETH})
    reason = "not sent: no close of BTCUSDT is known on 2020-01-06"
    assert pretrade_violation(order, desk) == PreTradeViolation(code=ReasonCode.NOT_SENT, reason=reason)


def test_the_order_cap_binds_to_the_last_unit() -> None:
    capped = RiskLimits(max_order_notional=D(1000))
    assert said(an_order("10"), limits=capped) == ""
    assert "above max_order_notional, 1000.00" in said(an_order("10.01"), limits=capped)


def test_the_turnover_bound_counts_every_order_of_the_day_that_lives() -> None:
    bound = RiskLimits(max_turnover=1.0)
    first, second = an_order("60"), an_order("50", "ETHUSDT", number=2)
    assert "turn over 1.100 of equity, above max_turnover, 1.0" in words(first, a_desk((first, second), limits=bound))
    dead = replace(second, state=OrderState.REJECTED)
    assert words(first, a_desk((first, dead), limits=bound)) == ""


def test_orders_that_turn_over_exactly_the_bound_may_leave() -> None:
    first, second = an_order("60"), an_order("40", "ETHUSDT", number=2)
    assert words(first, a_desk((first, second), limits=RiskLimits(max_turnover=1.0))) == ""


def test_gross_exposure_counts_what_is_held_and_what_is_ordered() -> None:
    order = an_order("60", "BTCUSDT")
    assert "gross exposure would be 2.100 of equity, above 2.0" in said(order, held={"ETHUSDT": "150"})
    assert said(order, held={"ETHUSDT": "140"}) == ""


def test_gross_exposure_may_exceed_its_bound_by_one_lot_of_each_order() -> None:
    """Rounding to lots adds at most as much: 0.01 units at 100 are worth 1."""
    assert said(an_order("60.01"), held={"ETHUSDT": "140"}) == ""
    assert "gross exposure would be 2.000 of equity" in said(an_order("60.02"), held={"ETHUSDT": "140"})


def test_gross_exposure_that_prices_alone_brought_above_its_bound_may_stay_there() -> None:
    """210 of 100 against 10,000 are 2.1; what is sold of one symbol may be bought of the other."""
    sale, bought = an_order("20", side=Side.SELL), an_order("20", "ETHUSDT", number=2)
    held = {"BTCUSDT": "150", "ETHUSDT": "60"}
    assert words(bought, a_desk((sale, bought), held)) == ""
    more = replace(bought, quantity=D("20.03"))
    assert "gross exposure would be 2.100 of equity, above 2.0" in words(more, a_desk((sale, more), held))


def test_gross_exposure_counts_what_was_too_small_to_be_reduced_as_reduced() -> None:
    """A sale of 0.05 units at 100 is worth 5, less than any order may be."""
    small = replace(an_order("0.05", side=Side.SELL, number=2), state=OrderState.SKIPPED, code=ReasonCode.TOO_SMALL)
    held, bought = {"BTCUSDT": "140"}, an_order("60.05", "ETHUSDT")
    assert words(bought, a_desk((small, bought), held)) == ""
    assert "gross exposure would be" in words(bought, a_desk((bought,), held))
    withheld = replace(small, code=ReasonCode.HALTED)
    assert "gross exposure would be" in words(bought, a_desk((withheld, bought), held))


def test_gross_exposure_adds_up_all_orders_of_a_symbol() -> None:
    first, second = an_order("30"), an_order("31", number=2)
    held = {"ETHUSDT": "140"}
    assert "gross exposure would be 2.010" in words(first, a_desk((first, second), held))


def test_a_skipped_order_of_a_symbol_without_a_close_changes_nothing() -> None:
    order = an_order("60")
    skipped = replace(an_order("1", "LTCUSDT", number=2), state=OrderState.SKIPPED, reason="no close")
    desk = a_desk((order, skipped), {"ETHUSDT": "140"})
    assert words(order, replace(desk, instruments={**desk.instruments, "LTCUSDT": BTC})) == ""


def test_gross_exposure_adds_an_order_to_what_is_held_of_its_symbol() -> None:
    for side, held in ((Side.BUY, "150"), (Side.SELL, "-150")):
        assert "gross exposure would be 2.100" in said(an_order("60", side=side), held={"BTCUSDT": held})
    turned = said(an_order("100", side=Side.SELL), held={"BTCUSDT": "50"}, limits=RiskLimits(max_turnover=9.0))
    assert turned == ""


def test_what_reduces_leaves_whatever_the_limits_and_the_halt_say() -> None:
    sale = an_order("80", side=Side.SELL)
    limits = RiskLimits(max_turnover=0.1)
    assert said(sale, held={"BTCUSDT": "300"}, limits=limits, halted=True) == ""


@pytest.mark.parametrize("order", [an_order("1"), an_order("31", side=Side.SELL)])
def test_a_halted_account_sends_nothing_that_does_not_reduce(order: Order) -> None:
    found = pretrade_violation(order, a_desk((order,), {"BTCUSDT": "30"}, halted=True))
    assert found == PreTradeViolation(code=ReasonCode.HALTED, reason="halted: only orders that reduce are sent")


def test_an_account_without_equity_may_only_reduce() -> None:
    order = an_order("1")
    ruined = replace(a_desk((order,)), account=Account(as_of=DAY, cash=D(-1)))
    assert "equity is -1.00; it must be above 0" in words(order, ruined)


def test_an_account_worth_exactly_nothing_may_only_reduce() -> None:
    order, sale = an_order("1"), an_order("1", side=Side.SELL)
    positions = {"BTCUSDT": Position(quantity=D(1), mark=D(100))}
    worthless = replace(a_desk((order,)), account=Account(as_of=DAY, cash=D(-100), positions=positions))
    assert words(order, worthless) == "not sent: equity is 0.00; it must be above 0"
    assert words(sale, replace(worthless, today=(sale,))) == ""


def test_an_account_worth_less_than_one_unit_of_money_trades() -> None:
    order = an_order("0.01")
    tiny = replace(BTC, min_quantity=D(0), min_notional=D(0))
    desk = replace(a_desk((order,)), account=Account(as_of=DAY, cash=D("0.5")), instruments={"BTCUSDT": tiny})
    assert words(order, desk) == ""


@pytest.mark.parametrize(
    ("quantity", "side", "held", "does"),
    [
        ("2", Side.SELL, "2", True),
        ("2", Side.BUY, "-2", True),
        ("0.1", Side.BUY, "0.1", False),
        ("2", Side.SELL, "1", False),
        ("2", Side.BUY, "0", False),
        ("0", Side.SELL, "2", False),
        ("0", Side.BUY, "0", False),
    ],
)
def test_only_what_brings_a_position_nearer_to_zero_reduces_it(
    quantity: str, side: Side, held: str, does: bool
) -> None:
    assert reduces(an_order(quantity, side=side), D(held)) is does


def test_an_expired_model_sends_only_what_reduces() -> None:
    order, sale = an_order("1"), an_order("1", side=Side.SELL)
    for age, may in ((None, True), (63, True), (64, False)):
        desk = replace(a_desk((order,)), model_age_bars=age)
        assert (words(order, desk) == "") is may
    assert "the model is 64 bars old, above model_max_age_bars, 63" in words(order, desk)
    assert words(sale, replace(a_desk((sale,), held={"BTCUSDT": "5"}), model_age_bars=64)) == ""
