"""Costs of an account: fees, slippage, financing, short positions and funding; and the interest that its cash earns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from strategy.account.fees_and_slippage import BASIS_POINT, Costs
from strategy.account.interest_rates import FinancingTerms
from strategy.account.money import quantised
from strategy.account.orders import Fill
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
    """Money paid over the life of an account, the `interest` that it earned, and its average equity.

    `fx_profit` is what changes of exchange rates brought its positions; fees include those of converting. `funding` is
    what perpetual futures paid on balance, below 0 where they received more. `years` is None if no day has passed.
    """

    fees: Decimal
    slippage: Decimal
    financing: Decimal
    short_fee: Decimal
    interest: Decimal
    average_equity: Decimal
    years: float | None
    fx_profit: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Return what was paid: the sum of fees, slippage, financing, the fee of short positions and funding."""
        return self.fees + self.slippage + self.financing + self.short_fee + self.funding

    def per_year(self, paid: Decimal) -> float | None:
        """Return the money paid per year as a fraction of average equity; None without time or positive equity.

        >>> none = Decimal(0)
        >>> one = Charges(
        ...     fees=Decimal(20), slippage=none, financing=none, short_fee=none, interest=none,
        ...     average_equity=Decimal(1000), years=2.0,
        ... )
        >>> one.per_year(one.fees)
        0.01
        """
        if not self.years or self.average_equity <= 0:
            return None
        return float(paid / self.average_equity) / self.years


def charges(replayed: Replay, quotes: Quotes, days_per_year: int) -> Charges:
    """Return what the account paid and earned: slippage is the distance of each fill from its open, the rest as booked.

    It is rounded fill by fill, as an attribution has it.
    """
    opens = {day: quotes.on(day) for day in {fill.as_of for fill in replayed.fills}}
    equities = replayed.equities
    days = len(equities) - 1
    return Charges(
        fees=quantised(sum((fill.fee for fill in replayed.fills), Decimal(0))),
        slippage=sum((slipped(fill, opens[fill.as_of].get(fill.symbol)) for fill in replayed.fills), Decimal(0)),
        financing=-_booked(replayed, EntryKind.FINANCING),
        short_fee=-_booked(replayed, EntryKind.SHORT_FEE),
        interest=_booked(replayed, EntryKind.INTEREST),
        average_equity=quantised(sum(equities, Decimal(0)) / len(equities)),
        years=days / days_per_year if days else None,
        fx_profit=quantised(sum((entry.profit for entry in replayed.entries), Decimal(0))),
        funding=-_booked(replayed, EntryKind.FUNDING),
    )


def slipped(fill: Fill, quote: Quote | None) -> Decimal:
    """Return what a fill cost beyond the open, in the account's currency; below 0 where it was better.

    Without a quote it is 0: a delisted position is closed at its last mark.

    >>> from datetime import date
    >>> from strategy.account.orders import Side
    >>> sold = Fill(
    ...     order_id="o", trade_id="1", symbol="A", as_of=date(2020, 1, 3), side=Side.SELL, quantity=Decimal(4),
    ...     price=Decimal(99), fee=Decimal(0),
    ... )
    >>> slipped(sold, Quote(open=Decimal(100), close=Decimal(98))).normalize(), slipped(sold, None)
    (Decimal('4'), Decimal('0'))
    """
    if quote is None:
        return Decimal(0)
    return quantised(fill.signed_quantity * (fill.price - quote.open) * fill.fx_rate)


def _booked(replayed: Replay, kind: EntryKind) -> Decimal:
    return quantised(sum((entry.cash for entry in replayed.entries if entry.kind is kind), Decimal(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The rates that apply: fee and slippage in basis points by symbol, and the terms of financing.

    `per_share` and `min_fee` are in money, `impact` is the coefficient of the square-root law, `fx_bps` what converting
    the currency of the prices costs; each is of the symbols that have it. `perpetuals` pay funding, no interest.
    """

    fee_bps: Mapping[str, float]
    slippage_bps: Mapping[str, float]
    financing: FinancingTerms
    per_share: Mapping[str, float] = field(default_factory=dict)
    min_fee: Mapping[str, float] = field(default_factory=dict)
    impact: Mapping[str, float] = field(default_factory=dict)
    fx_bps: Mapping[str, float] = field(default_factory=dict)
    perpetuals: tuple[str, ...] = ()


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
        financing=costs.financing,
        per_share=_charged(instruments, costs.per_share),
        min_fee=_charged(instruments, costs.min_fee),
        impact=_charged(instruments, costs.impact),
        fx_bps=_charged(instruments, lambda each: costs.conversion(each) / BASIS_POINT),
        perpetuals=tuple(
            symbol for symbol, each in sorted(instruments.items()) if costs.instruments.applied(each).perpetual
        ),
    )


def _charged(instruments: Mapping[str, Instrument], amount: Callable[[Instrument], Decimal]) -> dict[str, float]:
    """Return the amount of each symbol that has one."""
    return {symbol: float(paid) for symbol, each in sorted(instruments.items()) if (paid := amount(each))}
