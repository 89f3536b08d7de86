from decimal import Decimal

import pytest

from strategy.account.fees_and_slippage import NO_COSTS, Costs
from strategy.market.instruments import Calendar, Instrument

D = Decimal
SPY = Instrument(symbol="SPY", calendar=Calendar.XNYS)
BTC = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)


def test_crypto_costs_fifteen_basis_points_and_the_rest_two() -> None:
    assert (Costs().fee(BTC), Costs().slippage(BTC)) == (D("0.0010"), D("0.0005"))
    assert (Costs().fee(SPY), Costs().slippage(SPY)) == (D("0.0001"), D("0.0001"))


def test_a_stated_cost_replaces_the_default_of_either_class() -> None:
    costs = Costs(fee_bps=D(7), slippage_bps=D(3))
    for instrument in (SPY, BTC):
        assert (costs.fee(instrument), costs.slippage(instrument)) == (D("0.0007"), D("0.0003"))


def test_the_multiplier_scales_fee_and_slippage_alone() -> None:
    doubled = Costs(multiplier=D(2))
    assert (doubled.fee(SPY), doubled.slippage(SPY)) == (D("0.0002"), D("0.0002"))
    assert doubled.financing == Costs().financing


def test_no_costs_are_none_at_all() -> None:
    assert (NO_COSTS.fee(BTC), NO_COSTS.slippage(BTC), NO_COSTS.financing.flat_rate) == (0, 0, 0)


def test_costs_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="fee_bps is -1; it must be at least 0"):
        Costs(fee_bps=D(-1))
    assert Costs(fee_bps=D(0)).fee(SPY) == 0
