"""What the product asks of the outside world, and the ways in which the world fails it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import pandas as pd

from strategy.account.orders import Order
from strategy.broker.fills import BrokerFill as BrokerFill
from strategy.broker.fills import FundingPayment as FundingPayment
from strategy.broker.fills import ListedOrder as ListedOrder
from strategy.broker.fills import VenueOrder as VenueOrder
from strategy.broker.fills import VenueTrade as VenueTrade
from strategy.market.instruments import Instrument

#: Columns of the frame that a source returns, in order. Prices and volume are float64 (volume and adj_close may be
#: NaN), symbol is str, open_time is datetime64[us], the UTC session date at midnight.
BAR_COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume", "adj_close")

#: A column that a frame has besides, where cells were written and are no numbers: which, and their text; else "".
UNREAD = "unread"

#: A column that a frame has besides, where rows were not in the order of their dates and were sorted: the row, counted
#: from 1, in which a bar stood that was out of order; else 0.
MOVED = "moved"


class SourceUnavailable(Exception):
    """The source did not answer within the bounded retries; try again later (exit 4)."""


class SourceRefused(ValueError):
    """The request or the file cannot be served as it is: unknown symbol, not daily, missing columns (exit 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRequest:
    """Which bars to fetch: per symbol the first wanted session date (None: the whole history), up to `until`, included.

    `now` is the decided instant (timezone-aware UTC): a source that streams returns only bars closed before it.
    """

    since: Mapping[str, date | None]
    until: date
    now: datetime

    def __post_init__(self) -> None:
        if not self.since:
            raise ValueError("no symbol was asked for; name at least one")
        if self.now.tzinfo is None:
            raise ValueError(f"now is {self.now}; it must carry a time zone")


class BarSource(Protocol):
    """Where daily bars come from."""

    @property
    def name(self) -> str:
        """The key of its bars in the store: `sample`, `binance`, `yahoo`, `file:/absolute/path`."""
        ...

    @property
    def streaming(self) -> bool:
        """Whether new bars keep coming by the wall clock (binance, yahoo), or it is a record (sample, file)."""
        ...

    def symbols(self) -> tuple[str, ...]:
        """The symbols it serves by default, when the user names none."""
        ...

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """What it knows, or infers, about each symbol. Raises SourceRefused for a symbol it does not have."""
        ...

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """The newest session date on which any of the symbols has a closed bar."""
        ...

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """The bars asked for, as BAR_COLUMNS, **in the source's own order and with its faults** (the gate judges).

        Rows may be sorted only where a column MOVED tells it. Raises SourceRefused, SourceUnavailable.
        """
        ...


class BrokerUnavailable(Exception):
    """The broker did not answer, or did not take what was asked; it may be asked again (exit 4).

    `retry_after_s` is when, in seconds, where that is known and short.
    """

    def __init__(self, said: str, retry_after_s: float | None = None) -> None:
        super().__init__(said)
        self.retry_after_s = retry_after_s


class BrokerRefused(ValueError):
    """The broker will not serve this account as it is: bad keys, an unlisted symbol, the wrong mode (exit 2)."""


class NotTrading(BrokerRefused):
    """The broker has the symbol, and does not trade it now: halted, or no market orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a broker knows of an order: the order in its new state, with the reason, and all its trades so far.

    The state is UNKNOWN where the broker may or may not have taken it: ask again, never send again. `venue` is what the
    broker confirmed of it in this answer, also where the rest of the answer could not be read; None if nothing.
    """

    order: Order
    executions: tuple[BrokerFill, ...] = ()
    venue: VenueOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """All that the broker holds for its user: cash in the quote asset, and the signed quantity of each symbol.

    Spot: the balance of the quote asset, free and locked, and those of the base assets. Futures: the wallet balance,
    which trades move by their realised profit alone, and the positions.
    `locked` is the part of the cash that resting orders hold back; `on_margin`: positions are not paid in full, and
    `entry_prices` says what a unit of each cost, where it is told.
    """

    cash: Decimal
    positions: Mapping[str, Decimal]
    locked: Decimal = Decimal(0)
    on_margin: bool = False
    entry_prices: Mapping[str, Decimal] = field(default_factory=dict)


class Broker(Protocol):
    """Where orders go. Every method but `submit` may be repeated at will."""

    @property
    def name(self) -> str:
        """`paper`, `testnet-spot` or `testnet-futures`."""
        ...

    def now(self) -> datetime:
        """The venue's clock, timezone-aware UTC: the instants of sending and asking are told by it."""
        ...

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """The instruments as this venue trades them: its lots, ticks, least and most of an order, and shorts.

        Raises BrokerRefused for a symbol that it does not list, NotTrading for one that it has halted,
        BrokerUnavailable.
        """
        ...

    def wait(self, seconds: float) -> None:
        """None, after the wait."""
        ...

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:
        """The order as the broker took it; it leaves at once, `sent_at` being the venue's clock, or not at all.

        Sends once: whatever leaves the outcome open gives UNKNOWN, not an error. Raises BrokerUnavailable,
        BrokerRefused only where the order certainly did not arrive.
        """
        ...

    def enquire(self, order: Order, sent_at: datetime, venue: VenueOrder | None = None) -> OrderReport:
        """Return what became of an order that was sent at that instant, `venue` being what was confirmed of it before.

        It is asked for once. UNKNOWN where the broker does not say, with the code that tells how: that it knows no such
        order says nothing about whether one arrived. Raises BrokerUnavailable.
        """
        ...

    def cancel(self, order: Order, sent_at: datetime) -> OrderReport:
        """The order with its remainder cancelled, or as it ended before. Raises BrokerUnavailable."""
        ...

    def orders_since(self, symbol: str, since: datetime) -> tuple[ListedOrder, ...]:
        """Return the orders of the symbol that are open, and all that came at `since` or later.

        Raises BrokerUnavailable.
        """
        ...

    def trades_since(self, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        """Return all trades of the symbol at `since` or later, by whatever order. Raises BrokerUnavailable."""
        ...

    def all_trades(self, symbol: str) -> tuple[VenueTrade, ...]:
        """Return every trade of the symbol that it still tells of, from the first on. Raises BrokerUnavailable."""
        ...

    def holdings(self, symbols: tuple[str, ...]) -> Balances | None:
        """What the broker holds of the symbols that it lists; None where the ledger itself is the book.

        Raises BrokerUnavailable, BrokerRefused if it lists none of them.
        """
        ...

    def charges(self, since: datetime) -> tuple[FundingPayment, ...]:
        """What it charged or paid without a trade at `since` or later. Raises BrokerUnavailable."""
        ...
