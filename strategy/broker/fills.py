"""Fills, fees and funding at an external broker, and their fills and entries in the account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from strategy.account.orders import Fill, Side
from strategy.account.state import Entry, EntryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFill:
    """A trade as reported by the broker. Natural key: (order_id, trade_id).

    `executed_at` is timezone-aware UTC. `fee` is in `fee_asset`, which may be the asset that was bought. `realised` is
    the trade's profit in the wallet of a margin account, before the fee; None if trades are paid in full. `amount` is
    the amount paid or received in the quote asset, with the broker's own precision; None if it is not reported. `base`
    and `quote` are the symbol's assets as the broker names them; empty in old stores, where they are derived from the
    symbol's name. `fee_symbol` names the position that paid a fee which the trade did not pay itself; empty if none.
    """

    order_id: str
    trade_id: str
    symbol: str
    executed_at: datetime
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    realised: Decimal | None = None
    amount: Decimal | None = None
    base: str = ""
    quote: str = ""
    fee_symbol: str = ""

    @property
    def signed_quantity(self) -> Decimal:
        """Return the quantity, positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def paid(self) -> Decimal:
        """Return the amount paid in the quote asset, before the fee; negative if it was received."""
        if self.amount is None:
            return self.signed_quantity * self.price
        return self.amount if self.side is Side.BUY else -self.amount

    @property
    def paid_in(self) -> "PaidIn":
        """Return whether the fee was paid in cash, in units of a position, or in assets outside the account.

        >>> BrokerFill(
        ...     order_id="a", trade_id="1", symbol="BTCUSDT", executed_at=datetime(2020, 1, 1, tzinfo=UTC),
        ...     side=Side.BUY, quantity=Decimal(1), price=Decimal(100), fee=Decimal("0.001"), fee_asset="BTC",
        ... ).paid_in
        <PaidIn.UNITS: 'units'>
        """
        in_quote = self.fee_asset == self.quote if self.quote else self.symbol.endswith(self.fee_asset)
        if not self.fee or in_quote:
            return PaidIn.CASH
        if self.fee_symbol:
            return PaidIn.UNITS
        # A position on margin does not hold the asset that was bought. A sale pays its fee in the asset sold only if
        # all fees are paid in one asset (BNB), from whatever balance the user has of it.
        if self.base:
            owned = self.realised is None and self.fee_asset == self.base and self.side is Side.BUY
        else:
            owned = self.realised is None and self.symbol.startswith(self.fee_asset)
        return PaidIn.UNITS if owned else PaidIn.ELSEWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An external broker's confirmation of an order that it accepted: the broker's own order number and the time.

    `venue_order_id` is empty if only trades of the order are known. `transacted_at` is timezone-aware UTC.
    """

    venue_order_id: str
    transacted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order in a broker's list of orders: the id under which it was sent, and the broker's confirmation."""

    order_id: str
    venue: VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTrade:
    """A trade in a broker's list of trades, which identifies its order only by the broker's number."""

    venue_order_id: str
    trade_id: str
    symbol: str
    executed_at: datetime
    signed_quantity: Decimal


class PaidIn(StrEnum):
    """Means of payment of a fee: the quote asset, units of a position, or an asset outside the account."""

    CASH = "cash"
    UNITS = "units"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """Cash that moved without a trade, such as funding; positive if received. Natural key: `charge_id`."""

    charge_id: str
    charged_at: datetime
    symbol: str
    cash: Decimal


def fees_elsewhere(executions: Sequence[BrokerFill], bases: Mapping[str, str]) -> dict[str, Decimal]:
    """Return by symbol the units that fees took from assets outside the account; `bases` names each symbol's asset.

    A fee in an asset that is the base of several symbols reduces the balance of each.
    """
    units: dict[str, Decimal] = {}
    for execution in executions:
        if execution.paid_in is PaidIn.ELSEWHERE and execution.realised is None:
            for symbol in (symbol for symbol, base in bases.items() if base == execution.fee_asset):
                units[symbol] = units.get(symbol, Decimal(0)) + execution.fee
    return units


def booking_day(at: datetime, settled: date) -> date:
    """Return the account day on which to book an event: its own date, or the day after `settled` if that is later.

    >>> booking_day(datetime(2020, 1, 2, 0, 5, tzinfo=UTC), date(2020, 1, 1))
    datetime.date(2020, 1, 2)
    >>> booking_day(datetime(2020, 1, 2, 0, 5, tzinfo=UTC), date(2020, 1, 4))
    datetime.date(2020, 1, 5)
    """
    return max(at.astimezone(UTC).date(), settled + timedelta(days=1))


def as_fill(execution: BrokerFill, as_of: date) -> Fill:
    """Return the fill to book on the day; a fee that was not paid in cash counts as 0 here."""
    return Fill(
        order_id=execution.order_id,
        trade_id=execution.trade_id,
        symbol=execution.symbol,
        as_of=as_of,
        side=execution.side,
        quantity=execution.quantity,
        price=execution.price,
        fee=execution.fee if execution.paid_in is PaidIn.CASH else Decimal(0),
        amount=execution.amount,
    )


def fee_entries(executions: Sequence[BrokerFill], as_of: date) -> tuple[Entry, ...]:
    """Return the units that paid fees of the day's trades, one entry per paying position, sorted by symbol."""
    units: dict[str, Decimal] = {}
    for execution in executions:
        if execution.paid_in is PaidIn.UNITS:
            payer = execution.fee_symbol or execution.symbol
            units[payer] = units.get(payer, Decimal(0)) - execution.fee
    return tuple(
        Entry(as_of=as_of, kind=EntryKind.FEE, symbol=symbol, cash=Decimal(0), quantity=quantity)
        for symbol, quantity in sorted(units.items())
    )


def charge_entries(charges: Sequence[FundingPayment], as_of: date) -> tuple[Entry, ...]:
    """Return the cash that moved without a trade on the day, one entry per symbol, sorted by symbol."""
    cash: dict[str, Decimal] = {}
    for charge in charges:
        cash[charge.symbol] = cash.get(charge.symbol, Decimal(0)) + charge.cash
    return tuple(
        Entry(as_of=as_of, kind=EntryKind.FUNDING, symbol=symbol, cash=moved, quantity=Decimal(0))
        for symbol, moved in sorted(cash.items())
        if moved
    )
