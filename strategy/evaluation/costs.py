"""Trading costs of an account: fees, slippage and financing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from strategy.account.fees_and_slippage import BASIS_POINT, Costs
from strategy.account.money import quantised
from strategy.account.quotes import Quote
from strategy.account.state import EntryKind
from strategy.backtest.day_loop import Replay
from strategy.market.instruments import Instrument


class Quotes(Protocol):
    """The bars of a day, by symbol."""

    def on(self, day: date) -> Mapping[str, Quote]:
        """Return the day's quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """Money paid over the life of an account, and its average equity; `years` is None if no day has passed."""

    fees: Decimal
    slippage: Decimal
    financing: Decimal
    average_equity: Decimal
    years: float | None

    @property
    def total(self) -> Decimal:
        """Return the sum of fees, slippage and financing."""
        return self.fees + self.slippage + self.financing

    def per_year(self, paid: Decimal) -> float | None:
        """Return the money paid per year as a fraction of average equity; None without time or positive equity.

        >>> one = Charges(
        ...     fees=Decimal(20), slippage=Decimal(0), financing=Decimal(0), average_equity=Decimal(1000), years=2.0
        ... )
        >>> one.per_year(one.fees)
        0.01
        """
        if not self.years or self.average_equity <= 0:
            return None
        return float(paid / self.average_equity) / self.years


def charges(replayed: Replay, quotes: Quotes, days_per_year: int) -> Charges:
    """Return what the account paid: fees as booked, slippage as the distance of each fill from its open, financing.

    A delisted position is closed at its last mark, without slippage.
    """
    opens = {day: quotes.on(day) for day in {fill.as_of for fill in replayed.fills}}
    slipped = Decimal(0)
    for fill in replayed.fills:
        quote = opens[fill.as_of].get(fill.symbol)
        if quote is not None:
            slipped += fill.signed_quantity * (fill.price - quote.open)
    equities = [snapshot.equity for snapshot in replayed.snapshots]
    days = len(equities) - 1
    return Charges(
        fees=quantised(sum((fill.fee for fill in replayed.fills), Decimal(0))),
        slippage=quantised(slipped),
        financing=quantised(
            -sum((entry.cash for entry in replayed.entries if entry.kind is EntryKind.FINANCING), Decimal(0))
        ),
        average_equity=quantised(sum(equities, Decimal(0)) / len(equities)),
        years=days / days_per_year if days else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The cost rates that apply: basis points by symbol, the yearly financing rate as a fraction."""

    fee_bps: Mapping[str, float]
    slippage_bps: Mapping[str, float]
    financing_rate: float


def rates(costs: Costs, instruments: Mapping[str, Instrument]) -> Rates:
    """Return the rates of each symbol, with the default of its asset class where none is set."""
    return Rates(
        fee_bps={
            symbol: float(costs.fee(instrument) / BASIS_POINT) for symbol, instrument in sorted(instruments.items())
        },
        slippage_bps={
            symbol: float(costs.slippage(instrument) / BASIS_POINT)
            for symbol, instrument in sorted(instruments.items())
        },
        financing_rate=float(costs.financing_rate),
    )
