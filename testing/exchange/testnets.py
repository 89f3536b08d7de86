"""The testnet brokers over the fake exchange, with a clock that waiting moves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from unittest.mock import patch

from requests.adapters import BaseAdapter

from exchange.brokers.api_keys import ApiKeys
from exchange.brokers.binance_futures import FuturesTestnet
from exchange.brokers.binance_spot import SpotTestnet
from exchange.brokers.testnet_client import Wire
from exchange.ports import Broker
from strategy.account.orders import Order, Side
from strategy.market.instruments import Calendar, Instrument
from testing.exchange.access import Clock, SetClock, WallClock
from testing.exchange.core import KEY, SECRET, FakeExchange
from testing.exchange.transport import ExchangeTransport

KEYS = ApiKeys(key=KEY, secret=SECRET)
DAY = date(2026, 1, 5)
BTC = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)
PRICE = Decimal("30000.1")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Testnet:
    """A fake exchange whose time begins at `start`, and brokers that reach it without a socket."""

    __test__ = False

    start: datetime = datetime(2026, 1, 6, 0, 5, tzinfo=UTC)
    clock: Clock = field(default_factory=WallClock)
    exchange: FakeExchange = field(init=False)

    def __post_init__(self) -> None:
        self.move_to(self.start)
        self.exchange = FakeExchange(clock=self.clock)

    def sleep(self, seconds: float) -> None:
        """Advance the exchange's time by so much."""
        self.clock.offset += timedelta(seconds=seconds)

    def move_to(self, instant: datetime) -> None:
        """Set the exchange's clock to that instant."""
        self.clock.offset = instant - self.clock.now

    def wire(self, transport: BaseAdapter | None = None, base_url: str | None = None) -> Wire:
        """The way there, on which waiting moves the exchange's clock."""
        return Wire(clock=lambda: self.clock.now, sleep=self.sleep, transport=transport, base_url=base_url)

    def broker(self, name: str, transport: BaseAdapter | None = None, url: str | None = None) -> Broker:
        """A fresh broker of that name, as a new process would open it; with an address, over a socket."""
        wire = self.wire(base_url=url) if url else self.wire(transport or ExchangeTransport(self.exchange))
        kinds: dict[str, Callable[[], Broker]] = {
            "testnet-spot": lambda: SpotTestnet(KEYS, wire),
            "testnet-futures": lambda: FuturesTestnet(KEYS, wire),
        }
        return kinds[name]()


def stamped_by(clock: SetClock) -> AbstractContextManager[object]:
    """A block in which python-binance stamps its requests by that clock, and not by the machine's."""
    return patch("binance.base_client.time", SimpleNamespace(time=lambda: datetime.timestamp(clock.now)))


def an_order(number: int = 1, side: Side = Side.BUY, quantity: str = "0.01", symbol: str = "BTCUSDT") -> Order:
    return Order(order_id=f"tdmt-{number:024x}", symbol=symbol, as_of=DAY, side=side, quantity=Decimal(quantity))
