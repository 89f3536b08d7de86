"""Orders that close the positions of an account that is flattened."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from strategy.account.orders import Order, Target, client_order_id, plan_order
from strategy.account.quotes import Quote
from strategy.backtest.day_loop import AccountState
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import Decision
from strategy.portfolio.rebalancing import Rebalance


def closing_orders(
    state: AccountState, decisions: Sequence[Decision], quotes: Mapping[str, Quote], config: AccountConfig
) -> tuple[Order, ...]:
    """Return the orders that close the positions, one for each that is held and can be sold, sorted by symbol.

    A symbol without a bar of the day is closed too, measured at its last mark. What is below the market's least order
    gives a SKIPPED order, as in `plan_order`; a position above its largest order takes several days.
    """
    orders = []
    for decision in decisions:
        position = state.account.positions.get(decision.symbol)
        if position is None or decision.rebalance is not Rebalance.FLATTEN or decision.exposure is None:
            continue
        terms = config.terms
        target = Target(
            instrument=terms.instruments[decision.symbol],
            exposure=Decimal(0),
            mark=quotes[decision.symbol].close if decision.symbol in quotes else position.mark,
            held=position.quantity,
        )
        order_id = client_order_id(terms.series or terms.account, config.strategy.name, decision.symbol, decision.as_of)
        order = plan_order(target, state.equity, decision.as_of, order_id)
        if order is not None:
            orders.append(replace(order, reduce_only=True))
    return tuple(orders)
