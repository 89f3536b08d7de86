"""The embedded paper broker: it holds no state, the ledger does."""

from dataclasses import replace
from datetime import datetime

from exchange.ports import Balances, FundingPayment, ListedOrder, OrderReport, VenueOrder, VenueTrade
from strategy.account.orders import Order, OrderState
from strategy.market.instruments import Instrument


class PaperBroker:
    """Takes every order; `strategy.account.settlement.settle` fills it at the open of the symbol's next bar.

    Its clock stands at `now`, the instant of the run.
    """

    name = "paper"

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant of the run."""
        return self._now

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """The instruments as they are: paper trades by the rules of the source's market."""
        return instruments

    def wait(self, seconds: float) -> None:
        """None, at once."""

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:  # noqa: ARG002 - what is sent arrives
        """The order, acknowledged. Nothing fills before the next bar."""
        return OrderReport(order=replace(order, state=OrderState.ACKNOWLEDGED, code=None))

    def enquire(self, order: Order, sent_at: datetime, venue: VenueOrder | None = None) -> OrderReport:  # noqa: ARG002
        """The order, acknowledged: what the ledger says was sent is here."""
        return OrderReport(order=replace(order, state=OrderState.ACKNOWLEDGED, code=None))

    def cancel(self, order: Order, sent_at: datetime) -> OrderReport:  # noqa: ARG002 - what was sent has arrived
        """The order, cancelled."""
        return OrderReport(order=replace(order, state=OrderState.CANCELLED))

    def orders_since(self, symbol: str, since: datetime) -> tuple[ListedOrder, ...]:  # noqa: ARG002 - as below
        """Return none: the ledger itself is the book."""
        return ()

    def trades_since(self, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:  # noqa: ARG002 - as below
        """Return none: the ledger itself is the book."""
        return ()

    def all_trades(self, symbol: str) -> tuple[VenueTrade, ...]:  # noqa: ARG002 - as below
        """Return none: the ledger itself is the book."""
        return ()

    def holdings(self, symbols: tuple[str, ...]) -> Balances | None:  # noqa: ARG002 - whatever they are
        """None: the ledger itself is the book."""
        return None

    def charges(self, since: datetime) -> tuple[FundingPayment, ...]:  # noqa: ARG002 - whenever it was
        """None at all: financing is part of the settlement."""
        return ()
