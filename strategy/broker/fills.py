"""What trades at a broker outside the process mean for the account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from strategy.account.orders import Fill, Side
from strategy.account.state import Entry, EntryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFill:
    """A trade as the broker tells it. Natural key: (order_id, trade_id).

    `executed_at` is timezone-aware UTC. `fee` is in `fee_asset`, which may be the very asset that was bought.
    `realised` is what a margin account's wallet gained by it before the fee; None where trades are paid in full.
    `amount` is what was paid or received in the quote asset, to the digits in which the broker keeps its books; None
    where it did not say. `base` and `quote` are the assets of the symbol by the broker's own fields; empty in stores of
    old, where the symbol's name must do. `fee_symbol` names the position of the account that paid a fee which the trade
    itself did not pay; empty where none did.
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
        """Positive for a buy, negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def paid(self) -> Decimal:
        """What was paid in the quote asset, before the fee; negative where it was received."""
        if self.amount is None:
            return self.signed_quantity * self.price
        return self.amount if self.side is Side.BUY else -self.amount

    @property
    def paid_in(self) -> "PaidIn":
        """Which side of the symbol the fee was taken from.

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
        # A position on margin is not made of what was bought; and a sale pays in what it sold only where all fees are
        # paid in one asset (BNB), from whatever the user has of it.
        if self.base:
            owned = self.realised is None and self.fee_asset == self.base and self.side is Side.BUY
        else:
            owned = self.realised is None and self.symbol.startswith(self.fee_asset)
        return PaidIn.UNITS if owned else PaidIn.ELSEWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """What a broker outside confirms of an order that it took: its own number for it, and when it took it.

    `venue_order_id` is empty where only trades of the order are known. `transacted_at` is timezone-aware UTC.
    """

    venue_order_id: str
    transacted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order in a broker's list of orders: under which id it was sent, and what the broker confirms of it."""

    order_id: str
    venue: VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTrade:
    """A trade in a broker's list of trades, which names its order by the broker's number alone."""

    venue_order_id: str
    trade_id: str
    symbol: str
    executed_at: datetime
    signed_quantity: Decimal


class PaidIn(StrEnum):
    """What a fee was paid in: the quote asset, units of a position, or something that the account does not own."""

    CASH = "cash"
    UNITS = "units"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """Cash that moved without a trade, as funding does: positive when received. Natural key: `charge_id`."""

    charge_id: str
    charged_at: datetime
    symbol: str
    cash: Decimal


def fees_elsewhere(executions: Sequence[BrokerFill], bases: Mapping[str, str]) -> dict[str, Decimal]:
    """Return by symbol the units that fees took from what the account does not own; `bases` names each symbol's asset.

    An asset that is the base of several symbols shrinks the balance of each.
    """
    units: dict[str, Decimal] = {}
    for one in executions:
        if one.paid_in is PaidIn.ELSEWHERE and one.realised is None:
            for symbol in (symbol for symbol, base in bases.items() if base == one.fee_asset):
                units[symbol] = units.get(symbol, Decimal(0)) + one.fee
    return units


def booking_day(at: datetime, settled: date) -> date:
    """The account day that an event belongs to: its own date, or the first open one if that is settled already.

    >>> booking_day(datetime(2020, 1, 2, 0, 5, tzinfo=UTC), date(2020, 1, 1))
    datetime.date(2020, 1, 2)
    >>> booking_day(datetime(2020, 1, 2, 0, 5, tzinfo=UTC), date(2020, 1, 4))
    datetime.date(2020, 1, 5)
    """
    return max(at.astimezone(UTC).date(), settled + timedelta(days=1))


def as_fill(execution: BrokerFill, as_of: date) -> Fill:
    """The fill that the account books on the day; a fee that was not paid in cash is none here."""
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
    """The units that paid fees of the day's trades, one entry for each position that paid, sorted by symbol."""
    units: dict[str, Decimal] = {}
    for one in executions:
        if one.paid_in is PaidIn.UNITS:
            payer = one.fee_symbol or one.symbol
            units[payer] = units.get(payer, Decimal(0)) - one.fee
    return tuple(
        Entry(as_of=as_of, kind=EntryKind.FEE, symbol=symbol, cash=Decimal(0), quantity=quantity)
        for symbol, quantity in sorted(units.items())
    )


def charge_entries(charges: Sequence[FundingPayment], as_of: date) -> tuple[Entry, ...]:
    """The cash that moved without a trade on the day, one entry a symbol, sorted by symbol."""
    cash: dict[str, Decimal] = {}
    for one in charges:
        cash[one.symbol] = cash.get(one.symbol, Decimal(0)) + one.cash
    return tuple(
        Entry(as_of=as_of, kind=EntryKind.FUNDING, symbol=symbol, cash=moved, quantity=Decimal(0))
        for symbol, moved in sorted(cash.items())
        if moved
    )
