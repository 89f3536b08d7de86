from dataclasses import replace
from datetime import date
from decimal import Decimal

from strategy.account.fees_and_slippage import Costs
from strategy.account.orders import Order, OrderState, ReasonCode, Side
from strategy.account.state import Account, Position
from strategy.account.trading_terms import TradingTerms
from strategy.backtest.day_loop import AccountState
from strategy.backtest.halted_orders import only_reducing
from strategy.builtin.registry import RULES
from strategy.market.instruments import Calendar, Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams

D = Decimal
DAY = date(2020, 1, 6)


def an_order(symbol: str, side: Side, quantity: str) -> Order:
    return Order(order_id=symbol, symbol=symbol, as_of=DAY, side=side, quantity=D(quantity))


def test_each_order_of_a_halted_account_is_cut_by_its_own_position_and_lot() -> None:
    lots = {"A": D(1), "B": D("0.1"), "C": D(1)}
    instruments = {symbol: Instrument(symbol=symbol, calendar=Calendar.ALWAYS, lot=lot) for symbol, lot in lots.items()}
    mandate = AccountConfig(
        strategy=RULES,
        symbols=("A", "B", "C"),
        sizing=SizingParams(),
        limits=RiskLimits(),
        terms=TradingTerms(account="a", instruments=instruments, costs=Costs()),
    )
    positions = {"A": Position(quantity=D("10.5"), mark=D(1)), "B": Position(quantity=D("-2.55"), mark=D(1))}
    account = Account(as_of=DAY, cash=D(100), positions=positions)
    standing = AccountState(account=account, open_orders=(), unit_values=(D(100),))
    orders = [an_order("A", Side.SELL, "14"), an_order("B", Side.BUY, "3"), an_order("C", Side.BUY, "1")]
    cut, skipped = "halted: cut to what closes the position", "halted: only orders that reduce are sent"
    assert only_reducing(orders, standing, mandate) == (
        replace(orders[0], quantity=D(10), reason=cut, cut_by_halt=True),
        replace(orders[1], quantity=D("2.5"), reason=cut, cut_by_halt=True),
        replace(orders[2], state=OrderState.SKIPPED, reason=skipped, code=ReasonCode.HALTED),
    )
