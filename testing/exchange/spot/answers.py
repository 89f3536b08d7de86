"""The bodies of the fake spot venue's answers, field by field as rest-api.md shows them.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints
https://developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints
"""

import json
from decimal import Decimal

from testing.exchange.access import OrderLimits, Refusal, RequestLimits
from testing.exchange.book import ZERO, Book
from testing.exchange.orders import Order, Trade
from testing.exchange.parameters import Parameters
from testing.exchange.routes import Json
from testing.exchange.spot.account import SpotAccount
from testing.exchange.venue_state import VenueState

SpotState = VenueState[SpotAccount]

DAY_MS = 86_400_000
_WORDS = {"S": "SECOND", "M": "MINUTE", "D": "DAY"}


def digits(amount: Decimal) -> str:
    return f"{amount:.8f}"


def plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"


def request_limits(requests: RequestLimits, orders: OrderLimits) -> list[Json]:
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": requests.weight_limit}
    counts = [
        {"rateLimitType": "ORDERS", "interval": _WORDS[name[-1]], "intervalNum": int(name[:-1]), "limit": limit}
        for name, (_, limit) in orders.spans.items()
    ]
    return [weight, *counts]


def information(venue: SpotState, sent: Parameters) -> Json:
    if sent.has("symbols"):
        books = [venue.book(Parameters({"symbol": symbol})) for symbol in json.loads(sent.text("symbols"))]
    else:
        books = [venue.book(sent)] if sent.has("symbol") else list(venue.books.values())
    return {
        "timezone": "UTC",
        "serverTime": venue.now_ms,
        "rateLimits": request_limits(venue.requests, venue.order_limits),
        "exchangeFilters": [],
        "symbols": [_symbol(book) for book in books],
    }


