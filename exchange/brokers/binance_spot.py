"""Broker for Binance's spot testnet: fully paid positions, no short sales."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from exchange.brokers import binance_orders
from exchange.brokers import order_history as binance_history
from exchange.brokers.amounts import amount
from exchange.brokers.binance_orders import MOST_TRADES, OrderEndpoints
from exchange.brokers.error_codes import VenueRefusal
from exchange.brokers.symbol_rules import Listing, demand_trading, listed, one_quote, read_listing
from exchange.brokers.testnet_client import ApiKeys, Wire
from exchange.brokers.testnet_session import Endpoint, TestnetSession
from exchange.ports import (
    Balances,
    BrokerRefused,
    BrokerUnavailable,
    FundingPayment,
    ListedOrder,
    OrderReport,
    VenueOrder,
    VenueTrade,
)
from exchange.retries import Answer
from strategy.account.orders import Order
from strategy.market.instruments import Instrument

#: 6,000 weight units per minute and IP address; a fifth stays free for others who share the address.
SPOT = Endpoint(
    url="https://testnet.binance.vision",
    server_time=lambda client: client.get_server_time(),
    weight_limit=4_800,
)
_DESK = OrderEndpoints(
    create=lambda client, wanted: client.create_order(**wanted, newOrderRespType="RESULT"),
    find=lambda client, asked: client.get_order(**asked),
    cancel=lambda client, named: client.cancel_order(**named),
    trades=lambda client, told: client.get_my_trades(symbol=told["symbol"], orderId=told["orderId"], limit=MOST_TRADES),
    trades_from=lambda client, told, first: client.get_my_trades(
        symbol=told["symbol"], orderId=told["orderId"], fromId=first, limit=MOST_TRADES
    ),
    open_orders=lambda client, symbol: client.get_open_orders(symbol=symbol),
    all_orders=lambda client, asked: client.get_all_orders(**asked),
    all_trades=lambda client, asked: client.get_my_trades(**asked),
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints
    longest_span=timedelta(hours=24),
)


class SpotTestnet:
    """Market orders on the spot testnet."""

    name = "testnet-spot"

    def __init__(self, keys: ApiKeys, wire: Wire) -> None:
        self._session = TestnetSession(keys, SPOT, wire)
        self._listings: dict[str, Listing] = {}

    def now(self) -> datetime:
        """Return the venue's clock. Raises BrokerUnavailable."""
        return self._session.now()

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """Return the instruments with the venue's rules; none may be sold short.

        Raises BrokerRefused, BrokerUnavailable.
        """
        listings = [self._listing(instrument.symbol) for instrument in instruments]
        one_quote(listings)
        for listing in listings:
            demand_trading(listing, self.name)
        return tuple(
            self._listing(instrument.symbol).applied_to(instrument, shortable=False) for instrument in instruments
        )

    def wait(self, seconds: float) -> None:
        """Wait for that many seconds."""
        self._session.wait(seconds)

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:
        """Submit the order. Raises BrokerUnavailable or BrokerRefused if it was certainly not accepted."""
        return binance_orders.submit(self._session, _DESK, order, sent_at)

    def enquire(self, order: Order, sent_at: datetime, venue: VenueOrder | None = None) -> OrderReport:
        """Return the current state of the order. Raises BrokerUnavailable."""
        return binance_orders.enquire(self._session, _DESK, order, sent_at, venue)

    def cancel(self, order: Order, sent_at: datetime) -> OrderReport:
        """Cancel the rest of the order. Raises BrokerUnavailable."""
        return binance_orders.cancel(self._session, _DESK, order, sent_at)

    def orders_since(self, symbol: str, since: datetime) -> tuple[ListedOrder, ...]:
        """Return the open orders, and all orders since then. Raises BrokerUnavailable."""
        return binance_history.orders_since(self._session, _DESK, symbol, since)

    def trades_since(self, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        """Return all trades of the symbol since then. Raises BrokerUnavailable."""
        return binance_history.trades_since(self._session, _DESK, symbol, since)

    def all_trades(self, symbol: str) -> tuple[VenueTrade, ...]:
        """Return every trade of the symbol that the venue still reports. Raises BrokerUnavailable."""
        return binance_history.all_trades(self._session, _DESK, symbol)

    def holdings(self, symbols: tuple[str, ...]) -> Balances | None:
        """Return the balances, free and locked, of the quote asset and of the listed symbols' base assets.

        Raises BrokerUnavailable, and BrokerRefused if none of the symbols is listed.
        """
        listings = listed(symbols, self._listing, self.name)
        quote = one_quote(listings)
        free, locked = self._ask(lambda client: _balances(client.get_account(omitZeroBalances="true")))
        held = {asset: amount + locked[asset] for asset, amount in free.items()}
        return Balances(
            cash=held.get(quote, Decimal(0)),
            positions={listing.symbol: held.get(listing.base, Decimal(0)) for listing in listings},
            locked=locked.get(quote, Decimal(0)),
        )

    def charges(self, since: datetime) -> tuple[FundingPayment, ...]:  # noqa: ARG002 - there are none, whenever it was
        """Return no payments: there is no funding on spot."""
        return ()

    def _listing(self, symbol: str) -> Listing:
        if symbol not in self._listings:
            # The library's own get_exchange_info takes no symbol and would fetch all symbols.
            try:
                info = self._session.ask(lambda client: client._get("exchangeInfo", data={"symbol": symbol}))
            except VenueRefusal as refusal:
                raise BrokerRefused(f"{self.name} does not trade {symbol} ({refusal}); name another") from None
            self._listings[symbol] = read_listing(info, symbol, self.name)
        return self._listings[symbol]

    def _ask(self, question: Callable[[Any], Answer]) -> Answer:
        try:
            return self._session.ask(question)
        except VenueRefusal as refusal:
            raise BrokerUnavailable(f"{self.name} does not tell what it holds ({refusal}); try again later") from None


def _balances(told: Mapping[str, Any]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the free and the locked amounts, by asset."""
    balances = told["balances"]
    return (
        {balance["asset"]: amount(balance["free"]) for balance in balances},
        {balance["asset"]: amount(balance["locked"]) for balance in balances},
    )
