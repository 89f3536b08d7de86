"""What the product asks of the outside world, and the ways in which the world fails it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import pandas as pd

from strategy.account import Account
from strategy.instruments import Instrument
from strategy.orders import Fill, Order

#: Columns of the frame that a source returns, in order. Prices and volume are float64 (volume and adj_close may be
#: NaN), symbol is str, open_time is datetime64[us], the UTC session date at midnight.
BAR_COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume", "adj_close")


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
        """The key of its bars in the store: `sample`, `binance`, `file:/absolute/path`."""
        ...

    @property
    def streaming(self) -> bool:
        """Whether new bars keep coming by the wall clock (binance), or this is a record to replay (sample, file)."""
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

        Raises SourceRefused, SourceUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerReport:
    """What a broker answered: orders in their new states, and fills not seen before."""

    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]


class Broker(Protocol):
    """Where orders go."""

    @property
    def name(self) -> str:
        """`paper`, `testnet-spot` or `testnet-futures`."""
        ...

    def submit(self, orders: tuple[Order, ...], account: Account) -> BrokerReport:
        """The orders as the broker took them."""
        ...
