"""The fake futures venue's reading of an order, and the rules it must keep, each with its own code.

https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api
https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code#40xx---filters-and-other-issues
"""

import re
from decimal import Decimal

from testing.exchange.access import Refusal, milliseconds
from testing.exchange.book import ZERO, Book
from testing.exchange.filters import Rule, Wish, broken_rule
from testing.exchange.orders import Order, OrderBooks
from testing.exchange.parameters import Parameters

ORDER_NAMES = frozenset(
    {
        "symbol",
        "side",
        "positionSide",
        "type",
        "reduceOnly",
        "quantity",
        "price",
        "newClientOrderId",
        "timeInForce",
        "newOrderRespType",
        "selfTradePreventionMode",
        "closePosition",
        "workingType",
        "priceProtect",
        "priceMatch",
    }
)
# Futures answer each broken filter with a code of its own, where spot has -1013 for all of them.
_BROKEN = {
    ("PRICE_FILTER", "min"): (-4013, "Price less than min price."),
    ("PRICE_FILTER", "max"): (-4002, "Price greater than max price."),
    ("PRICE_FILTER", "step"): (-4014, "Price not increased by tick size."),
    ("LOT_SIZE", "min"): (-4004, "Quantity less than min quantity."),
    ("LOT_SIZE", "max"): (-4005, "Quantity greater than max quantity."),
    ("LOT_SIZE", "step"): (-4023, "Qty not increased by step size."),
    ("PERCENT_PRICE", "max"): (-4016, "Price is higher than mark price multiplier cap."),
    ("PERCENT_PRICE", "min"): (-4024, "Price is lower than mark price multiplier floor."),
    ("MAX_NUM_ORDERS", "max"): (-2025, "Reach max open order limit."),
}


def read_order(sent: Parameters, book: Book, orders: OrderBooks, dual: bool) -> Order:
    """The order that was asked for; refused where a parameter is missing, superfluous or no such thing."""
    sides = ("LONG", "SHORT") if dual else ("BOTH",)
    if sent.option("positionSide", "BOTH") not in sides:
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    assert not dual, "the fake matches orders in one-way mode only"
    kind = sent.choice("type", ("LIMIT", "MARKET"), -1116, "Invalid orderType.")
    if kind == "MARKET" and (sent.has("price") or sent.has("timeInForce")):
        name = "price" if sent.has("price") else "timeInForce"
        raise Refusal(-1106, f"Parameter '{name}' sent when not required.")
    limit = kind == "LIMIT"
    name = sent.option("newClientOrderId", f"generated{len(orders.accepted):013d}")
    if not re.fullmatch(r"[\.A-Z\:/a-z0-9_-]{1,36}", name):
        raise Refusal(-4015, "Client order id is not valid.")
    tifs = ("GTC", "IOC", "FOK", "GTX")
    return Order(
        client_id=name,
        venue="futures",
        symbol=book.listing.symbol,
        side=sent.choice("side", ("BUY", "SELL"), -1117, "Invalid side."),
        type=kind,
        tif=sent.choice("timeInForce", tifs, -1115, "Invalid timeInForce.") if limit else "GTC",
        quantity=_precise(sent, "quantity", book.listing.step),
        price=_precise(sent, "price", book.listing.tick) if limit else ZERO,
        reduce_only=sent.option("reduceOnly", "false") == "true",
        time_ms=milliseconds(orders.clock.server()),
        era=orders.era,
    )


def check_rules(order: Order, book: Book, open_orders: int) -> None:
    """Nothing when the order keeps every filter; one that only reduces is free of MIN_NOTIONAL."""
    wish = Wish(
        side=order.side,
        market=order.type == "MARKET",
        quantity=order.quantity,
        price=order.price,
        average=book.last,
        last=book.last,
        open_orders=open_orders,
    )
    broken = broken_rule(book.listing, wish)
    if broken is None or (broken[0] == "MIN_NOTIONAL" and order.reduce_only):
        return
    name, part, rule = broken
    raise Refusal(*_refused(name.removeprefix("MARKET_"), part, rule))


def _refused(name: str, part: str, rule: Rule) -> tuple[int, str]:
    if name == "MIN_NOTIONAL":
        return -4164, f"Order's notional must be no smaller than {rule['notional']} (unless you choose reduce only)"
    return _BROKEN[name, part]


def _precise(sent: Parameters, name: str, step: Decimal) -> Decimal:
    """A decimal with no more digits than its step has; more are -1111 whatever the rules say."""
    value = sent.amount(name, 20)
    if value == 0 and name == "quantity":
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    if _digits(value) > _digits(step):
        raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
    return value


def _digits(value: Decimal) -> int:
    return max(-int(value.normalize().as_tuple().exponent), 0)
