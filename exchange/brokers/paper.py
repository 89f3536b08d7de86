"""Embedded paper broker; it holds no state, because the ledger does."""

from dataclasses import replace
from datetime import datetime

from exchange.ports import Balances, FundingPayment, ListedOrder, OrderReport, VenueOrder, VenueTrade
from strategy.account.orders import Order, OrderState
from strategy.market.instruments import Instrument


class PaperBroker:
    """Broker that accepts every order; `strategy.account.paper_fills` fills it at the open of the next bar.

    Its clock is fixed at `now`, the instant of the run.
    """

    name = "paper"

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the instant of the run."""
        return self._now

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """Return the instruments unchanged: paper trades by the rules of the source's market."""
        return instruments

    def wait(self, seconds: float) -> None:
        """Return at once."""

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:  # noqa: ARG002 - what is sent arrives
        """Acknowledge the order; nothing fills before the next bar."""
        return OrderReport(order=replace(order, state=OrderState.ACKNOWLEDGED, code=None))

    def enquire(self, order: Order, sent_at: datetime, venue: VenueOrder | None = None) -> OrderReport:  # noqa: ARG002
        """Return the order as acknowledged: every order that the ledger has sent has arrived."""
        return OrderReport(order=replace(order, state=OrderState.ACKNOWLEDGED, code=None))

    def cancel(self, order: Order, sent_at: datetime) -> OrderReport:  # noqa: ARG002 - what was sent has arrived
        """Return the order as cancelled."""
        return OrderReport(order=replace(order, state=OrderState.CANCELLED))

    def orders_since(self, symbol: str, since: datetime) -> tuple[ListedOrder, ...]:  # noqa: ARG002 - as below
        """Return no orders: the ledger itself is the only record."""
        return ()

    def trades_since(self, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:  # noqa: ARG002 - as below
        """Return no trades: the ledger itself is the only record."""
        return ()

    def all_trades(self, symbol: str) -> tuple[VenueTrade, ...]:  # noqa: ARG002 - as below
        """Return no trades: the ledger itself is the only record."""
        return ()

    def holdings(self, symbols: tuple[str, ...], cash: str = "") -> Balances | None:  # noqa: ARG002 - whatever they are
        """Return None: the ledger itself is the only record."""
        return None

    def charges(self, since: datetime) -> tuple[FundingPayment, ...]:  # noqa: ARG002 - whenever it was
        """Return no payments: financing is part of the settlement."""
        return ()
