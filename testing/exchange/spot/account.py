"""The fake exchange's spot balances: free and locked, conserved to the last digit, never below zero."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from testing.exchange.access import Refusal
from testing.exchange.book import ZERO
from testing.exchange.filters import DIGIT, Listing
from testing.exchange.orders import Order, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """The asset that pays all commissions at a discount while there is enough of it, and its price in quote assets."""

    asset: str
    price: Decimal
    share: Decimal = Decimal("0.75")


@dataclass
class SpotAccount:
    """Free and locked amounts by asset; `fees` keeps what was paid, so that everything can be summed up."""

    initial: Mapping[str, Decimal]
    listings: Mapping[str, Listing]
    taker_rate: Decimal = Decimal("0.001")
    maker_rate: Decimal = Decimal("0.001")
    discount: Discount | None = None
    free: dict[str, Decimal] = field(default_factory=dict)
    locked: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        assets = {asset for listing in self.listings.values() for asset in (listing.base, listing.quote)} | set(
            self.initial
        )
        self.free = {asset: self.initial.get(asset, ZERO) for asset in sorted(assets)}
        self.locked = dict.fromkeys(self.free, ZERO)
        self.fees = dict.fromkeys(self.free, ZERO)

    def copied(self) -> "SpotAccount":
        """Return the balances as they are now, which nothing changes any more."""
        past = copy(self)
        past.free, past.locked, past.fees = dict(self.free), dict(self.locked), dict(self.fees)
        return past

    def total(self, asset: str) -> Decimal:
        return self.free[asset] + self.locked[asset]

    def hold(self, order: Order, amount: Decimal) -> None:
        """Lock what a new order may need; -2010 where it is not there."""
        asset = self._paid(order)
        if amount > self.free[asset]:
            raise Refusal(-2010, "Account has insufficient balance for requested action.")
        order.held = amount
        self._release(asset, -amount)

    def settle(self, order: Order, trade: Trade) -> None:
        """Exchange the two assets of a fill; the commission is taken from what comes in, or from the discount asset.

        https://github.com/binance/binance-spot-api-docs/blob/master/faqs/commission_faq.md: from the received
        asset, base for a buy and quote for a sell. The rounding is not told; here the eighth digit is cut.
        """
        listing = self.listings[order.symbol]
        notional = trade.price * trade.quantity
        buys = order.side == "BUY"
        gave, came = (notional, trade.quantity) if buys else (trade.quantity, notional)
        asset = listing.base if buys else listing.quote
        rate = self.maker_rate if trade.maker else self.taker_rate
        self.locked[self._paid(order)] -= gave
        order.held -= gave
        self.free[asset] += came
        trade.commission, trade.commission_asset = (came * rate).quantize(DIGIT, ROUND_DOWN), asset
        if self.discount is not None:
            less = (notional * rate * self.discount.share / self.discount.price).quantize(DIGIT, ROUND_DOWN)
            if less <= self.free[self.discount.asset]:
                trade.commission, trade.commission_asset = less, self.discount.asset
        self.free[trade.commission_asset] -= trade.commission
        self.fees[trade.commission_asset] += trade.commission
        # A limit that was bettered needs less than it holds.
        needed = (order.price * order.left if buys else order.left) if order.type != "MARKET" else order.held
        self._release(self._paid(order), order.held - needed)
        order.held = needed

    def close(self, order: Order) -> None:
        self._release(self._paid(order), order.held)
        order.held = ZERO

    def _paid(self, order: Order) -> str:
        listing = self.listings[order.symbol]
        return listing.quote if order.side == "BUY" else listing.base

    def _release(self, asset: str, amount: Decimal) -> None:
        self.locked[asset] -= amount
        self.free[asset] += amount
