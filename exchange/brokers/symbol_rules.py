"""Trading rules of a symbol from `exchangeInfo`: its assets, and the limits of a market order.

Market orders are bound by LOT_SIZE, MARKET_LOT_SIZE and NOTIONAL or MIN_NOTIONAL; PRICE_FILTER and the PERCENT_PRICE
filters bind orders with a price, and MAX_NUM_ORDERS binds open ones. A missing filter, or a size of 0 in one, means no
rule.
https://github.com/binance/binance-spot-api-docs/blob/master/filters.md
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from exchange.brokers.amounts import amount
from exchange.ports import BrokerRefused, BrokerUnavailable, NotTrading
from strategy.market.instruments import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One symbol at a venue. Sizes are in units of the base asset, notionals in the quote asset.

    None means no rule.
    """

    symbol: str
    base: str
    quote: str
    lot: Decimal
    tick: Decimal | None
    min_quantity: Decimal
    max_quantity: Decimal | None
    min_notional: Decimal
    max_notional: Decimal | None
    status: str
    takes_market_orders: bool

    def applied_to(self, instrument: Instrument, *, shortable: bool) -> Instrument:
        """Return the instrument with this venue's rules."""
        return replace(
            instrument,
            lot=self.lot,
            tick=instrument.tick if self.tick is None else self.tick,
            shortable=shortable,
            min_quantity=self.min_quantity,
            max_quantity=self.max_quantity,
            min_notional=self.min_notional,
            max_notional=self.max_notional,
            base=self.base,
            quote=self.quote,
        )


def read_listing(info: Mapping[str, Any], symbol: str, venue: str) -> Listing:
    """Return the listing in an answer of `exchangeInfo`, whether the symbol is trading or not.

    Raises BrokerRefused for a symbol that is not listed, and BrokerUnavailable for an answer of another shape.
    """
    try:
        stated = next((entry for entry in info["symbols"] if entry["symbol"] == symbol), None)
        if stated is None:
            raise BrokerRefused(f"{venue} lists no {symbol}; name symbols that it does, for example BTCUSDT")
        return market_rules(stated)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        if isinstance(error, BrokerRefused):
            raise
        raise BrokerUnavailable(f"{venue} describes {symbol} in an unknown format; try again later") from error


def listed(
    symbols: Sequence[str], find: Callable[[str], Listing], venue: str, cash: str = ""
) -> tuple[tuple[Listing, ...], str]:
    """Return the listings of the symbols that the venue has, and the quote asset of them all.

    Where it has none of them the asset is `cash`. Raises BrokerRefused if that is empty, or for several quote assets.
    """
    found = []
    for symbol in symbols:
        with suppress(BrokerRefused):
            found.append(find(symbol))
    if not found and not cash:
        raise BrokerRefused(f"{venue} does not list {', '.join(symbols)}; name symbols that it does")
    return tuple(found), one_quote(found) if found else cash


def traded(
    instruments: Sequence[Instrument], listing_of: Callable[[str], Listing], venue: str, *, shortable: bool
) -> tuple[Instrument, ...]:
    """Return the instruments with the venue's rules, all trading there for one quote asset. Raises BrokerRefused."""
    listings = [listing_of(instrument.symbol) for instrument in instruments]
    one_quote(listings)
    for listing in listings:
        demand_trading(listing, venue)
    return tuple(
        listing.applied_to(instrument, shortable=shortable)
        for listing, instrument in zip(listings, instruments, strict=True)
    )


def one_quote(listings: Sequence[Listing]) -> str:
    """Return the quote asset of all listings; raises BrokerRefused if they differ, as an account has one cash asset."""
    quotes = sorted({listing.quote for listing in listings})
    if len(quotes) != 1:
        raise BrokerRefused(f"the symbols are paid in {', '.join(quotes)}; one account has one cash, name one kind")
    return quotes[0]


def demand_trading(listing: Listing, venue: str) -> None:
    """Raise NotTrading if the symbol is not trading, or does not accept market orders."""
    if listing.status != "TRADING" or not listing.takes_market_orders:
        raise NotTrading(f"{listing.symbol} is not trading at {venue} (status {listing.status}); it is kept as it is")


def market_rules(symbol_info: Mapping[str, Any]) -> Listing:
    """Return the listing of one symbol in `exchangeInfo`; of several rules on one size, the narrowest applies.

    Raises KeyError, ArithmeticError.
    """
    filters = {rule["filterType"]: rule for rule in symbol_info["filters"]}
    lots = [lot for lot in (filters.get("LOT_SIZE"), filters.get("MARKET_LOT_SIZE")) if lot is not None]
    most = [most for lot in lots if (most := amount(lot.get("maxQty", 0))) > 0]
    steps = [step for lot in lots if (step := amount(lot.get("stepSize", 0))) > 0]
    tick = amount(filters.get("PRICE_FILTER", {}).get("tickSize", 0))
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    # Spot has minNotional and a flag whether it binds market orders; futures have notional, which always does.
    binds = notional.get("applyMinToMarket", notional.get("applyToMarket", True))
    least = amount(notional.get("minNotional", notional.get("notional", 0))) if binds else Decimal(0)
    largest = amount(notional.get("maxNotional", 0)) if notional.get("applyMaxToMarket", True) else Decimal(0)
    return Listing(
        symbol=symbol_info["symbol"],
        base=symbol_info["baseAsset"],
        quote=symbol_info["quoteAsset"],
        lot=_common_step(steps or [_finest(symbol_info)]),
        tick=_size(tick) if tick > 0 else None,
        min_quantity=max((amount(lot.get("minQty", 0)) for lot in lots), default=Decimal(0)),
        max_quantity=min(most) if most else None,
        min_notional=least,
        max_notional=largest if largest > 0 else None,
        status=symbol_info["status"],
        takes_market_orders="MARKET" in symbol_info["orderTypes"],
    )


def _finest(symbol_info: Mapping[str, Any]) -> Decimal:
    """Return the finest quantity that the venue writes: quantityPrecision on futures, baseAssetPrecision on spot."""
    return Decimal(1).scaleb(-int(symbol_info.get("quantityPrecision", symbol_info.get("baseAssetPrecision", 8))))


def _common_step(steps: Sequence[Decimal]) -> Decimal:
    """Return the smallest size that is a multiple of every step.

    >>> _common_step([Decimal("0.001"), Decimal("0.01")]), _common_step([Decimal("0.02"), Decimal("0.05")])
    (Decimal('0.01'), Decimal('0.1'))
    """
    finest = min(step.normalize().as_tuple().exponent for step in steps)
    assert isinstance(finest, int), "a step is a number"
    return _size(Decimal(math.lcm(*(int(step.scaleb(-finest)) for step in steps))).scaleb(finest))


def _size(stated: Decimal) -> Decimal:
    """Return the decimal without trailing zeros, and without the exponent that `normalize` gives to 10."""
    size = stated.normalize()
    return size.quantize(Decimal(1)) if size == size.to_integral_value() else size
