"""Broker for Binance's spot testnet: fully paid positions, no short sales."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from exchange.brokers.amounts import amount
from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.binance_orders import MOST_TRADES, OrderEndpoints
from exchange.brokers.binance_testnet import BinanceTestnet
from exchange.brokers.error_codes import VenueRefusal
from exchange.brokers.symbol_rules import Listing, listed, read_listing, traded
from exchange.brokers.testnet_client import Wire
from exchange.brokers.testnet_session import Endpoint, TestnetSession
from exchange.ports import Balances, BrokerRefused, FundingPayment
from strategy.market.instruments import Instrument

#: 6,000 weight units per minute and IP address; a fifth stays free for others who share the address.
SPOT = Endpoint(
    url="https://testnet.binance.vision",
    server_time=lambda client: client.get_server_time(),
    weight_limit=4_800,
)
_ENDPOINTS = OrderEndpoints(
    create=lambda client, wanted: client.create_order(**wanted, newOrderRespType="RESULT"),
    # What is sold there is held: no order can go beyond it.
    reducing={},
    find=lambda client, query: client.get_order(**query),
    cancel=lambda client, named: client.cancel_order(**named),
    trades=lambda client, reply: client.get_my_trades(
        symbol=reply["symbol"], orderId=reply["orderId"], limit=MOST_TRADES
    ),
    trades_from=lambda client, reply, first: client.get_my_trades(
        symbol=reply["symbol"], orderId=reply["orderId"], fromId=first, limit=MOST_TRADES
    ),
    open_orders=lambda client, symbol: client.get_open_orders(symbol=symbol),
    all_orders=lambda client, query: client.get_all_orders(**query),
    all_trades=lambda client, query: client.get_my_trades(**query),
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints
    longest_span=timedelta(hours=24),
)


class SpotTestnet(BinanceTestnet):
    """Market orders on the spot testnet."""

    name = "testnet-spot"

    def __init__(self, keys: ApiKeys, wire: Wire) -> None:
        super().__init__(TestnetSession(keys, SPOT, wire), _ENDPOINTS)
        self._listings: dict[str, Listing] = {}

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """Return the instruments with the venue's rules; none may be sold short.

        Raises BrokerRefused, BrokerUnavailable.
        """
        return traded(instruments, self._listing, self.name, shortable=False)

    def holdings(self, symbols: tuple[str, ...], cash: str = "") -> Balances | None:
        """Return the balances, free and locked, of the quote asset and of the listed symbols' base assets.

        Where none of them is listed, that is the balance in `cash`. Raises BrokerUnavailable, and BrokerRefused if it
        is empty then.
        """
        listings, quote = listed(symbols, self._listing, self.name, cash)
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


def _balances(reply: Mapping[str, Any]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the free and the locked amounts, by asset."""
    balances = reply["balances"]
    return (
        {balance["asset"]: amount(balance["free"]) for balance in balances},
        {balance["asset"]: amount(balance["locked"]) for balance in balances},
    )
