"""What `exchangeInfo` says of a symbol: its assets, and the least and most of a market order.

Market orders are bound by LOT_SIZE, MARKET_LOT_SIZE and NOTIONAL or MIN_NOTIONAL; PRICE_FILTER and the PERCENT_PRICE
filters bind orders that name a price, and MAX_NUM_ORDERS those that stay open.
https://github.com/binance/binance-spot-api-docs/blob/master/filters.md
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from exchange.ports import BrokerRefused, BrokerUnavailable
from strategy.instruments import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One symbol at a venue. Sizes are in units of the base asset, `min_notional` in the quote asset."""

    symbol: str
    base: str
    quote: str
    lot: Decimal
    tick: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None
    min_notional: Decimal
    status: str
    takes_market_orders: bool

    def applied_to(self, instrument: Instrument, *, shortable: bool) -> Instrument:
        """The instrument as this venue trades it."""
        return replace(
            instrument,
            lot=self.lot,
            tick=self.tick,
            shortable=shortable,
            min_quantity=self.min_quantity,
            max_quantity=self.max_quantity,
            min_notional=self.min_notional,
        )


def listing(info: Mapping[str, Any], symbol: str, venue: str) -> Listing:
    """The listing in an answer of `exchangeInfo`, whether it trades or not.

    Raises BrokerRefused for a symbol that is not listed, BrokerUnavailable for an answer of another shape.
    """
    try:
        stated = next((one for one in info["symbols"] if one["symbol"] == symbol), None)
        if stated is None:
            raise BrokerRefused(f"{venue} lists no {symbol}; name symbols that it does, for example BTCUSDT")
        return market_rules(stated)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        if isinstance(error, BrokerRefused):
            raise
        raise BrokerUnavailable(
            f"{venue} describes {symbol} in a way that is not known here; try again later"
        ) from error


def listed(symbols: Sequence[str], find: Callable[[str], Listing], venue: str) -> tuple[Listing, ...]:
    """The listings of the symbols that the venue has; raises BrokerRefused if it has none of them."""
    found = []
    for symbol in symbols:
        with suppress(BrokerRefused):
            found.append(find(symbol))
    if not found:
        raise BrokerRefused(f"{venue} lists none of {', '.join(symbols)}; name symbols that it does")
    return tuple(found)


def one_quote(listings: Sequence[Listing]) -> str:
    """The asset that all of them are paid in; raises BrokerRefused for several, as one account has one cash."""
    quotes = sorted({one.quote for one in listings})
    if len(quotes) != 1:
        raise BrokerRefused(f"the symbols are paid in {', '.join(quotes)}; one account has one cash, name one kind")
    return quotes[0]


def demand_trading(one: Listing, venue: str) -> None:
    """None; raises BrokerRefused for a symbol that is not trading, or takes no market orders."""
    if one.status != "TRADING" or not one.takes_market_orders:
        raise BrokerRefused(f"{one.symbol} is not trading at {venue} (status {one.status}); it is kept as it is")


def market_rules(stated: Mapping[str, Any]) -> Listing:
    """The listing behind one symbol of `exchangeInfo`; of several rules about one size the narrower counts.

    Raises KeyError, ArithmeticError.
    """
    filters = {one["filterType"]: one for one in stated["filters"]}
    lot, market = filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", {})
    most = [Decimal(one["maxQty"]) for one in (lot, market) if Decimal(one.get("maxQty", 0)) > 0]
    # A step of 0 means that the filter has none of its own.
    steps = [_size(one["stepSize"]) for one in (lot, market) if Decimal(one.get("stepSize", 0)) > 0]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    # Spot says minNotional and whether it binds market orders, futures say notional, and it does.
    binds = notional.get("applyMinToMarket", notional.get("applyToMarket", True))
    least = Decimal(notional.get("minNotional", notional.get("notional", 0))) if binds else Decimal(0)
    return Listing(
        symbol=stated["symbol"],
        base=stated["baseAsset"],
        quote=stated["quoteAsset"],
        lot=max(steps),
        tick=_size(filters["PRICE_FILTER"]["tickSize"]),
        min_quantity=max(Decimal(lot["minQty"]), Decimal(market.get("minQty", 0))),
        max_quantity=min(most) if most else None,
        min_notional=least,
        status=stated["status"],
        takes_market_orders="MARKET" in stated["orderTypes"],
    )


def _size(stated: str) -> Decimal:
    """The decimal without trailing zeros, and without the exponent that `normalize` gives to 10."""
    size = Decimal(stated).normalize()
    return size.quantize(Decimal(1)) if size == size.to_integral_value() else size
