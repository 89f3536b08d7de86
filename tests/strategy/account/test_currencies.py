"""Prices in another currency: converted at the last rate, whose changes have an entry of their own."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import NO_COSTS, Costs, flat, without_costs
from strategy.account.orders import Order, Side
from strategy.account.quotes import Quote
from strategy.account.settlement import settle
from strategy.account.state import Account, Entry, EntryKind, Position
from strategy.account.trading_terms import TradingTerms
from strategy.exit_codes import Exit, UsageError
from strategy.market.currencies import Currencies, FxMissing, FxSeries, pair_named
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms
from strategy.market.instruments import Calendar, Instrument

D = Decimal
MONDAY, TUESDAY, WEDNESDAY = date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)
SAP = Instrument(symbol="SAP", calendar=Calendar.WEEKDAYS, currency="EUR")
SPY = Instrument(symbol="SPY", calendar=Calendar.XNYS, currency="USD")
EURO = FxSeries(pair="EURUSD", dates=(MONDAY, TUESDAY, WEDNESDAY), rates=(D("1.10"), D("1.12"), D("1.11")))
DOLLARS = Currencies(base="USD", fx={"EUR": EURO})
COSTS = Costs(financing=flat(D(0)), currencies=DOLLARS)
TERMS = TradingTerms(account="test", instruments={"SAP": SAP, "SPY": SPY}, costs=COSTS)
#: 4,500 dollars and 50 shares at 100 euros of 1.10 dollars: 10,000 dollars.
HELD = Account(as_of=MONDAY, cash=D(4500), positions={"SAP": Position(quantity=D(50), mark=D(100), fx_rate=D("1.10"))})


def bought() -> Order:
    return Order(order_id="o1", symbol="SAP", as_of=MONDAY, side=Side.BUY, quantity=D(10))


def test_two_days_of_a_share_in_euros() -> None:
    """The worked example of docs/method.md."""
    assert HELD.equity == D(10_000)
    day = settle(HELD, [bought()], {"SAP": Quote(open=D(101), close=D(102))}, TUESDAY, TERMS)
    (fill,) = day.fills
    assert (fill.price, fill.fx_rate) == (D("101.0101"), D("1.12"))
    # 10 · 101.0101 · 1.12; and 1 basis point of fee and 2 of conversion on 1,010 euros.
    assert (fill.paid, fill.fee) == (D("1131.31312"), D("0.33936"))
    assert day.account.cash == D("3368.34752")
    # 60 · 102 · 1.12 beside the cash.
    assert day.account.equity == D("10222.74752")
    # 50 · 100 · (1.12 − 1.10); the rest is price profit at 1.12: 50 · 2 and 10 · 1 euros, less 0.45248 of costs.
    assert day.entries == (
        Entry(as_of=TUESDAY, kind=EntryKind.FX, symbol="SAP", cash=D(0), quantity=D(0), profit=D(100)),
    )
    assert day.account.equity - HELD.equity == D(100) + D("1.12") * (50 * 2 + 10 * 1) - D("0.11312") - D("0.33936")
    closed = settle(day.account, [], {}, WEDNESDAY, TERMS)
    # A holiday in Frankfurt: 60 · 102 · (1.11 − 1.12).
    assert [entry.profit for entry in closed.entries] == [D("-61.2")]
    assert closed.account.equity == D("10161.54752")
    position = closed.account.positions["SAP"]
    assert (position.mark, position.marked_on, position.fx_rate) == (D(102), TUESDAY, D("1.11"))


def test_a_short_position_loses_what_the_currency_gains() -> None:
    short = replace(HELD, positions={"SAP": Position(quantity=D(-50), mark=D(100), fx_rate=D("1.10"))})
    day = settle(short, [], {"SAP": Quote(open=D(101), close=D(102))}, TUESDAY, TERMS)
    assert [entry.profit for entry in day.entries if entry.kind is EntryKind.FX] == [D(-100)]
    assert day.account.equity - short.equity == D(-100) - D("1.12") * 100


def test_a_sale_converts_at_the_rate_of_its_day_and_still_has_its_fx_profit() -> None:
    sold = Order(order_id="o1", symbol="SAP", as_of=MONDAY, side=Side.SELL, quantity=D(50))
    free = replace(TERMS, costs=without_costs(COSTS))
    day = settle(HELD, [sold], {"SAP": Quote(open=D(101), close=D(102))}, TUESDAY, free)
    assert day.account.positions == {}
    assert [entry.profit for entry in day.entries] == [D(100)]
    assert day.account.equity - HELD.equity == D(100) + D("1.12") * 50 == D(156)


def test_a_delisted_position_is_closed_at_its_last_mark_and_the_rate_of_the_day() -> None:
    gone = replace(SAP, listed_to=MONDAY)
    terms = replace(TERMS, instruments={"SAP": gone})
    day = settle(HELD, [], {}, TUESDAY, terms)
    (fill,) = day.fills
    # 3 basis points of 5,000 euros at 1.12.
    assert (fill.price, fill.fx_rate, fill.fee) == (D(100), D("1.12"), D("1.68"))
    assert day.account.cash == D(4500) + D(5600) - D("1.68")


def test_the_accounts_own_currency_costs_no_conversion_and_has_no_entry() -> None:
    order = Order(order_id="o1", symbol="SPY", as_of=MONDAY, side=Side.BUY, quantity=D(10))
    account = Account(as_of=MONDAY, cash=D(10_000))
    quotes = {"SPY": Quote(open=D(100), close=D(110))}
    plain = replace(TERMS, costs=Costs(financing=flat(D(0))))
    assert settle(account, [order], quotes, TUESDAY, TERMS) == settle(account, [order], quotes, TUESDAY, plain)


def test_fees_in_money_are_in_the_currency_of_the_prices() -> None:
    stated = InstrumentTable(symbols={"SAP": InstrumentTerms(min_fee=D(5), fx_bps=D(10))})
    terms = replace(TERMS, costs=replace(COSTS, instruments=stated))
    # 5 euros, and 10 basis points of 1,000 euros.
    assert terms.fee_of("SAP", D(10), D(1000), TUESDAY) == (D(5) + D(1)) * D("1.12")
    assert replace(terms, costs=without_costs(terms.costs)).fee_of("SAP", D(10), D(1000), TUESDAY) == D(0)
    assert NO_COSTS.conversion(SAP) == 0


def test_foreign_prices_need_the_exact_account() -> None:
    assert not COSTS.compiled([SPY, SAP])
    assert COSTS.compiled([SPY])


def test_a_currency_without_bars_and_a_rate_that_is_too_old_are_refused() -> None:
    lacking = Currencies(base="USD")
    with pytest.raises(FxMissing, match="prices of SAP are in EUR and the account is in USD, and no bars of EURUSD"):
        lacking.rate(SAP, MONDAY)
    with pytest.raises(
        FxMissing, match="EURUSD has no bar between 2020-01-08 and 2020-01-19, and a rate stands for 10"
    ):
        EURO.at(date(2020, 1, 19))
    assert EURO.at(date(2020, 1, 18)) == D("1.11")
    with pytest.raises(FxMissing, match="begin on 2020-01-06, and 2020-01-05 needs a rate"):
        EURO.at(date(2020, 1, 5))
    assert FxMissing.exit_code is Exit.DATA


def test_a_pair_converts_in_the_direction_of_its_name() -> None:
    assert [pair_named(name, "JPY", "USD").inverse for name in ("JPYUSD", "USDJPY", "USD/JPY", "JPY=X")] == [
        *(False, True, True, True)
    ]
    with pytest.raises(UsageError, match=r'the pair EURGBP does not convert EUR into USD; .* EUR = "EURUSD"'):
        pair_named("EURGBP", "EUR", "USD")
