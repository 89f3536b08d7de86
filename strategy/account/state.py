"""The account in Decimal: cash, positions and their marks, and the ledger entries that are not trades."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from strategy.account.money import quantised

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Position in one symbol: signed quantity, its last close and the session of that close (None: unknown).

    `fx_rate` converts the close, which is in the currency of the symbol's prices, into that of the account. `value` is
    the signed market value at the close, in the currency of the account.
    """

    quantity: Decimal
    mark: Decimal
    marked_on: date | None = None
    fx_rate: Decimal = _ONE
    value: Decimal = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compute the value once: each day of a backtest reads it several times."""
        object.__setattr__(self, "value", quantised(self.quantity * self.mark * self.fx_rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Cash and positions at the close of `as_of`."""

    as_of: date
    cash: Decimal
    positions: Mapping[str, Position] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def equity(self) -> Decimal:
        """Return cash plus the value of all positions at their marks."""
        return self.cash + sum((position.value for position in self.positions.values()), Decimal(0))

    def quantity(self, symbol: str) -> Decimal:
        """Return the signed quantity held of the symbol; zero if none."""
        position = self.positions.get(symbol)
        return position.quantity if position else Decimal(0)


#: A position worth less than this fraction of equity is dust: a rounding remainder, too small to sell.
DUST = Decimal("1e-5")


class EntryKind(StrEnum):
    """Reason for a ledger entry that is not a trade."""

    FINANCING = "financing"
    INTEREST = "interest"
    SHORT_FEE = "short_fee"
    FACTOR = "factor"
    FEE = "fee"
    FUNDING = "funding"
    REBASE = "rebase"
    UNIT = "unit"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    DELISTING = "delisting"
    FX = "fx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Change of the account without a trade: cash paid or earned, or units added by a split or reinvested dividend.

    Cash is paid for financing and for short positions, and earned as interest. Units are also added when past prices
    are restated in another unit. Perpetual futures receive and pay funding. At an external broker, entries also book
    units withheld as a fee, and what a reset of the broker added or removed.
    A delisting pays a position out in cash, at the price that a person has stated.
    On paper, entries book deposits, withdrawals and positions that were transferred. `profit` is what a change of an
    exchange rate brought a position, in the account's currency: it is in the marks, and moves no cash.
    `before_fills` is the part of the cash of a funding payment that is due on what was held before the day's fills.
    Natural key: (as_of, kind, symbol); what concerns the whole account, as financing does, has symbol "".
    """

    as_of: date
    kind: EntryKind
    symbol: str
    cash: Decimal
    quantity: Decimal
    profit: Decimal = Decimal(0)
    before_fills: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The account at the close of a day, with its drawdown from the highest unit value of the look-back (a fraction).

    `own_unit_value` is the equity free of money paid in or out; None where there was none so far, or no difference.
    `previous` is the account date before; None on the first, and where nothing is decided.
    """

    account: Account
    equity: Decimal
    drawdown: float
    own_unit_value: Decimal | None = None
    previous: date | None = field(default=None, compare=False, repr=False)

    @property
    def unit_value(self) -> Decimal:
        """Return what returns, peaks and drawdowns are measured on: the equity, free of money paid in or out."""
        return self.equity if self.own_unit_value is None else self.own_unit_value

    def exposure(self, symbol: str) -> float:
        """Return the signed market value of a position over equity; 0 without one, or when no equity is left.

        >>> share = Position(quantity=Decimal(-2), mark=Decimal(25))
        >>> account = Account(as_of=date(2020, 1, 2), cash=Decimal(150), positions={"A": share})
        >>> day = Snapshot(account=account, equity=account.equity, drawdown=0.0)
        >>> day.exposure("A"), day.exposure("B")
        (-0.5, 0.0)
        """
        position = self.account.positions.get(symbol)
        return float(position.value / self.equity) if position is not None and self.equity > 0 else 0.0

    @property
    def held(self) -> dict[str, Position]:
        """Return the positions worth showing, by symbol: neither empty nor dust.

        >>> held = {
        ...     "A": Position(quantity=Decimal("0.000001"), mark=Decimal(50)),
        ...     "B": Position(quantity=Decimal(-1), mark=Decimal(9)),
        ... }
        >>> account = Account(as_of=date(2020, 1, 2), cash=Decimal(1000), positions=held)
        >>> list(Snapshot(account=account, equity=account.equity, drawdown=0.0).held)
        ['B']
        """
        least = DUST * max(self.equity, Decimal(0))
        return {
            symbol: position
            for symbol, position in sorted(self.account.positions.items())
            if position.quantity and abs(position.value) >= least
        }
