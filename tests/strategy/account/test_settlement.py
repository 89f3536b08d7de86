from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import NO_COSTS, Costs
from strategy.account.orders import Fill, Order, OrderState, ReasonCode, Side, client_order_id
from strategy.account.quotes import Quote
from strategy.account.settlement import settle
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.account.trading_terms import TradingTerms
from strategy.market.instruments import Calendar, Instrument

D = Decimal
SPY = Instrument(symbol="SPY", calendar=Calendar.XNYS)
BTC = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)
TERMS = TradingTerms(account="test", instruments={"SPY": SPY, "BTCUSDT": BTC}, costs=Costs())
FREE = TradingTerms(account="test", instruments={"SPY": SPY, "BTCUSDT": BTC}, costs=NO_COSTS)
MONDAY, TUESDAY = date(2020, 1, 6), date(2020, 1, 7)


def order(symbol: str, side: Side, quantity: str) -> Order:
    return Order(order_id="o1", symbol=symbol, as_of=MONDAY, side=side, quantity=D(quantity))


def account(cash: str, **held: tuple[str, str]) -> Account:
    positions = {symbol: Position(quantity=D(quantity), mark=D(mark)) for symbol, (quantity, mark) in held.items()}
    return Account(as_of=MONDAY, cash=D(cash), positions=positions)


def test_a_buy_fills_at_the_open_with_slippage_and_fee() -> None:
    quotes = {"SPY": Quote(open=D(100), close=D(110))}
    result = settle(account("10000"), [order("SPY", Side.BUY, "50")], quotes, TUESDAY, TERMS)
    (fill,) = result.fills
    assert (fill.price, fill.fee) == (D("100.01"), D("0.5"))
    # 10000 − 50·100.01 − 0.5 in cash, 50 units marked at 110: the cost is 2 bps of 5000.
    assert result.account.cash == D("4999")
    assert result.account.equity == D("10499")
    assert result.orders[0].state is OrderState.FILLED


def test_a_settled_day_is_told_whole() -> None:
    reason = "halted: cut to what closes the position"
    asked = replace(order("SPY", Side.SELL, "50"), reason=reason, cut_by_halt=True, mark=D(95))
    result = settle(account("0", SPY=("60", "90")), [asked], {"SPY": Quote(open=D(100), close=D(110))}, TUESDAY, TERMS)
    assert result.fills == (
        Fill(
            order_id="o1",
            trade_id="1",
            symbol="SPY",
            as_of=TUESDAY,
            side=Side.SELL,
            quantity=D(50),
            price=D("99.99"),
            fee=D("0.5"),
        ),
    )
    assert result.orders == (replace(asked, state=OrderState.FILLED),)
    assert result.orders[0].mark == D(95)
    positions = {"SPY": Position(quantity=D(10), mark=D(110), marked_on=TUESDAY)}
    assert result.account == Account(as_of=TUESDAY, cash=D(4999), positions=positions)
    assert result.entries == ()


def test_financing_is_an_entry_of_the_whole_account() -> None:
    result = settle(account("-5000", SPY=("150", "100")), [], {}, TUESDAY, TERMS)
    paid = D("0.684931506849")
    assert result.entries == (Entry(as_of=TUESDAY, kind=EntryKind.FINANCING, symbol="", cash=-paid, quantity=D(0)),)
    assert result.account.cash == D(-5000) - paid


def test_crypto_costs_fifteen_basis_points() -> None:
    quotes = {"BTCUSDT": Quote(open=D(10000), close=D(10000))}
    result = settle(account("10000"), [order("BTCUSDT", Side.SELL, "1")], quotes, TUESDAY, TERMS)
    assert D(10000) - result.account.equity == D("15")


def test_twice_the_cost_is_twice_the_cost() -> None:
    quotes = {"SPY": Quote(open=D(100), close=D(100))}
    lost = []
    for multiplier in (1, 2):
        terms = TradingTerms(account="test", instruments=TERMS.instruments, costs=Costs(multiplier=D(multiplier)))
        after = settle(account("10000"), [order("SPY", Side.BUY, "50")], quotes, TUESDAY, terms).account
        lost.append(D(10000) - after.equity)
    assert lost == [D("1.0"), D("2.0")]


def test_a_symbol_without_a_session_keeps_position_mark_and_open_order() -> None:
    held = account("0", SPY=("10", "100"))
    result = settle(held, [order("SPY", Side.SELL, "10")], {"BTCUSDT": Quote(open=D(1), close=D(1))}, TUESDAY, FREE)
    assert result.account.positions == held.positions
    assert result.orders[0].state is OrderState.INTENDED
    assert result.fills == ()


