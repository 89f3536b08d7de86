"""Restated prices: published prices delivered again at one common ratio, and the change of unit in an account.

A split, a redenomination or a dividend that a vendor takes out of its raw prices restates the past. Prices are known to
their printed decimals, so each price gives an interval for the ratio; if the intervals of FEWEST_BARS bars share a
value other than 1, the ratio is certain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import numpy as np

from strategy.account.money import quantised
from strategy.account.state import Account, Entry, EntryKind
from strategy.backtest.day_loop import AccountState
from strategy.market.bars import FloatArray

#: Bars that must agree on a ratio before it is certain.
FEWEST_BARS = 5
#: Fraction of restated bars that may deviate from the ratio: vendors correct prices on the same occasion.
MOST_STRAYS = 0.1
#: Best relative precision assumed of any vendor's price: Yahoo's single precision carries seven digits.
PRICE_PRECISION = 1e-6
#: Largest change of a close, not explained by a ratio, that still counts as a price correction.
LARGEST_CORRECTION = 0.05
#: Number of decimals beyond which a float's digits carry no information.
_MOST_DECIMALS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Ratio of new to old prices: the interval that the restated bars allow, their number, and the newest one's row."""

    least: float
    most: float
    bars: int
    last: int

    @property
    def value(self) -> float:
        """Return the simplest fraction in the interval, or its midpoint if there is no simple one.

        >>> Ratio(least=0.66660, most=0.66671, bars=9, last=8).value == 2 / 3
        True
        """
        for parts in range(1, 101):
            whole = round((self.least + self.most) / 2 * parts)
            if whole and self.least <= whole / parts <= self.most:
                return whole / parts
            inverse = round(parts / ((self.least + self.most) / 2))
            if inverse and self.least <= parts / inverse <= self.most:
                return parts / inverse
        return (self.least + self.most) / 2


def rounding(prices: FloatArray) -> float:
    """Return half a unit in the last decimal place that any of the prices uses.

    >>> rounding(np.array([10.25, 3.0]))
    0.005
    """
    texts = (f"{price:.{_MOST_DECIMALS}f}".rstrip("0") for price in prices.ravel().tolist())
    return float(0.5 * 10.0 ** -max((len(text.partition(".")[2]) for text in texts), default=0))


def intervals(old: FloatArray, new: FloatArray, halves: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest ratio of new to old that each bar's four prices allow, (N,) each.

    `old` and `new` are (N, 4), `halves` their `rounding`. If the prices contradict each other, lowest exceeds highest.
    """
    below = np.fmax(halves[0], PRICE_PRECISION * np.abs(old))
    above = np.fmax(halves[1], PRICE_PRECISION * np.abs(new))
    with np.errstate(divide="ignore", invalid="ignore"):
        least = ((new - above) / (old + below)).max(axis=1)
        most = np.where(old > below, (new + above) / (old - below), np.inf).min(axis=1)
    return least, most


def common_ratio(old: FloatArray, new: FloatArray) -> Ratio | None:
    """Return the ratio at which a history was restated from its newest changed bar backwards; None if none is certain.

    `old` and `new` are open, high, low and close of the bars as published and as delivered again, (N, 4) each, oldest
    first. Bars after the newest changed one are in the new unit already. At most MOST_STRAYS of the others may deviate
    from the ratio.
    """
    changed = np.flatnonzero((old != new).any(axis=1))
    if not changed.size:
        return None
    stop = int(changed[-1]) + 1
    least, most = intervals(old[:stop], new[:stop], (rounding(old[:stop]), rounding(new[:stop])))
    agreed = _agreement([(least[row : row + 1], most[row : row + 1]) for row in range(stop - 1, -1, -1)])
    if agreed is None:
        return None
    low, high, bars = agreed
    return Ratio(least=low, most=high, bars=bars, last=stop - 1)


def _agreement(spans: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[float, float, int] | None:
    """Return the interval common to the bars, newest first, and how many bars agree on it; None if not certain.

    Each bar brings one interval per former revision, as lowest and highest. The newest and the oldest bar must agree: a
    correction of one wrong period leaves the bars before it unchanged.
    """
    low, high, agreeing, oldest = 0.0, np.inf, 0, False
    for least, most in spans:
        fitting = np.flatnonzero(np.maximum(least, low) <= np.minimum(most, high))
        oldest = bool(fitting.size)
        if oldest:
            low, high = max(low, float(least[fitting[0]])), min(high, float(most[fitting[0]]))
            agreeing += 1
        elif not agreeing:
            return None
    strays = len(spans) - agreeing
    if agreeing < FEWEST_BARS or not oldest or strays > MOST_STRAYS * len(spans):
        return None
    # Prices with few digits allow many ratios: the interval must be narrower than its distance from 1.
    if not low > 0.0 or not np.log(high / low) < abs(np.log(low * high)) / 2.0:
        return None
    return low, high, agreeing


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange:
    """The close of `on` as an account used it, and as it is now; `bars` bars agree on the ratio (0: not certain)."""

    symbol: str
    on: date
    old: Decimal
    new: Decimal
    bars: int

    @property
    def certain(self) -> bool:
        """Return whether enough bars agree on the ratio."""
        return self.bars >= FEWEST_BARS

    @property
    def misleading(self) -> bool:
        """Return whether the closes are too far apart to be a price correction."""
        return abs(float(self.new / self.old) - 1.0) > LARGEST_CORRECTION


def in_new_units(
    state: AccountState, held: Mapping[str, UnitChange], ordered: Mapping[str, UnitChange]
) -> AccountState:
    """Return the account state in the units of today's bars; positions and open orders keep their value.

    `held` maps symbols to the changes of their marks, `ordered` maps order ids to the changes of the closes at which
    the orders were decided.
    """
    account = state.account
    positions = {
        symbol: replace(position, quantity=_in_units(position.quantity, held[symbol]), mark=held[symbol].new)
        if symbol in held
        else position
        for symbol, position in account.positions.items()
    }
    orders = tuple(
        replace(order, quantity=_in_units(order.quantity, ordered[order.order_id]), mark=ordered[order.order_id].new)
        if order.order_id in ordered
        else order
        for order in state.open_orders
    )
    moved = Account(as_of=account.as_of, cash=account.cash, positions=MappingProxyType(positions))
    return replace(state, account=moved, open_orders=orders)


def _in_units(quantity: Decimal, change: UnitChange) -> Decimal:
    return quantised(quantity * change.old / change.new)


def unit_entries(before: AccountState, after: AccountState, as_of: date) -> tuple[Entry, ...]:
    """Return entries for the units that a change of unit added, dated `as_of`, sorted by symbol."""
    positions = after.account.positions
    return tuple(
        Entry(as_of=as_of, kind=EntryKind.UNIT, symbol=symbol, cash=Decimal(0), quantity=added)
        for symbol, position in sorted(before.account.positions.items())
        if (added := positions[symbol].quantity - position.quantity)
    )


def agreeing_bars(old: Sequence[Sequence[FloatArray]], new: FloatArray) -> int:
    """Return how many bars have a former revision at one common ratio to today's prices; 0 if that is not certain.

    `old` holds for each bar, newest first, open, high, low and close (4,) of its former revisions; `new` (N, 4) are
    today's.
    """
    known = [np.reshape(former, (-1, 4)) for former in old]
    halves = rounding(np.concatenate(known)), rounding(new)
    agreed = _agreement(
        [intervals(former, current[None, :], halves) for former, current in zip(known, new, strict=True)]
    )
    return 0 if agreed is None else agreed[2]
