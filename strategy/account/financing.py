"""Financing of an account from one day's marks to the next: what it pays for borrowing and earns on its cash."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from strategy.account.interest_rates import FinancingTerms
from strategy.account.money import quantised
from strategy.account.state import Account, Entry, EntryKind
from strategy.market.instruments import CALENDAR_DAYS_PER_YEAR

_ZERO = Decimal(0)


def financing_entries(
    account: Account, as_of: date, terms: FinancingTerms, perpetuals: Collection[str] = ()
) -> tuple[Entry, ...]:
    """Return what the account pays and earns from its last marks to `as_of`, at the rates of the last marks' day.

    With the long value L, the short value S and the equity E at the last marks, each times days / 365:
    borrowed money, max(0, L − E), costs `borrow`; cash of one's own, max(0, E − L), earns `cash` while E is above 0;
    short positions, S, cost `short`, and their proceeds are collateral that earns nothing. At a flat rate what is
    borrowed and sold short is one entry. Entries of no money are left out.

    `perpetuals` pay funding instead: they are no part of L and S, and their values P are collateral that earns nothing,
    so that cash earns on max(0, E − L − Σ|P|).

    Raises RatesMissing.
    """
    equity = account.equity
    values = [position.value for symbol, position in account.positions.items() if symbol not in perpetuals]
    collateral = sum((abs(account.positions[symbol].value) for symbol in perpetuals), _ZERO)
    long = sum((value for value in values if value > 0), _ZERO)
    short = -sum((value for value in values if value < 0), _ZERO)
    debt = max(_ZERO, long - equity)
    days = (as_of - account.as_of).days

    def over(rate: Decimal, held: Decimal) -> Decimal:
        # Most accounts neither borrow nor lend on most days: nothing is rounded for them.
        return quantised(rate * days / CALENDAR_DAYS_PER_YEAR * held) if rate and held else _ZERO

    flat_rate = terms.flat_rate
    if flat_rate is not None:
        moved = {EntryKind.FINANCING: -over(flat_rate, debt + short)}
    else:
        rates = terms.at(account.as_of)
        moved = {
            EntryKind.FINANCING: -over(rates.borrow, debt),
            EntryKind.INTEREST: over(rates.cash, max(_ZERO, equity - long - collateral) if equity > 0 else _ZERO),
            EntryKind.SHORT_FEE: -over(rates.short, short),
        }
    return tuple(
        Entry(as_of=as_of, kind=kind, symbol="", cash=cash, quantity=_ZERO) for kind, cash in moved.items() if cash
    )
