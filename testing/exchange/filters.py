"""The fake exchange's symbols and their trading rules, as its exchangeInfo tells them and as its orders meet them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Rule = dict[str, Any]
# The assets' precision everywhere on spot: no amount has a digit beyond it.
DIGIT = Decimal("1E-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Input of the rules: an order as it was sent, and the prices it is measured by."""

    side: str
    market: bool
    quantity: Decimal
    price: Decimal
    average: Decimal
    last: Decimal
    open_orders: int


@dataclass
class Listing:
    """One symbol: its assets, its rules in exchangeInfo's own form, and its status, which a test may change."""

    symbol: str
    base: str
    quote: str
    rules: Sequence[Rule]
    status: str = "TRADING"
    onboard_ms: int = 1_500_000_000_000
    by_type: dict[str, Rule] = field(init=False)

    def __post_init__(self) -> None:
        self.by_type = {
            rule["filterType"]: {name: _number(value) for name, value in rule.items()} for rule in self.rules
        }
        # Otherwise price × quantity would need more digits than the assets have, and nothing could be conserved.
        if (self.step * self.tick) % DIGIT:
            raise ValueError(f"{self.symbol}: step {self.step} × tick {self.tick} is finer than {DIGIT}; coarsen one")

    @property
    def step(self) -> Decimal:
        step: Decimal = self.by_type["LOT_SIZE"]["stepSize"]
        return step

    @property
    def tick(self) -> Decimal:
        tick: Decimal = self.by_type["PRICE_FILTER"]["tickSize"]
        return tick


def broken_rule(listing: Listing, wish: Wish) -> tuple[str, str, Rule] | None:
    """The first rule that the order breaks (filter, which part of it, its numbers), or None.

    https://github.com/binance/binance-spot-api-docs/blob/master/filters.md; zero switches a part off.
    """
    for name, rule in listing.by_type.items():
        part = _CHECKS[name](rule, wish) if name in _CHECKS else ""
        if part:
            return name, part, rule
    return None


def _price(rule: Mapping[str, Any], wish: Wish) -> str:
    if wish.market:
        return ""
    if rule["minPrice"] and wish.price < rule["minPrice"]:
        return "min"
    if rule["maxPrice"] and wish.price > rule["maxPrice"]:
        return "max"
    return "step" if rule["tickSize"] and wish.price % rule["tickSize"] else ""


def _lots(rule: Mapping[str, Any], wish: Wish) -> str:
    if wish.quantity < rule["minQty"]:
        return "min"
    if rule["maxQty"] and wish.quantity > rule["maxQty"]:
        return "max"
    return "step" if rule["stepSize"] and wish.quantity % rule["stepSize"] else ""


def _market_lots(rule: Mapping[str, Any], wish: Wish) -> str:
    return _lots(rule, wish) if wish.market else ""


def _notional(rule: Mapping[str, Any], wish: Wish) -> str:
    notional = wish.quantity * _reference(rule, wish)
    least = rule.get("minNotional", rule.get("notional"))
    # The futures' MIN_NOTIONAL has no such switch and holds for every order.
    if notional < least and not (wish.market and not rule.get("applyMinToMarket", rule.get("applyToMarket", True))):
        return "min"
    most = rule.get("maxNotional", Decimal(0))
    return "max" if most and notional > most and not (wish.market and not rule["applyMaxToMarket"]) else ""


def _percent(rule: Mapping[str, Any], wish: Wish) -> str:
    return _within(wish, rule, rule["multiplierUp"], rule["multiplierDown"])


def _percent_by_side(rule: Mapping[str, Any], wish: Wish) -> str:
    side = "bid" if wish.side == "BUY" else "ask"
    return _within(wish, rule, rule[f"{side}MultiplierUp"], rule[f"{side}MultiplierDown"])


def _within(wish: Wish, rule: Mapping[str, Any], up: Decimal, down: Decimal) -> str:
    centre = wish.average if rule.get("avgPriceMins") else wish.last
    if wish.market:
        return ""
    return "max" if wish.price > centre * up else "min" if wish.price < centre * down else ""


def _reference(rule: Mapping[str, Any], wish: Wish) -> Decimal:
    if not wish.market:
        return wish.price
    return wish.average if rule.get("avgPriceMins") else wish.last


def _count(rule: Mapping[str, Any], wish: Wish) -> str:
    return "max" if wish.open_orders >= rule.get("maxNumOrders", rule.get("limit")) else ""


_CHECKS = {
    "PRICE_FILTER": _price,
    "PERCENT_PRICE": _percent,
    "PERCENT_PRICE_BY_SIDE": _percent_by_side,
    "LOT_SIZE": _lots,
    "MARKET_LOT_SIZE": _market_lots,
    "MIN_NOTIONAL": _notional,
    "NOTIONAL": _notional,
    "MAX_NUM_ORDERS": _count,
}


def _number(value: object) -> object:
    if isinstance(value, str) and value[:1].isdigit():
        return Decimal(value)
    return value


def spot_rules(
    *, tick: str = "0.01000000", step: str = "0.00001000", least: str = "5.00000000", **changed: Rule
) -> list[Rule]:
    """Rules as BTCUSDT has them on spot; `changed` replaces a filter by its type, in lower case (`notional={…}`)."""
    rules: list[Rule] = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000.00000000", "stepSize": step},
        # Zero steps are what the site itself tells: that part of the rule is switched off.
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100.00000000", "stepSize": "0.00000000"},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": least,
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]
    return _replaced(rules, changed)


def futures_rules(*, tick: str = "0.10", step: str = "0.001", least: str = "100", **changed: Rule) -> list[Rule]:
    """Rules as BTCUSDT has them on USD-M futures; `changed` as in `spot_rules`.

    https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Exchange-Information:
    the names differ from spot's (`notional`, `limit`, `multiplierDecimal`).
    """
    rules: list[Rule] = [
        {"filterType": "PRICE_FILTER", "maxPrice": "4529764", "minPrice": tick, "tickSize": tick},
        {"filterType": "LOT_SIZE", "maxQty": "1000", "minQty": step, "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": "120", "minQty": step, "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": least},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.1000",
            "multiplierDown": "0.9000",
            "multiplierDecimal": "4",
        },
    ]
    return _replaced(rules, changed)


def _replaced(rules: list[Rule], changed: Mapping[str, Rule]) -> list[Rule]:
    named = {name.upper(): {"filterType": name.upper(), **rule} for name, rule in changed.items()}
    kept = [named.pop(rule["filterType"], rule) for rule in rules]
    return [*kept, *named.values()]