def test_a_split_multiplies_position_and_open_order_and_keeps_equity() -> None:
    """Two for one is the commonest of all."""
    halved = {"SPY": Quote(open=D(50), close=D(50), factor_change=D(2))}
    assert settle(account("0", SPY=("10", "100")), [], halved, TUESDAY, FREE).account.quantity("SPY") == 20
    quotes = {"SPY": Quote(open=D(25), close=D(25), factor_change=D(4))}
    result = settle(account("0", SPY=("10", "100")), [order("SPY", Side.SELL, "5")], quotes, TUESDAY, FREE)
    assert result.account.quantity("SPY") == 20
    assert result.account.equity == 1000
    assert result.entries == (Entry(as_of=TUESDAY, kind=EntryKind.FACTOR, symbol="SPY", cash=D(0), quantity=D(30)),)


def test_a_delisted_symbol_is_closed_at_its_last_mark_and_its_order_cancelled() -> None:
    gone = Instrument(symbol="SPY", calendar=Calendar.XNYS, listed_to=MONDAY)
    terms = TradingTerms(account="test", instruments={"SPY": gone}, costs=NO_COSTS)
    result = settle(account("0", SPY=("10", "100")), [order("SPY", Side.BUY, "1")], {}, TUESDAY, terms)
    assert result.account.cash == 1000
    assert dict(result.account.positions) == {}
    assert (result.orders[0].state, result.orders[0].reason) == (OrderState.CANCELLED, "delisted")
    assert result.orders[0].code is ReasonCode.DELISTED


@pytest.mark.parametrize(("held", "side"), [("0.5", Side.SELL), ("-0.5", Side.BUY)])
def test_a_closure_is_a_trade_of_its_own_at_the_last_mark_with_its_fee(held: str, side: Side) -> None:
    gone = TradingTerms(account="test", instruments={"SPY": replace(SPY, listed_to=MONDAY)}, costs=Costs())
    result = settle(account("100", SPY=(held, "100")), [], {}, TUESDAY, gone)
    assert result.fills == (
        Fill(
            order_id=client_order_id("test", "delisted", "SPY", TUESDAY),
            trade_id="1",
            symbol="SPY",
            as_of=TUESDAY,
            side=side,
            quantity=D("0.5"),
            price=D(100),
            fee=D("0.005"),
        ),
    )


def test_delisted_symbols_with_a_stated_price_are_paid_out_without_a_fee_in_the_order_of_their_names() -> None:
    gone = {
        "SPY": replace(SPY, listed_to=TUESDAY, last_price=D(95)),
        "ABC": replace(SPY, symbol="ABC", listed_to=TUESDAY, last_price=D(0)),
    }
    terms = TradingTerms(account="test", instruments={**gone, "BTCUSDT": BTC}, costs=Costs())
    held = account("1000", SPY=("-2", "100"), ABC=("3", "10"), BTCUSDT=("1", "50"))
    result = settle(held, [order("SPY", Side.BUY, "1")], {}, TUESDAY, terms)
    assert result.fills == ()
    financing = result.entries[0]
    assert financing.kind is EntryKind.FINANCING
    assert result.entries[1:] == (
        Entry(as_of=TUESDAY, kind=EntryKind.DELISTING, symbol="ABC", cash=D(0), quantity=D(-3)),
        Entry(as_of=TUESDAY, kind=EntryKind.DELISTING, symbol="SPY", cash=D(-190), quantity=D(2)),
    )
    assert (result.account.cash, dict(result.account.positions)) == (
        810 + financing.cash,
        {"BTCUSDT": held.positions["BTCUSDT"]},
    )
    assert (result.orders[0].state, result.orders[0].code) == (OrderState.CANCELLED, ReasonCode.DELISTED)


def test_a_symbol_trades_to_the_end_of_its_last_session() -> None:
    last = TradingTerms(account="test", instruments={"SPY": replace(SPY, listed_to=TUESDAY)}, costs=NO_COSTS)
    result = settle(account("0", SPY=("10", "100")), [order("SPY", Side.BUY, "1")], {}, TUESDAY, last)
    assert (result.fills, result.account.quantity("SPY")) == ((), 10)
    assert result.orders[0].state is OrderState.INTENDED


def test_a_day_is_settled_once() -> None:
    with pytest.raises(ValueError, match="2020-01-06 cannot be settled: the account is already at 2020-01-06"):
        settle(account("1"), [], {}, MONDAY, TERMS)