def _symbol(book: Book) -> Json:
    listing = book.listing
    precisions = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")
    commissions = ("baseCommissionPrecision", "quoteCommissionPrecision")
    return {
        "symbol": listing.symbol,
        "status": listing.status,
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        **dict.fromkeys((*precisions, *commissions), 8),
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": list(listing.rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def prices(venue: SpotState, sent: Parameters) -> Json:
    def one(book: Book) -> Json:
        return {"symbol": book.listing.symbol, "price": digits(book.last)}

    return one(venue.book(sent)) if sent.has("symbol") else [one(book) for book in venue.books.values()]


def tops(venue: SpotState, sent: Parameters) -> Json:
    def one(book: Book) -> Json:
        (bid, bids), (ask, asks) = ((side or [(ZERO, ZERO)])[0] for side in (book.bids, book.asks))
        endless = Decimal(1_000_000)
        shown = {
            "bidPrice": bid,
            "bidQty": endless if bids is None else bids,
            "askPrice": ask,
            "askQty": endless if asks is None else asks,
        }
        return {"symbol": book.listing.symbol} | {name: digits(value) for name, value in shown.items()}

    return one(venue.book(sent)) if sent.has("symbol") else [one(book) for book in venue.books.values()]


def average(venue: SpotState, sent: Parameters) -> Json:
    return {"mins": 5, "price": digits(venue.book(sent).average()), "closeTime": venue.now_ms}


def account(venue: SpotState, sent: Parameters) -> Json:
    own = venue.shown
    rates = {"maker": own.maker_rate, "taker": own.taker_rate, "buyer": ZERO, "seller": ZERO}
    shown = [asset for asset in own.free if own.total(asset) or sent.option("omitZeroBalances", "false") != "true"]
    return {
        "makerCommission": int(own.maker_rate * 10_000),
        "takerCommission": int(own.taker_rate * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {name: digits(rate) for name, rate in rates.items()},
        **dict.fromkeys(("canTrade", "canWithdraw", "canDeposit"), True),
        **dict.fromkeys(("brokered", "requireSelfTradePrevention", "preventSor"), False),
        "updateTime": max((order.update_ms for order in venue.orders.orders.values()), default=0),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": digits(own.free[asset]), "locked": digits(own.locked[asset])} for asset in shown
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def commission(venue: SpotState, sent: Parameters) -> Json:
    own = venue.account
    none = dict.fromkeys(("maker", "taker", "buyer", "seller"), digits(ZERO))
    paid = none | {"maker": digits(own.maker_rate), "taker": digits(own.taker_rate)}
    on, asset, share = False, "BNB", Decimal("0.75")
    if own.discount is not None:
        on, asset, share = True, own.discount.asset, own.discount.share
    enabled = dict.fromkeys(("enabledForAccount", "enabledForSymbol"), on)
    discount = {**enabled, "discountAsset": asset, "discount": digits(share)}
    names = ("specialCommission", "taxCommission")
    symbol = venue.book(sent).listing.symbol
    return {"symbol": symbol, "standardCommission": paid, **dict.fromkeys(names, none), "discount": discount}


def new_order(placed: Order, kind: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    short = {
        "symbol": placed.symbol,
        "orderId": placed.id,
        "orderListId": -1,
        "clientOrderId": placed.client_id,
        "transactTime": placed.update_ms,
    }
    if kind == "ACK":
        return short
    result = short | _state(placed) | {"workingTime": placed.time_ms, "selfTradePreventionMode": "EXPIRE_MAKER"}
    return result if kind == "RESULT" else result | {"fills": [_fill(trade) for trade in placed.trades]}


def _state(placed: Order) -> dict[str, Json]:
    return {
        "price": digits(placed.price),
        "origQty": digits(placed.quantity),
        "executedQty": digits(placed.executed),
        "origQuoteOrderQty": digits(placed.quote_quantity),
        "cummulativeQuoteQty": digits(placed.spent),
        "status": placed.status,
        "timeInForce": placed.tif,
        "type": placed.type,
        "side": placed.side,
    }


def _fill(trade: Trade) -> Json:
    return {
        "price": digits(trade.price),
        "qty": digits(trade.quantity),
        "commission": digits(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.id,
    }


def order(placed: Order) -> Json:
    """One order as it is queried."""
    head = {"symbol": placed.symbol, "orderId": placed.id, "orderListId": -1, "clientOrderId": placed.client_id}
    return (
        head
        | _state(placed)
        | dict.fromkeys(("stopPrice", "icebergQty"), digits(ZERO))
        | {"time": placed.time_ms, "updateTime": placed.update_ms, "isWorking": True, "workingTime": placed.time_ms}
        | {"selfTradePreventionMode": "EXPIRE_MAKER"}
    )


def cancelled(placed: Order, name: str) -> Json:
    """A cancelled order; `clientOrderId` is the cancel's own name."""
    head = {"symbol": placed.symbol, "origClientOrderId": placed.client_id, "orderId": placed.id, "orderListId": -1}
    tail = {"transactTime": placed.update_ms, "selfTradePreventionMode": "EXPIRE_MAKER"}
    return head | {"clientOrderId": name} | _state(placed) | tail


def all_orders(venue: SpotState, sent: Parameters) -> Json:
    symbol = venue.book(sent).listing.symbol
    found = venue.orders.page(symbol, sent.number("orderId"), _span(sent), sent.limit(500))
    return [order(one) for one in found]


def trades(venue: SpotState, sent: Parameters) -> Json:
    symbol = venue.book(sent).listing.symbol
    found = venue.orders.trade_page(symbol, sent.number("fromId"), _span(sent), sent.limit(500), sent.number("orderId"))
    return [_trade(one) for one in found]


def _span(sent: Parameters) -> tuple[int | None, int | None]:
    start, end = sent.number("startTime"), sent.number("endTime")
    if start is not None and end is not None and end - start > DAY_MS:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
    return start, end


def _trade(trade: Trade) -> Json:
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": digits(trade.price),
        "qty": digits(trade.quantity),
        "quoteQty": digits(trade.price * trade.quantity),
        "commission": digits(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }
