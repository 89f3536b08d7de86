"""Explanation of an order of an account that is flattened: no signal and no size plays a part, only what is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from strategy.account.quotes import quotes_by_date
from strategy.backtest.closing_orders import closing_orders
from strategy.explain.record import Judgement, Planned
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingExplanation:
    """Every number behind the order that closes a position."""

    as_of: date
    symbol: str
    strategy: str
    planned: Planned


def closings(day: Judgement, decisions: Sequence[Decision], config: AccountConfig) -> tuple[ClosingExplanation, ...]:
    """Return the explanation of each order that closes a position, sorted by symbol.

    `decisions` are those of the flattening, `config` the terms on which it trades.
    """
    quotes = quotes_by_date(day.bars, day.as_of, day.as_of).on(day.as_of)
    account = day.state.account
    return tuple(
        ClosingExplanation(
            as_of=day.as_of,
            symbol=order.symbol,
            strategy=str(config.strategy),
            planned=Planned(
                exposure=0.0,
                equity=day.state.equity,
                mark=quotes[order.symbol].close if order.symbol in quotes else account.positions[order.symbol].mark,
                held=account.quantity(order.symbol),
                change=-account.quantity(order.symbol),
                lot=config.terms.instruments[order.symbol].lot,
                quantity=order.signed_quantity,
                reason=order.reason,
            ),
        )
        for order in closing_orders(day.state, decisions, quotes, config)
    )
