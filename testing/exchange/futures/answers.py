"""The bodies of the fake futures venue's answers, field by field as their pages show them.

https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from testing.exchange.access import Refusal
from testing.exchange.book import ZERO, Book
from testing.exchange.futures.positions import ASSET, FuturesAccount
from testing.exchange.orders import Order, Trade
from testing.exchange.parameters import Parameters
from testing.exchange.routes import Json
from testing.exchange.spot.answers import digits, plain, request_limits
from testing.exchange.venue_state import VenueState

WEEK_MS = 7 * 86_400_000
KEPT_MS = 90 * 86_400_000
NEVER_MS = 4_133_404_800_000


class FuturesState(VenueState[FuturesAccount], Protocol):
    """The state of the futures venue. `trade_commission_sign` is 1 or -1: see `trade`."""

    trade_commission_sign: int
    payments: list["Payment"]


def information(venue: FuturesState) -> Json:
    return {
        "exchangeFilters": [],
        "rateLimits": request_limits(venue.requests, venue.order_limits),
        "serverTime": venue.now_ms,
        "timezone": "UTC",
        "assets": [{"asset": ASSET, "marginAvailable": True, "autoAssetExchange": "0"}],
        "symbols": [_symbol(book) for book in venue.books.values()],
    }


def _symbol(book: Book) -> Json:
    listing = book.listing
    return {
        "symbol": listing.symbol,
        "pair": listing.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": NEVER_MS,
        "onboardDate": listing.onboard_ms,
        "status": listing.status,
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        "pricePrecision": 2,
        "quantityPrecision": max(-int(listing.step.normalize().as_tuple().exponent), 0),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": list(listing.rules),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def prices(venue: FuturesState, sent: Parameters) -> Json:
    def one(book: Book) -> Json:
        return {"symbol": book.listing.symbol, "price": plain(book.last), "time": venue.now_ms}

    return one(venue.book(sent)) if sent.has("symbol") else [one(book) for book in venue.books.values()]


def marks(venue: FuturesState, sent: Parameters) -> Json:
    def one(book: Book) -> Json:
        alike = dict.fromkeys(("markPrice", "indexPrice", "estimatedSettlePrice"), digits(book.last))
        funding = {"lastFundingRate": "0.00010000", "interestRate": "0.00010000", "nextFundingTime": 0}
        return {"symbol": book.listing.symbol} | alike | funding | {"time": venue.now_ms}

    return one(venue.book(sent)) if sent.has("symbol") else [one(book) for book in venue.books.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A funding of a symbol: when it was, its rate, and the mark that it was charged on."""

    symbol: str
    time_ms: int
    rate: Decimal
    mark: Decimal


def funding(venue: FuturesState, sent: Parameters) -> Json:
    """The history of funding, oldest first, which every customer shares and no reset ends.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Get-Funding-Rate-History
    """
    symbol, start, end = venue.book(sent).listing.symbol, sent.number("startTime"), sent.number("endTime")
    found = [
        one
        for one in venue.payments
        if one.symbol == symbol and (start or 0) <= one.time_ms <= (venue.now_ms if end is None else end)
    ]
    limit = sent.limit(100)
    return [
        {
            "symbol": one.symbol,
            "fundingTime": one.time_ms,
            "fundingRate": digits(one.rate),
            "markPrice": digits(one.mark),
        }
        for one in (found[-limit:] if start is None else found[:limit])
    ]


def rates(venue: FuturesState, sent: Parameters) -> Json:
    symbol, own = venue.book(sent).listing.symbol, venue.account
    maker, taker = plain(own.maker_rate), plain(own.taker_rate)
    return {"symbol": symbol, "makerCommissionRate": maker, "takerCommissionRate": taker}


def order(placed: Order) -> Json:
    average = placed.spent / placed.executed if placed.executed else ZERO
    return {
        "symbol": placed.symbol,
        "orderId": placed.id,
        "clientOrderId": placed.client_id,
        "status": placed.status,
        "price": plain(placed.price),
        "avgPrice": f"{average:.5f}" if average else "0.00",
        "origQty": plain(placed.quantity),
        "executedQty": plain(placed.executed),
        "cumQty": plain(placed.executed),
        "cumQuote": plain(placed.spent),
        "timeInForce": placed.tif,
        "type": placed.type,
        "origType": placed.type,
        "reduceOnly": placed.reduce_only,
        "closePosition": False,
        "side": placed.side,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": placed.time_ms,
        "updateTime": placed.update_ms,
    }


def all_orders(venue: FuturesState, sent: Parameters) -> Json:
    symbol = venue.book(sent).listing.symbol
    found = venue.orders.page(symbol, sent.number("orderId"), span(venue, sent), sent.limit(500))
    return [order(one) for one in found]


def trades(venue: FuturesState, sent: Parameters) -> Json:
    symbol, within = venue.book(sent).listing.symbol, span(venue, sent)
    found = venue.orders.trade_page(symbol, sent.number("fromId"), within, sent.limit(500), sent.number("orderId"))
    return [trade(venue, one) for one in found]


def span(venue: FuturesState, sent: Parameters) -> tuple[int | None, int | None]:
    """Return at most seven days, by default the last, as the pages of All Orders and Account Trade List say."""
    start, end = sent.number("startTime"), sent.number("endTime")
    if start is None and end is None and not sent.has("fromId") and not sent.has("orderId"):
        return venue.now_ms - WEEK_MS, None
    if start is not None and end is not None and end - start > WEEK_MS:
        raise Refusal(-4165, "Maximum time interval is 7 days")
    return start, end


def trade(venue: FuturesState, one: Trade) -> Json:
    """One fill. The page's example shows a commission below zero for who paid it, while clients report one above."""
    return {
        "symbol": one.symbol,
        "id": one.id,
        "orderId": one.order_id,
        "side": one.side,
        "price": plain(one.price),
        "qty": plain(one.quantity),
        "quoteQty": plain(one.price * one.quantity),
        "realizedPnl": digits(one.realized),
        "commission": digits(one.commission * venue.trade_commission_sign),
        "commissionAsset": one.commission_asset,
        "time": one.time_ms,
        "positionSide": "BOTH",
        "buyer": one.side == "BUY",
        "maker": one.maker,
    }


def income(venue: FuturesState, sent: Parameters) -> Json:
    """The wallet's flows, oldest first: the last week unless a time is asked for, never beyond three months."""
    start, end = sent.number("startTime"), sent.number("endTime")
    if start is None and end is None:
        start = venue.now_ms - WEEK_MS
    since, until = max(start or 0, venue.now_ms - KEPT_MS), venue.now_ms if end is None else end
    symbol, kind = sent.option("symbol"), sent.option("incomeType")
    found = [
        flow
        for flow in venue.shown.income
        if since <= flow.time_ms <= until and symbol in ("", flow.symbol) and kind in ("", flow.kind)
    ]
    limit, page = sent.limit(100), sent.number("page") or 1
    return [
        {
            "symbol": flow.symbol,
            "incomeType": flow.kind,
            "income": digits(flow.amount),
            "asset": ASSET,
            "info": flow.kind,
            "time": flow.time_ms,
            "tranId": flow.number,
            "tradeId": flow.trade_id,
        }
        for flow in found[(page - 1) * limit : page * limit]
    ]
