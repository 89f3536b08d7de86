"""The fake futures venue's answers about its account: balances, margins and positions, in the pages' versions 2 and 3.

https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api
https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Position-Information-V3
"""

from testing.exchange.book import ZERO
from testing.exchange.futures.answers import FuturesState
from testing.exchange.futures.positions import ASSET
from testing.exchange.parameters import Parameters
from testing.exchange.routes import Json
from testing.exchange.spot.answers import digits, plain


def _totals(venue: FuturesState) -> dict[str, str]:
    own = venue.shown
    margin = sum((own.margin(symbol) for symbol in own.positions), ZERO)
    resting, profit = own.order_margin(), own.balance() - own.wallet
    return {
        "totalInitialMargin": digits(margin + resting),
        "totalMaintMargin": digits(own.maintenance()),
        "totalWalletBalance": digits(own.wallet),
        "totalUnrealizedProfit": digits(profit),
        "totalMarginBalance": digits(own.balance()),
        "totalPositionInitialMargin": digits(margin),
        "totalOpenOrderInitialMargin": digits(resting),
        "totalCrossWalletBalance": digits(own.wallet),
        "totalCrossUnPnl": digits(profit),
        "availableBalance": digits(own.available()),
        "maxWithdrawAmount": digits(min(own.available(), own.wallet)),
    }


def _asset(venue: FuturesState) -> Json:
    totals = _totals(venue)
    named = {name[5:6].lower() + name[6:]: value for name, value in totals.items() if name.startswith("total")}
    rest = {name: value for name, value in totals.items() if not name.startswith("total")}
    return {"asset": ASSET} | named | rest | {"marginAvailable": True, "updateTime": venue.now_ms}


def _margins(venue: FuturesState, symbol: str) -> Json:
    own = venue.shown
    resting = own.order_margin(symbol)
    maintenance = abs(own.positions[symbol].amount) * venue.books[symbol].last * own.maintenance_rate
    return {
        "initialMargin": digits(own.margin(symbol) + resting),
        "maintMargin": digits(maintenance),
        "positionInitialMargin": digits(own.margin(symbol)),
        "openOrderInitialMargin": digits(resting),
    }


def _held(venue: FuturesState, symbol: str) -> Json:
    position = venue.shown.positions[symbol]
    return {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": plain(position.amount),
        "notional": digits(position.amount * venue.books[symbol].last),
        "isolatedWallet": "0",
        "updateTime": position.update_ms,
    }


def account_v2(venue: FuturesState) -> Json:
    """Every symbol is among the positions, with its leverage."""
    own = venue.shown
    flags = dict.fromkeys(("feeBurn", "canTrade", "canDeposit", "canWithdraw"), True)
    positions = [
        _held(venue, symbol)
        | _margins(venue, symbol)
        | {"unrealizedProfit": digits(own.unrealized(symbol)), "leverage": str(position.leverage), "isolated": False}
        | dict.fromkeys(("entryPrice", "breakEvenPrice"), digits(position.entry))
        | {"maxNotional": "1000000", "bidNotional": "0", "askNotional": "0"}
        for symbol, position in own.positions.items()
    ]
    head = {"feeTier": 0} | flags | {"updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1}
    return head | _totals(venue) | {"assets": [_asset(venue)], "positions": positions}


def account_v3(venue: FuturesState) -> Json:
    """Only symbols with a position or an open order are there, and leverage is not told."""
    positions = [
        _held(venue, symbol)
        | _margins(venue, symbol)
        | {"unrealizedProfit": digits(venue.shown.unrealized(symbol)), "isolatedMargin": "0"}
        for symbol in _active(venue)
    ]
    return _totals(venue) | {"assets": [_asset(venue)], "positions": positions}


def balance(venue: FuturesState) -> Json:
    totals = _totals(venue)
    return [
        {
            "accountAlias": "fakeFake",
            "asset": ASSET,
            "balance": totals["totalWalletBalance"],
            "crossWalletBalance": totals["totalCrossWalletBalance"],
            "crossUnPnl": totals["totalCrossUnPnl"],
            "availableBalance": totals["availableBalance"],
            "maxWithdrawAmount": totals["maxWithdrawAmount"],
            "marginAvailable": True,
            "updateTime": venue.now_ms,
        }
    ]


def _active(venue: FuturesState) -> list[str]:
    positions = venue.shown.positions.items()
    return [symbol for symbol, held in positions if held.amount or venue.orders.open_orders(symbol)]


def _risk(venue: FuturesState, symbol: str) -> Json:
    position = venue.shown.positions[symbol]
    return (
        _held(venue, symbol)
        | dict.fromkeys(("entryPrice", "breakEvenPrice"), digits(position.entry))
        | {"markPrice": digits(venue.books[symbol].last), "liquidationPrice": "0", "isolatedMargin": "0"}
        | {"unRealizedProfit": digits(venue.shown.unrealized(symbol))}
    )


def positions_v2(venue: FuturesState, sent: Parameters) -> Json:
    """All symbols, or the one that is asked for, with leverage and margin type."""
    symbols = [venue.book(sent).listing.symbol] if sent.has("symbol") else list(venue.books)
    more = {"marginType": "cross", "isAutoAddMargin": "false", "maxNotionalValue": "1000000"}
    levers = {symbol: {"leverage": str(venue.shown.positions[symbol].leverage)} for symbol in symbols}
    return [_risk(venue, symbol) | more | levers[symbol] for symbol in symbols]


def positions_v3(venue: FuturesState, sent: Parameters) -> Json:
    """Only symbols with a position or an open order; neither leverage nor margin type is told."""
    wanted = venue.book(sent).listing.symbol if sent.has("symbol") else ""
    more = {"marginAsset": ASSET, "adl": 1, "bidNotional": "0", "askNotional": "0"}
    symbols = [symbol for symbol in _active(venue) if wanted in ("", symbol)]
    return [_risk(venue, symbol) | _margins(venue, symbol) | more for symbol in symbols]
