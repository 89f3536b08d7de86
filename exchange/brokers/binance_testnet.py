"""Common part of Binance's spot and futures testnets: orders, their trades, the clock."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from exchange.brokers import binance_orders, order_history
from exchange.brokers.binance_orders import OrderEndpoints
from exchange.brokers.error_codes import VenueRefusal
from exchange.brokers.testnet_session import TestnetSession
from exchange.ports import BrokerUnavailable, ListedOrder, OrderReport, VenueOrder, VenueTrade
from exchange.retries import Answer
from strategy.account.orders import Order


class BinanceTestnet:
    """Market orders at one of Binance's testnets, through its own endpoints."""

    name: str

    def __init__(self, session: TestnetSession, endpoints: OrderEndpoints) -> None:
        self._session = session
        self._endpoints = endpoints

    def now(self) -> datetime:
        """Return the venue's clock. Raises BrokerUnavailable."""
        return self._session.now()

    def wait(self, seconds: float) -> None:
        """Wait for that many seconds."""
        self._session.wait(seconds)

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:
        """Submit the order. Raises BrokerUnavailable or BrokerRefused if it was certainly not accepted."""
        return binance_orders.submit(self._session, self._endpoints, order, sent_at)

    def enquire(self, order: Order, sent_at: datetime, venue: VenueOrder | None = None) -> OrderReport:
        """Return the current state of the order. Raises BrokerUnavailable."""
        return binance_orders.enquire(self._session, self._endpoints, order, sent_at, venue)

    def cancel(self, order: Order, sent_at: datetime) -> OrderReport:
        """Cancel the rest of the order. Raises BrokerUnavailable."""
        return binance_orders.cancel(self._session, self._endpoints, order, sent_at)

    def orders_since(self, symbol: str, since: datetime) -> tuple[ListedOrder, ...]:
        """Return the open orders, and all orders since then. Raises BrokerUnavailable."""
        return order_history.orders_since(self._session, self._endpoints, symbol, since)

    def trades_since(self, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        """Return all trades of the symbol since then. Raises BrokerUnavailable."""
        return order_history.trades_since(self._session, self._endpoints, symbol, since)

    def all_trades(self, symbol: str) -> tuple[VenueTrade, ...]:
        """Return every trade of the symbol that the venue still reports. Raises BrokerUnavailable."""
        return order_history.all_trades(self._session, self._endpoints, symbol)

    def _ask(self, question: Callable[[Any], Answer]) -> Answer:
        try:
            return self._session.ask(question)
        except VenueRefusal as refusal:
            raise BrokerUnavailable(f"{self.name} does not answer ({refusal}); try again later") from None
