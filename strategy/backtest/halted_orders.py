"""Orders of a halted account: only those that reduce a position."""

from collections.abc import Sequence

from strategy.account.orders import Order
from strategy.backtest.day_loop import AccountState
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.drawdown_halt import reduced


def only_reducing(orders: Sequence[Order], state: AccountState, config: AccountConfig) -> tuple[Order, ...]:
    """Return the orders as a halted account may send them; see `reduced`."""
    return tuple(
        reduced(order, state.account.quantity(order.symbol), config.terms.instruments[order.symbol].lot)
        for order in orders
    )
