"""Delays of the fake exchange: orders that reach its engine later, answers that lag behind the engine.

https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#data-sources: "the API system is asynchronous,
so some delay in the response is normal"; New Order is answered by the matching engine, while Query Order, Current Open
Orders, All Orders, Account Information and Account Trade List come from memory or a database. How long the delay may be
is not told; here it is up to MOST_S, drawn for each order and each kind of answer alone.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from testing.exchange.access import Clock, milliseconds

MOST_S = 60.0
Books = TypeVar("Books")


@dataclass(frozen=True, slots=True)
class Lags:
    """Until when an order is not told of, by the exchange's clock: by itself, in lists, its trades, the balances."""

    order_ms: int = 0
    lists_ms: int = 0
    trades_ms: int = 0
    balances_ms: int = 0


NONE = Lags()


@dataclass
class Delays:
    """The delays of one exchange: `rate` of all orders are told of late, besides those that a fault makes late."""

    clock: Clock
    rate: float = 0.0
    seed: int = 0
    #: The lag of whatever is accepted next; None draws it.
    next_s: float | None = None
    _forwarded: list[tuple[int, Callable[[], object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(f"lags {self.seed}")

    def lags(self) -> Lags:
        """Return those of an order that is accepted now."""
        now_ms = milliseconds(self.clock.server())
        if self.next_s is not None:
            until_ms, self.next_s = now_ms + int(self.next_s * 1000), None
            return Lags(until_ms, until_ms, until_ms, until_ms)
        if not self.rate or self._random.random() >= self.rate:
            return NONE
        return Lags(*(now_ms + int(self._random.uniform(0.0, MOST_S) * 1000) for _ in range(4)))

    def forward(self, late_s: float, engine: Callable[[], object]) -> None:
        """Let the engine see a request so much later, whatever its recvWindow.

        https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md#timing-security: the window is checked
        before the request goes on to the matching engine, not there.
        """
        self._forwarded.append((milliseconds(self.clock.server()) + int(late_s * 1000), engine))

    def arrive(self) -> None:
        """Let the engine see what is due by now, each at its own moment, oldest first."""
        now_ms = milliseconds(self.clock.server())
        due = sorted((entry for entry in self._forwarded if entry[0] <= now_ms), key=lambda one: one[0])
        self._forwarded = [entry for entry in self._forwarded if entry[0] > now_ms]
        for at_ms, engine in due:
            ago = timedelta(milliseconds=now_ms - at_ms)
            self.clock.offset -= ago
            engine()
            self.clock.offset += ago

    def reset(self) -> None:
        """Forget what is on its way."""
        self._forwarded.clear()


@dataclass
class Memory(Generic[Books]):
    """An account's books as they are told, which may be those of a while ago."""

    clock: Clock
    _past: list[tuple[int, Books]] = field(default_factory=list)

    def keep(self, books: Callable[[], Books], until_ms: int) -> None:
        """Tell these books until then."""
        if until_ms:
            self._past.append((until_ms, books()))

    def told(self, books: Books) -> Books:
        """Return the oldest books that still hide the newest ones, or these."""
        if not self._past:
            return books
        now_ms = milliseconds(self.clock.server())
        self._past = [entry for entry in self._past if entry[0] > now_ms]
        return self._past[0][1] if self._past else books

    def reset(self) -> None:
        self._past.clear()
