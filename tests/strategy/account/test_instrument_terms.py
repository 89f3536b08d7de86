"""Stated fees in the account's fills, with digits worked by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import NO_COSTS, Costs
from strategy.account.orders import Order, Side
from strategy.account.paper_fills import fill_at_open
from strategy.account.quotes import Quote
from strategy.account.trading_terms import TradingTerms
from strategy.market.instrument_terms import InstrumentTable, InstrumentTerms, SymbolClass
from strategy.market.instruments import Calendar, Instrument

SHARE = Instrument(symbol="SPY", calendar=Calendar.XNYS, lot=Decimal(1))
DAY = date(2020, 1, 3)


def fee(costs: Costs, quantity: str, *, factor: str = "1") -> Decimal:
    """The fee of a buy at an open of 300, with no slippage."""
    order = Order(order_id="a", symbol="SPY", as_of=date(2020, 1, 2), side=Side.BUY, quantity=Decimal(quantity))
    quotes = {"SPY": Quote(open=Decimal(300), close=Decimal(301), factor_change=Decimal(factor))}
    terms = TradingTerms(account="a", instruments={"SPY": SHARE}, costs=costs)
    _, fill = fill_at_open(order, quotes, DAY, terms)
    assert fill is not None
    return fill.fee


def stated(**terms: str) -> Costs:
    table = InstrumentTable(symbols={"SPY": InstrumentTerms(**{name: Decimal(value) for name, value in terms.items()})})
    return Costs(instruments=table, slippage_bps=Decimal(0))


def test_a_fee_per_share_and_its_minimum() -> None:
    costs = stated(per_share="0.005", min_fee="1")
    # 100 × 0.005 = 0.50, below the minimum of 1; 600 × 0.005 = 3.
    assert fee(costs, "100") == Decimal("1")
    assert fee(costs, "600") == Decimal("3")
    # A split of two for one since the decision: 1,200 shares are bought.
    assert fee(costs, "600", factor="2") == Decimal("6")


def test_proportional_and_per_share_fees_add_up() -> None:
    # 600 × 300 × 0.0002 + 600 × 0.005 = 36 + 3.
    assert fee(stated(per_share="0.005", fee_bps="2"), "600") == Decimal("39")


def test_a_minimum_alone_stays_above_the_default_of_the_class() -> None:
    # 1 basis point of 600 × 300 is 18, of 10 × 300 it is 0.30.
    costs = stated(min_fee="1")
    assert (fee(costs, "600"), fee(costs, "10")) == (Decimal("18"), Decimal("1"))


def test_twice_the_cost_doubles_every_fee() -> None:
    costs = replace(stated(per_share="0.005", min_fee="1"), multiplier=Decimal(2))
    assert (fee(costs, "100"), fee(costs, "600")) == (Decimal("2"), Decimal("6"))


def test_a_given_fee_replaces_every_stated_one() -> None:
    costs = stated(per_share="0.005", min_fee="1")
    assert fee(replace(costs, fee_bps=Decimal(0)), "100") == 0
    assert fee(replace(NO_COSTS, instruments=costs.instruments), "100") == 0


def test_the_class_holds_where_the_symbol_states_nothing() -> None:
    table = InstrumentTable(classes={SymbolClass.OTHER: InstrumentTerms(fee_bps=Decimal(3))})
    assert Costs(instruments=table).fee(SHARE) == Decimal("0.0003")
    coin = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)
    assert Costs(instruments=table).fee(coin) == Decimal("0.001")


def test_the_compiled_account_has_all_but_lots_and_minimum_fees() -> None:
    assert stated(fee_bps="2", per_share="0.005", impact="1").compiled([SHARE])
    for terms in ({"lot": "1"}, {"min_fee": "1"}):
        assert not stated(**terms).compiled([SHARE])
    # What is proportional; the fee per share replaces the default of the class.
    assert stated(per_share="0.005", half_spread_bps="3").fraction(SHARE) == 0.0
    assert Costs(instruments=stated(fee_bps="2", half_spread_bps="3").instruments).fraction(SHARE) == 0.0005


@pytest.mark.parametrize(("name", "value"), [("lot", "0"), ("tick", "-1"), ("min_fee", "-0.01"), ("per_share", "NaN")])
def test_terms_outside_their_limits_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is"):
        stated(**{name: value})
