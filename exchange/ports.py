"""Ports to the outside world: bar source and broker, their values and their exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

import pandas as pd

from strategy.account.orders import Order
from strategy.broker.fills import BrokerFill as BrokerFill
from strategy.broker.fills import FundingPayment as FundingPayment
from strategy.broker.fills import ListedOrder as ListedOrder
from strategy.broker.fills import VenueOrder as VenueOrder
from strategy.broker.fills import VenueTrade as VenueTrade
from strategy.exit_codes import Exit
from strategy.market.delivered_columns import BAR_COLUMNS as BAR_COLUMNS
from strategy.market.delivered_columns import MOVED as MOVED
from strategy.market.delivered_columns import OWN as OWN
from strategy.market.delivered_columns import UNREAD as UNREAD
from strategy.market.funding_rates import FundingRate as FundingRate
from strategy.market.instruments import Instrument


class SourceUnavailable(Exception):
    """The source did not answer within the bounded retries; try again later (exit 4)."""

    exit_code = Exit.UNREACHABLE


class SourceRefused(ValueError):
    """The request or the file cannot be served as it is: unknown symbol, not daily, missing columns (exit 2)."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRequest:
    """Request for bars: per symbol the first session date (None: the whole history), up to and including `until`.

    `now` is the instant of the run (timezone-aware UTC): a streaming source returns only bars closed before it.
    """

    since: Mapping[str, date | None]
    until: date
    now: datetime

    def __post_init__(self) -> None:
        if not self.since:
            raise ValueError("no symbol was requested; name at least one")
        if self.now.tzinfo is None:
            raise ValueError(f"now is {self.now}; it must carry a time zone")


class BarSource(Protocol):
    """Port for sources of daily bars."""

    @property
    def name(self) -> str:
        """Return the key of its bars in the store: the name of the source, or `file:/absolute/path`."""
        ...

    @property
    def streaming(self) -> bool:
        """Return True if new bars arrive with time (binance and yahoo), False for a fixed record (sample, file)."""
        ...

    def symbols(self) -> tuple[str, ...]:
        """Return the default symbols, for when the user names none."""
        ...

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return what is known or inferred about each symbol. Raises SourceRefused for a symbol it does not have."""
        ...

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest session date on which any of the symbols has a closed bar."""
        ...

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars, as BAR_COLUMNS, **in the source's own order and with its faults**.

        The data gate judges them. Rows may be sorted only if a column MOVED marks them. Raises SourceRefused,
        SourceUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRequest:
    """Request for payments of funding: per symbol the first instant (None: the whole history), up to `until`."""

    since: Mapping[str, datetime | None]
    until: datetime


@runtime_checkable
class FundingSource(Protocol):
    """Port for sources of bars that also have the funding of their perpetual futures."""

    def funding(self, request: FundingRequest) -> Mapping[str, tuple[FundingRate, ...]]:
        """Return the payments of each symbol, oldest first, as the venue stamps them.

        Raises SourceRefused, SourceUnavailable.
        """
        ...


class BrokerUnavailable(Exception):
    """The broker did not answer, or did not accept the request; it may be tried again (exit 4).

    `retry_after_s` is the wait in seconds before the next try, if known and short.
    """

    exit_code = Exit.UNREACHABLE

    def __init__(self, said: str, retry_after_s: float | None = None) -> None:
        super().__init__(said)
        self.retry_after_s = retry_after_s


class BrokerRefused(ValueError):
    """The broker will not serve this account as it is: bad keys, an unlisted symbol, the wrong mode (exit 2)."""

    exit_code = Exit.USAGE


class NotTrading(BrokerRefused):
    """The broker lists the symbol but does not trade it now: halted, or no market orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """A broker's report on an order: the order in its new state, with the reason, and all its trades so far.

    The state is UNKNOWN if the broker may or may not have accepted it: query again, never send again. `venue` is the
    broker's confirmation in this answer, even if the rest of the answer could not be read; None if there is none.
    """

    order: Order
    executions: tuple[BrokerFill, ...] = ()
    venue: VenueOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """All holdings of a user at the broker: cash in the quote asset, and the signed quantity of each symbol.

    Spot: the balances of the quote asset, free and locked, and of the base assets. Futures: the wallet balance, which
    trades change only by their realised profit, and the positions.
    `locked` is the part of the cash that is reserved for resting orders; `on_margin`: positions are not paid in full,
    and `entry_prices` holds the cost per unit of each, if reported.
    `charges_held`: the ids of recent funding payments that the cash includes, where a baseline is made of it.
    `delisted`: symbols that are delisted and that the broker lists no longer, with what is not the account's of them.
    """

    cash: Decimal
    positions: Mapping[str, Decimal]
    locked: Decimal = Decimal(0)
    on_margin: bool = False
    entry_prices: Mapping[str, Decimal] = field(default_factory=dict)
    charges_held: frozenset[str] = frozenset()
    delisted: frozenset[str] = frozenset()


class Broker(Protocol):
    """Port for brokers. Every method except `submit` may be repeated at will."""

    @property
    def name(self) -> str:
        """Return the broker's name: `paper`, `testnet-spot` or `testnet-futures`."""
        ...

    def now(self) -> datetime:
        """Return the venue's clock, timezone-aware UTC, by which orders are sent and queried."""
        ...

    def instruments(self, instruments: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
        """Return the instruments with this venue's rules: its lots, ticks, order limits, and short sales.

        Raises BrokerRefused for a symbol that it does not list, NotTrading for one that it has halted, and
        BrokerUnavailable.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Wait for that many seconds."""
        ...

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:
        """Submit the order at once or not at all; `sent_at` is the instant of its claim by the venue's clock.

        It is sent once: a failure that leaves the outcome open gives UNKNOWN, not an error. Raises BrokerUnavailable or
        BrokerRefused only if the order certainly did not arrive.
        """
        ...

    def enquire(self, order: Order, sent_at: datetime, venue: VenueOrder | None = None) -> OrderReport:
        """Return the current state of an order that was sent at that instant; `venue` is its earlier confirmation.

        It is queried once. The state is UNKNOWN, with a reason code, if the broker does not report it: even if the
        broker knows no such order, it may have arrived. Raises BrokerUnavailable.
        """
        ...

    def cancel(self, order: Order, sent_at: datetime) -> OrderReport:
        """Cancel the rest of the order, and return its state, or the state in which it had already ended.

        Raises BrokerUnavailable.
        """
        ...

    def orders_since(self, symbol: str, since: datetime) -> tuple[ListedOrder, ...]:
        """Return the open orders of the symbol, and all its orders at `since` or later.

        Raises BrokerUnavailable.
        """
        ...

    def trades_since(self, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        """Return all trades of the symbol at `since` or later, of any order. Raises BrokerUnavailable."""
        ...

    def all_trades(self, symbol: str) -> tuple[VenueTrade, ...]:
        """Return every trade of the symbol that it still reports, from the first on. Raises BrokerUnavailable."""
        ...

    def holdings(self, symbols: tuple[str, ...], cash: str = "") -> Balances | None:
        """Return the broker's holdings of the symbols that it lists; None if the ledger itself is the only record.

        `cash` names the asset that they are paid in, if known: it is needed where the broker lists none of them.
        Raises BrokerUnavailable, and BrokerRefused if it does not list them and `cash` is empty.
        """
        ...

    def charges(self, since: datetime) -> tuple[FundingPayment, ...]:
        """Return what it charged or paid without a trade at `since` or later. Raises BrokerUnavailable."""
        ...
