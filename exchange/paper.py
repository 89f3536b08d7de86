"""The embedded paper broker: it holds no state, the ledger does."""

from dataclasses import dataclass, replace

from exchange.ports import BrokerReport
from strategy.account import Account
from strategy.orders import Order, OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperBroker:
    """Acknowledges every order; `strategy.execution.settle` fills it at the open of the symbol's next bar."""

    name: str = "paper"

    def submit(self, orders: tuple[Order, ...], account: Account) -> BrokerReport:  # noqa: ARG002 - paper lends freely
        """The orders as acknowledged; what was skipped stays skipped. Nothing fills before the next bar."""
        taken = tuple(
            replace(order, state=OrderState.ACKNOWLEDGED) if order.state is OrderState.INTENDED else order
            for order in orders
        )
        return BrokerReport(orders=taken, fills=())
