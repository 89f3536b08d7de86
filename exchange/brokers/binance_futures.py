"""Broker for Binance's USD-M futures testnet: positions on margin, long and short, in one-way mode."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from exchange.brokers.amounts import amount
from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.binance_orders import MOST_TRADES, OrderEndpoints
from exchange.brokers.binance_testnet import BinanceTestnet
from exchange.brokers.error_codes import FUTURES_NOT_TAKEN, VenueRefusal
from exchange.brokers.order_history import milliseconds
from exchange.brokers.symbol_rules import Listing, listed, read_listing, traded
from exchange.brokers.testnet_client import Wire
from exchange.brokers.testnet_session import Endpoint, TestnetSession
from exchange.ports import Balances, BrokerRefused, BrokerUnavailable, FundingPayment
from strategy.market.instruments import Instrument

#: 2,400 weight units per minute and IP address; a fifth stays free for others who share the address.
FUTURES = Endpoint(
    url="https://testnet.binancefuture.com",
    server_time=lambda client: client.futures_time(),
    weight_limit=1_920,
    not_taken=FUTURES_NOT_TAKEN,
)
_ENDPOINTS = OrderEndpoints(
    create=lambda client, wanted: client.futures_create_order(**wanted, newOrderRespType="RESULT"),
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Order
    reducing={"reduceOnly": "true"},
    find=lambda client, query: client.futures_get_order(**query),
    cancel=lambda client, named: client.futures_cancel_order(**named),
    trades=lambda client, reply: client.futures_account_trades(
        symbol=reply["symbol"],
        orderId=reply["orderId"],
        # Without a time, only the trades of the last seven days are returned.
        startTime=int(reply.get("time", reply["updateTime"])) - 1_000,
        limit=MOST_TRADES,
    ),
    # A start time and a first trade id cannot be combined.
    trades_from=lambda client, reply, first: client.futures_account_trades(
        symbol=reply["symbol"], orderId=reply["orderId"], fromId=first, limit=MOST_TRADES
    ),
    open_orders=lambda client, symbol: client.futures_get_open_orders(symbol=symbol),
    all_orders=lambda client, query: client.futures_get_all_orders(**query),
    all_trades=lambda client, query: client.futures_account_trades(**query),
    # Below seven days: https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/All-Orders
    longest_span=timedelta(days=7) - timedelta(seconds=1),
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Query-Order
    remembers=timedelta(days=90),
)
_PAGE_ROWS = 1_000
_MAX_PAGES = 100


class FuturesTestnet(BinanceTestnet):
    """Market orders on the futures testnet; each symbol's leverage is set to `leverage`."""

    name = "testnet-futures"

    def __init__(self, keys: ApiKeys, wire: Wire, *, leverage: int = 2) -> None:
        super().__init__(TestnetSession(keys, FUTURES, wire), _ENDPOINTS)
        self._leverage = leverage
        self._info: dict[str, Any] | None = None

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """Return the instruments with the venue's rules, after setting the leverage of each.

        Raises BrokerRefused, also for an account in hedge mode, and BrokerUnavailable.
        """
        if self._ask(lambda client: client.futures_get_position_mode()["dualSidePosition"]):
            raise BrokerRefused(f"{self.name} is in hedge mode; switch the account to one-way mode")
        rules = traded(instruments, self._listing, self.name, shortable=True)
        for instrument in rules:
            self._demand_leverage(instrument.symbol)
        return rules

    def holdings(self, symbols: tuple[str, ...], cash: str = "") -> Balances | None:
        """Return the wallet balance in the quote asset, and the signed positions in the listed symbols.

        Where none of them is listed, that is the balance in `cash`. Raises BrokerUnavailable, and BrokerRefused if it
        is empty then.
        """
        listings, quote = listed(symbols, self._listing, self.name, cash)
        wallet = self._ask(lambda client: _amounts(client.futures_account_balance(), "asset", "balance"))
        held, costs = self._ask(lambda client: _positions(client.futures_position_information()))
        return Balances(
            cash=wallet.get(quote, Decimal(0)),
            positions={listing.symbol: held.get(listing.symbol, Decimal(0)) for listing in listings},
            on_margin=True,
            entry_prices={listing.symbol: costs[listing.symbol] for listing in listings if costs.get(listing.symbol)},
        )

    def charges(self, since: datetime) -> tuple[FundingPayment, ...]:
        """Return the funding received and paid since then, in chronological order. Raises BrokerUnavailable."""
        start_ms = milliseconds(since)
        found: dict[str, FundingPayment] = {}
        for _ in range(_MAX_PAGES):
            query = {"incomeType": "FUNDING_FEE", "startTime": start_ms, "limit": _PAGE_ROWS}
            page = self._ask(partial(_income, query=query))
            found |= {charge.charge_id: charge for charge in page}
            if len(page) < _PAGE_ROWS:
                return tuple(sorted(found.values(), key=lambda charge: (charge.charged_at, charge.charge_id)))
            start_ms = max(milliseconds(page[-1].charged_at), start_ms + 1)
        raise BrokerUnavailable(f"{self.name}'s funding since {since:%Y-%m-%d} does not end; try again later")

    def _demand_leverage(self, symbol: str) -> None:
        try:
            self._session.ask(lambda client: client.futures_change_leverage(symbol=symbol, leverage=self._leverage))
        except VenueRefusal as refusal:
            raise BrokerRefused(
                f"{self.name} does not take a leverage of {self._leverage} for {symbol} ({refusal}); close its "
                "position there or leave the symbol out"
            ) from None

    def _listing(self, symbol: str) -> Listing:
        if self._info is None:
            self._info = self._ask(lambda client: client.futures_exchange_info())
        return read_listing(self._info, symbol, self.name)


def _income(client: Any, query: Mapping[str, Any]) -> list[FundingPayment]:
    return [_charge(charge) for charge in client.futures_income_history(**query)]


def _amounts(reply: Sequence[Mapping[str, Any]], named: str, size: str) -> dict[str, Decimal]:
    return {row[named]: amount(row[size]) for row in reply}


def _positions(reply: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the signed quantity of each symbol, and its entry price per unit, if reported."""
    priced = [position for position in reply if "entryPrice" in position]
    return _amounts(reply, "symbol", "positionAmt"), _amounts(priced, "symbol", "entryPrice")


def _charge(reply: dict[str, Any]) -> FundingPayment:
    return FundingPayment(
        # After a reset, a testnet numbers from one again.
        charge_id=f"{reply['incomeType']}-{reply['tranId']}-{reply['symbol']}-{reply['time']}",
        charged_at=datetime.fromtimestamp(int(reply["time"]) / 1000, tz=UTC),
        symbol=str(reply["symbol"]),
        cash=amount(reply["income"]),
    )
