from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import NO_COSTS
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.account.quotes import Quote
from strategy.account.settlement import settle
from strategy.account.state import Account
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Calendar, Instrument

D = Decimal
SPY = Instrument(symbol="SPY", calendar=Calendar.XNYS)
FREE = TradingTerms(account="test", instruments={"SPY": SPY}, costs=NO_COSTS)
MONDAY, TUESDAY = date(2020, 1, 6), date(2020, 1, 7)


def order(symbol: str, side: Side, quantity: str) -> Order:
    return Order(order_id="o1", symbol=symbol, as_of=MONDAY, side=side, quantity=D(quantity))


def account(cash: str) -> Account:
    return Account(as_of=MONDAY, cash=D(cash))


def test_a_bar_takes_a_tenth_of_its_volume_in_whole_lots_and_the_rest_is_cancelled() -> None:
    lots = TradingTerms(account="test", instruments={"SPY": replace(SPY, lot=D(2))}, costs=NO_COSTS)
    quotes = {"SPY": Quote(open=D(100), close=D(100), volume=75.0)}
    cut = replace(order("SPY", Side.BUY, "50"), cut_by_halt=True)
    result = settle(account("10000"), [cut], quotes, TUESDAY, lots)
    (fill,) = result.fills
    assert (fill.quantity, fill.as_of) == (6, TUESDAY)
    assert result.account.quantity("SPY") == 6
    assert (result.orders[0].state, result.orders[0].code) == (OrderState.CANCELLED, ReasonCode.VOLUME)
    assert result.orders[0].cut_by_halt
    assert result.orders[0].reason.startswith("filled 6 of 50, 10% of")


def test_a_bar_without_room_for_one_lot_fills_nothing() -> None:
    lots = TradingTerms(account="test", instruments={"SPY": replace(SPY, lot=D(1))}, costs=NO_COSTS)
    quotes = {"SPY": Quote(open=D(100), close=D(100), volume=9.0)}
    result = settle(account("10000"), [order("SPY", Side.BUY, "50")], quotes, TUESDAY, lots)
    assert result.fills == ()
    assert result.account.cash == 10000
    assert result.orders[0].state is OrderState.CANCELLED


def test_a_bar_takes_the_whole_of_an_order_that_is_a_tenth_of_its_volume() -> None:
    """After a split an order need not be whole lots."""
    lots = TradingTerms(account="test", instruments={"SPY": replace(SPY, lot=D(1))}, costs=NO_COSTS)
    quotes = {"SPY": Quote(open=D(100), close=D(100), volume=5.0)}
    assert settle(account("100"), [order("SPY", Side.BUY, "0.5")], quotes, TUESDAY, lots).fills[0].quantity == D("0.5")


@pytest.mark.parametrize("volume", [None, 500.0, 1e12])
def test_a_bar_with_room_or_of_unknown_volume_fills_the_whole_order(volume: float | None) -> None:
    quotes = {"SPY": Quote(open=D(100), close=D(100), volume=volume)}
    result = settle(account("10000"), [order("SPY", Side.BUY, "50")], quotes, TUESDAY, FREE)
    assert result.fills[0].quantity == 50
    assert result.orders[0].state is OrderState.FILLED
