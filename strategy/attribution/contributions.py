"""Contributions to the net result of an account: by symbol, by direction and by regime, and each by its source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

from strategy.account.orders import Fill
from strategy.account.quotes import Quote
from strategy.account.state import DUST, Account, Entry, EntryKind, Snapshot
from strategy.attribution.financing_shares import financed
from strategy.attribution.gains import Gain
from strategy.attribution.recorded_gains import GainSums, recorded_gains
from strategy.attribution.symbol_gains import Direction, SymbolDay, direction_of, symbol_gains
from strategy.backtest.day_loop import Replay
from strategy.backtest.plain_records import RecordedCurve
from strategy.evaluation.costs import Quotes, Rates
from strategy.portfolio.decision import Decision

_NOTHING = Decimal(0)
#: Money that comes and goes without being earned; a transfer is one too, but of a position.
_FLOWS = frozenset({EntryKind.DEPOSIT, EntryKind.WITHDRAWAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one symbol gained in one direction and one regime; cash has the symbol "", and "" is no regime."""

    symbol: str
    direction: Direction
    regime: str
    gain: Gain


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The net result of an account as contributions, which add up to it exactly.

    `mean_exposures` are the signed market values over equity by symbol, on average over the closes; `invested` is the
    fraction of the closes at which anything but dust was held. Both are 0 without a day.
    """

    contributions: tuple[Contribution, ...]
    mean_exposures: Mapping[str, float]
    invested: float

    @property
    def total(self) -> Gain:
        """Return the sum of all contributions."""
        return sum((each.gain for each in self.contributions), Gain())

    @property
    def by_symbol(self) -> dict[str, Gain]:
        """Return the gain of each symbol that was ever held, by name, that of cash under "" last."""
        found = self._summed([each.symbol for each in self.contributions])
        return {symbol: found[symbol] for symbol in sorted(found, key=lambda symbol: (symbol == "", symbol))}

    @property
    def by_direction(self) -> dict[Direction, Gain]:
        """Return the gain of long positions, short positions and cash."""
        gains = self._summed([each.direction for each in self.contributions])
        return {direction: gains[direction] for direction in Direction if direction in gains}

    @property
    def by_regime(self) -> dict[str, Gain]:
        """Return the gain in each regime; that without a regime, cash above all, under "" last."""
        found = self._summed([each.regime for each in self.contributions])
        return {regime: found[regime] for regime in sorted(found, key=lambda regime: (regime == "", regime))}

    def _summed(self, keys: "Sequence[Key]") -> "dict[Key, Gain]":
        gains: dict[Key, Gain] = {}
        for key, each in zip(keys, self.contributions, strict=True):
            gains[key] = gains.get(key, Gain()) + each.gain
        return gains


Key = TypeVar("Key", str, Direction)


def attribution(record: Replay, quotes: Quotes, at: Rates) -> Attribution:
    """Return what earned the account's net result, from its first close to its last; money paid in or out is left out.

    A symbol's gain of a day is the change of its value, less what its fills cost, plus its entries. Slippage is the
    distance of a fill from its open; price is what is left. Financing is shared as `financed` says, and interest is
    that of cash. A day counts for the regime of the close before it, and for the direction of what was held; where a
    fill turns a position over, the gain up to the open is that of the old direction, and the rest, with the parts of
    the costs by what was closed and opened, that of the new one. What a reset of an external broker changed is price.
    """
    curve = record.curve
    recorded = recorded_gains(curve.records, quotes, at) if isinstance(curve, RecordedCurve) else None
    sums = recorded or gains_by_value(record, quotes, at)
    days = max(len(record.snapshots) - 1, 1)
    found = tuple(
        Contribution(symbol=symbol, direction=direction, regime=regime, gain=gain)
        for (symbol, direction, regime), gain in sorted(sums.gains.items())
    )
    means = {symbol: total / days for symbol, total in sorted(sums.exposures.items())}
    return Attribution(contributions=found, mean_exposures=means, invested=sums.invested / days)


def gains_by_value(record: Replay, quotes: Quotes, at: Rates) -> GainSums:
    """Return the gains of an account from the values of its days: the reference of `recorded_gains`."""
    sums = GainSums()
    decided, fills, entries = _by_day(record.decisions), _by_day(record.fills), _by_day(record.entries)
    regimes: dict[str, str] = {}
    for before, after in pairwise(record.snapshots):
        regimes |= {each.symbol: each.regime for each in decided.get(before.account.as_of, ()) if each.regime}
        as_of = after.account.as_of
        day = _Day(
            before=before.account,
            after=after.account,
            fills=fills.get(as_of, ()),
            entries=entries.get(as_of, ()),
            quotes=quotes.on(as_of),
        )
        for symbol, direction, gain in _gains(day, at):
            sums.add((symbol, direction, regimes.get(symbol, "")), gain)
        values = _values(after.account)
        sums.invested += _is_invested(after, values)
        _expose(sums.exposures, after, values)
    return sums


def _values(account: Account) -> dict[str, Decimal]:
    return {symbol: position.value for symbol, position in account.positions.items()}


def _is_invested(snapshot: Snapshot, values: Mapping[str, Decimal]) -> bool:
    least = DUST * max(snapshot.equity, _NOTHING)
    return any(value and abs(value) >= least for value in values.values())


def _expose(exposures: dict[str, float], snapshot: Snapshot, values: Mapping[str, Decimal]) -> None:
    """Add the day's exposures."""
    if snapshot.equity > 0:
        equity = float(snapshot.equity)
        for symbol, value in values.items():
            exposures[symbol] = exposures.get(symbol, 0.0) + float(value) / equity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A day of the account: its books at the close before and at the close, and what was booked."""

    before: Account
    after: Account
    fills: Sequence[Fill]
    entries: Sequence[Entry]
    quotes: Mapping[str, Quote]


def _gains(day: _Day, at: Rates) -> Iterator[tuple[str, Direction, Gain]]:
    """Yield what each symbol and the cash gained on the day."""
    fills: dict[str, list[Fill]] = {}
    for fill in day.fills:
        fills.setdefault(fill.symbol, []).append(fill)
    entries: dict[str, list[Entry]] = {}
    for entry in day.entries:
        entries.setdefault(entry.symbol, []).append(entry)
    held, left = day.before.positions, day.after.positions
    for entry in entries.pop("", ()):
        if entry.kind in (EntryKind.FINANCING, EntryKind.SHORT_FEE):
            values = _values(day.before)
            for symbol, gain in financed(entry, day.before.equity, values, at):
                yield symbol, direction_of(values.get(symbol, _NOTHING)), gain
        elif entry.kind not in _FLOWS:
            yield "", Direction.CASH, _of_cash(entry)
    for symbol in sorted({*held, *left, *fills, *entries}):
        of_symbol = SymbolDay(
            before=held.get(symbol),
            after=left.get(symbol),
            fills=fills.get(symbol, ()),
            entries=entries.get(symbol, ()),
            quote=day.quotes.get(symbol),
        )
        for direction, gain in symbol_gains(of_symbol):
            yield symbol, direction, gain


def _of_cash(entry: Entry) -> Gain:
    return Gain(interest=entry.cash) if entry.kind is EntryKind.INTEREST else Gain(price=entry.cash)


Dated = TypeVar("Dated", Decision, Fill, Entry)


def _by_day(rows: Sequence[Dated]) -> dict[date, list[Dated]]:
    found: dict[date, list[Dated]] = {}
    for row in rows:
        found.setdefault(row.as_of, []).append(row)
    return found
