"""The fake exchange's books: what other people offer around the bar's price, and what an order would take of it."""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from testing.exchange.access import Clock, milliseconds
from testing.exchange.filters import Listing

ZERO = Decimal(0)
Level = tuple[Decimal, Decimal]


@dataclass
class Book:
    """Other people's offers in one symbol: levels on both sides, best first; a quantity of None has no end."""

    listing: Listing
    clock: Clock
    last: Decimal = ZERO
    asks: list[tuple[Decimal, Decimal | None]] = field(default_factory=list)
    bids: list[tuple[Decimal, Decimal | None]] = field(default_factory=list)
    _past: deque[tuple[int, Decimal]] = field(default_factory=lambda: deque(maxlen=256))

    def quote(self, price: Decimal, depth: Decimal | None, levels: int, half_spread: Decimal) -> None:
        """Offer `depth` on each side of this price, spread evenly over levels one tick apart."""
        if price <= 0 or price % self.listing.tick:
            raise ValueError(f"{self.listing.symbol} at {price}; a price is positive, in ticks of {self.listing.tick}")
        share = None if depth is None else (depth / levels) // self.listing.step * self.listing.step
        self.last = price
        offsets = [half_spread + number * self.listing.tick for number in range(levels)]
        self.asks = [(price + offset, share) for offset in offsets if share != 0]
        self.bids = [(price - offset, share) for offset in offsets if share != 0 and price > offset]
        self._past.append((milliseconds(self.clock.server()), price))

    def average(self, minutes: int = 5) -> Decimal:
        """The mean of the prices quoted in the last minutes, the newest one where there was none."""
        since = milliseconds(self.clock.server() - timedelta(minutes=minutes))
        prices = [price for moment, price in self._past if moment >= since] or [self.last]
        return sum(prices, ZERO) / len(prices)

    def reach(self, side: str, quantity: Decimal, limit: Decimal | None) -> list[Level]:
        """Return what an order of this side would take, best first, not beyond its limit; nothing is taken yet."""
        taken: list[Level] = []
        for price, there in self.asks if side == "BUY" else self.bids:
            if quantity <= 0 or (limit is not None and (price > limit if side == "BUY" else price < limit)):
                break
            part = quantity if there is None else min(quantity, there)
            taken.append((price, part))
            quantity -= part
        return taken

    def affordable(self, side: str, quote: Decimal) -> Decimal:
        """The quantity, in steps, whose cost comes closest to this much quote from below."""
        total = ZERO
        for price, there in self.asks if side == "BUY" else self.bids:
            part = quote / price if there is None else min(quote / price, there)
            total, quote = total + part, quote - part * price
        return total // self.listing.step * self.listing.step

    def take(self, side: str, levels: list[Level]) -> None:
        """Remove from the book what an order took."""
        stand = self.asks if side == "BUY" else self.bids
        for price, part in levels:
            position = next(number for number, level in enumerate(stand) if level[0] == price)
            there = stand[position][1]
            if there is not None:
                stand[position] = (price, there - part)
        stand[:] = [level for level in stand if level[1] != 0]
