"""Gains of an account that was replayed from plain records, without building the values of its days.

Money is counted in quanta of 1e-12 here, as whole numbers: sums and products of them are exact, as those of the values
are. What is rare is computed from values: fills that turn a position over, entries of a symbol, days of a delisting.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from strategy.account.money import quantised
from strategy.account.orders import Fill, Side
from strategy.account.quotes import Quote
from strategy.account.state import DUST, Entry, EntryKind, Position
from strategy.attribution.financing_shares import financed, shared_quanta
from strategy.attribution.gains import Gain
from strategy.attribution.symbol_gains import Direction, SymbolDay, direction_of, symbol_gains
from strategy.backtest.plain_records import CashEntry, Close, PlainFill, Records
from strategy.evaluation.costs import Quotes, Rates
from strategy.signals.regime import REGIMES
from strategy.sleeves.shares import EXACT

_NOTHING = Decimal(0)
_SCALE = 10**12
_HALF = _SCALE // 2
#: Products of a quantity and a mark below this have at most the 28 digits that the values' products keep.
_LARGEST_PRODUCT = 10**28
#: Accounts that are ever worth this much, in quanta, are not counted here: their sums may need more than 28 digits.
_LARGEST = 10**23
#: The largest entry of financing, in quanta, that is shared in whole numbers; see `shared_quanta`.
_LARGEST_ENTRY = 10**17
#: No regime has been known yet.
_UNKNOWN = -1

#: Symbol, direction and regime.
Key = tuple[str, Direction, str]


class GainSums:
    """What an account gained by symbol, direction and regime; sums of exposures by symbol, and the days invested."""

    __slots__ = ("exposures", "gains", "invested")

    def __init__(self) -> None:
        self.gains: dict[Key, Gain] = {}
        self.exposures: dict[str, float] = {}
        self.invested = 0

    def add(self, key: Key, gain: Gain) -> None:
        """Add a gain."""
        self.gains[key] = self.gains[key] + gain if key in self.gains else gain


class _Quanta:
    """Sums of gains under one key; None where nothing was added."""

    __slots__ = ("fees", "financing", "price", "short_fee", "slippage")

    def __init__(self) -> None:
        self.price: int | None = None
        self.fees: int | None = None
        self.slippage: int | None = None
        self.financing: int | None = None
        self.short_fee: int | None = None

    @property
    def gain(self) -> Gain | None:
        """Return the gain; None if nothing was added."""
        sums = (self.price, self.fees, self.slippage, self.financing, self.short_fee)
        if sums == (None,) * len(sums):
            return None
        price, fees, slippage, financing, short_fee = map(_money, sums)
        return Gain(price=price, fees=fees, slippage=slippage, financing=financing, short_fee=short_fee)


def recorded_gains(records: Records, quotes: Quotes, at: Rates) -> GainSums | None:
    """Return the gains of the account; None where it is too large for this, or its days are not one after the other."""
    closes = records.closes
    days = {close.as_of for close in closes}
    largest = max(max(abs(close.equity), abs(close.cash)) for close in closes)
    finer = closes[0].cash != quantised(closes[0].cash)
    if len(days) < len(closes) or finer or largest * _SCALE >= _LARGEST or at.perpetuals:
        return None
    counted = _Count(records, quotes, at)
    return counted.sums if all(map(counted.day, range(1, len(closes)))) and counted.finish() else None


def regime_codes(records: Records) -> NDArray[np.int64]:
    """Return the last regime known of each symbol at each close, (T, S), as an index of REGIMES; -1 without any."""
    known = [np.where(np.isfinite(leg.days.known.confidence), leg.days.known.regime, _UNKNOWN) for leg in records.legs]
    codes = np.concatenate(known)
    last = np.where(codes == _UNKNOWN, -1, np.arange(len(codes))[:, None])
    last = np.maximum.accumulate(last, axis=0)
    found: NDArray[np.int64] = np.where(last < 0, _UNKNOWN, np.take_along_axis(codes, np.maximum(last, 0), axis=0))
    return found


class _Count:
    """The count of an account's gains, day by day; lists are by column of the symbols.

    `units`, `marks` and `values` are those of the last close counted, in quanta. `known` holds the values from which
    units and marks were converted. `bound` are the sums of each column's present direction and regime.
    """

    def __init__(self, records: Records, quotes: Quotes, at: Rates) -> None:
        symbols = records.symbols
        self.records, self.symbols, self.quotes, self.at = records, symbols, quotes, at
        self.sums = GainSums()
        self.quanta: dict[tuple[int, Direction, int], _Quanta] = {}
        self.columns = {symbol: column for column, symbol in enumerate(symbols)}
        self.by_symbol = sorted(range(len(symbols)), key=symbols.__getitem__)
        self.codes = regime_codes(records)
        self.now: list[int] = self.codes[0].tolist()
        self.fills, self.entries = _by_day(records.fills), _by_day(records.entries)
        self.exposures = [0.0] * len(symbols)
        self.seen: set[int] = set()
        nothing = [0] * len(symbols)
        self.units, self.marks, self.values = nothing, [*nothing], nothing
        self.known_units: Sequence[Decimal] = [_NOTHING] * len(symbols)
        self.known_marks: list[Decimal] = [_NOTHING] * len(symbols)
        self.bound: list[_Quanta | None] = [None] * len(symbols)
        self.values = self._values(records.closes[0])

    def day(self, row: int) -> bool:
        """Count the day of a close; return False if its values are too large."""
        before, after = self.records.closes[row - 1], self.records.closes[row]
        self._finance(before, self.entries.get(after.as_of, ()))
        held, values_before, quantities = self.units, self.values, self.known_units
        self.values = self._values(after)
        if max(self.values) >= _LARGEST or min(self.values) <= -_LARGEST:
            return False
        booked = self._book(before, after, held, values_before)
        bound, values = self.bound, self.values
        for column in before.held:
            change = values[column] - values_before[column]
            if change and column not in booked:
                sums = bound[column] or self._bind(column, held[column])
                sums.price = change if sums.price is None else sums.price + change
        if after.quantities is not quantities:
            self._release_turned(held)
        self._release_changed(row)
        self._expose(after)
        return True

    def finish(self) -> bool:
        """Put the sums together; return False if they are too large."""
        for (column, direction, code), sums in self.quanta.items():
            gain = sums.gain
            if gain is None:
                continue
            if max(abs(getattr(gain, source.name)) for source in fields(gain)) * _SCALE >= _LARGEST:
                return False
            self.sums.add((self.symbols[column], direction, _regime(code)), gain)
        self.sums.exposures = {self.symbols[column]: self.exposures[column] for column in sorted(self.seen)}
        return True

    def _values(self, close: Close) -> list[int]:
        """Convert quantities and marks that have changed, and return the values."""
        if close.quantities is not self.known_units:
            known = self.known_units
            self.units = [
                units if quantity is before else _quanta(quantity)
                for units, quantity, before in zip(self.units, close.quantities, known, strict=True)
            ]
            self.known_units = close.quantities
        units, marks, known_marks, values = self.units, self.marks, self.known_marks, [0] * len(self.symbols)
        for column in close.held:
            mark = close.marks[column]
            if mark is not known_marks[column]:
                known_marks[column], marks[column] = mark, _quanta(mark)
            product = units[column] * marks[column]
            if not -_LARGEST_PRODUCT < product < _LARGEST_PRODUCT:
                values[column] = _quanta(quantised(close.quantities[column] * mark))
                continue
            value, rest = divmod(product, _SCALE)
            if rest > _HALF or (rest == _HALF and value & 1):
                value += 1
            values[column] = value
        return values

    def _bind(self, column: int, units: int) -> _Quanta:
        """Return the sums of a column that holds these units, and keep them for the days to come."""
        found = self.bound[column] = self._of(column, _direction(units))
        return found

    def _of(self, column: int, direction: Direction) -> _Quanta:
        key = column, direction, self.now[column]
        if key not in self.quanta:
            self.quanta[key] = _Quanta()
        return self.quanta[key]

    def _release_turned(self, held: Sequence[int]) -> None:
        """Forget the sums of columns whose position has begun, ended or turned over."""
        for column, (before, units) in enumerate(zip(held, self.units, strict=True)):
            if before is not units and (before > 0) != (units > 0):
                self.bound[column] = None

    def _release_changed(self, row: int) -> None:
        """Take the regimes of a close, and forget the sums of columns whose regime is another one now."""
        for column in np.flatnonzero(self.codes[row] != self.codes[row - 1]).tolist():
            self.now[column], self.bound[column] = int(self.codes[row, column]), None

    def _expose(self, close: Close) -> None:
        """Add the exposures of the close."""
        values, equity = self.values, close.equity
        least = DUST * max(equity, _NOTHING)
        self.sums.invested += any(values[column] and abs(_money(values[column])) >= least for column in close.held)
        if equity > 0:
            exposures, over = self.exposures, float(equity)
            for column in close.held:
                exposures[column] += values[column] / _SCALE / over
            self.seen.update(close.held)

    def _finance(self, before: Close, entries: Sequence[CashEntry | Entry]) -> None:
        """Count the entries of the whole account, which are due on what was held."""
        for entry in entries:
            if isinstance(entry, Entry) and entry.symbol:
                continue
            if entry.kind in (EntryKind.FINANCING, EntryKind.SHORT_FEE):
                if not self._share(before, entry):
                    self._share_by_value(before, entry)
            else:
                gain = Gain(interest=entry.cash) if entry.kind is EntryKind.INTEREST else Gain(price=entry.cash)
                self.sums.add(("", Direction.CASH, ""), gain)

    def _share(self, before: Close, entry: CashEntry | Entry) -> bool:
        """Share an entry among those that caused it; return False where that needs the values."""
        fee, values = entry.kind is EntryKind.SHORT_FEE, self.values
        amount = _quanta(entry.cash)
        flat = self.at.financing.flat_rate is not None
        long = sum(value for value in values if value > 0)
        debt = max(0, long - _quanta(before.equity)) if long and not fee else 0
        columns = [
            column
            for column in self.by_symbol
            if (values[column] > 0 and debt) or (values[column] < 0 and (fee or flat))
        ]
        parts = shared_quanta(amount, [values[column] for column in columns], long, debt)
        if parts is None or abs(amount) >= _LARGEST_ENTRY:
            return False
        bound = self.bound
        for column, part in zip(columns, parts, strict=True):
            sums = bound[column] or self._bind(column, values[column])
            if fee:
                sums.short_fee = part if sums.short_fee is None else sums.short_fee + part
            else:
                sums.financing = part if sums.financing is None else sums.financing + part
        return True

    def _share_by_value(self, before: Close, entry: CashEntry | Entry) -> None:
        values = {self.symbols[column]: _money(self.values[column]) for column in before.held}
        value = entry if isinstance(entry, Entry) else entry.value
        for symbol, gain in financed(value, before.equity, values, self.at):
            regime = _regime(self.now[self.columns[symbol]]) if symbol else ""
            self.sums.add((symbol, direction_of(values.get(symbol, _NOTHING)), regime), gain)

    def _book(self, before: Close, after: Close, held: Sequence[int], values: Sequence[int]) -> set[int]:
        """Count the symbols with fills or entries, and return their columns; units and values are those before."""
        entered: dict[int, list[Entry]] = {}
        for entry in self.entries.get(after.as_of, ()):
            if isinstance(entry, Entry) and entry.symbol:
                entered.setdefault(self.columns[entry.symbol], []).append(entry)
        filled: dict[int, list[PlainFill | Fill]] = {}
        for fill in self.fills.get(after.as_of, ()):
            filled.setdefault(self.columns[fill.symbol], []).append(fill)
        today = self.quotes.on(after.as_of) if filled or entered else {}
        for column in (*filled, *(entered.keys() - filled.keys())):
            fills, quote, left = filled.get(column, []), today.get(self.symbols[column]), self.units[column]
            alone = fills[0] if len(fills) == 1 and column not in entered else None
            if isinstance(alone, PlainFill) and quote is not None and held[column] * left >= 0:
                moved = self.values[column] - values[column]
                self._fill(alone, quote, _direction(held[column] or left or _signed(alone)), moved)
                continue
            booked = SymbolDay(
                before=_position(before, column),
                after=_position(after, column),
                fills=[fill if isinstance(fill, Fill) else fill.value for fill in fills],
                entries=entered.get(column, ()),
                quote=quote,
            )
            for direction, gain in symbol_gains(booked):
                self.sums.add((self.symbols[column], direction, _regime(self.now[column])), gain)
        return {*filled, *entered}

    def _fill(self, fill: PlainFill, quote: Quote, direction: Direction, moved: int) -> None:
        """Count a day with a single fill, on which the value of the position moved by so much."""
        sums, signed = self._of(fill.order.plan.column, direction), _signed(fill)
        slippage = -_quanta(quantised(signed * (fill.price - quote.open)))
        sums.price = (sums.price or 0) + moved - _quanta(quantised(signed * fill.price)) - slippage
        sums.fees = (sums.fees or 0) - _quanta(fill.fee)
        sums.slippage = (sums.slippage or 0) + slippage


def _direction(units: int | Decimal) -> Direction:
    return Direction.LONG if units > 0 else Direction.SHORT


def _signed(fill: PlainFill) -> Decimal:
    return fill.quantity if fill.order.plan.side is Side.BUY else -fill.quantity


def _position(close: Close, column: int) -> Position | None:
    """Return what is held of a column; None if nothing is."""
    quantity = close.quantities[column]
    return Position(quantity=quantity, mark=close.marks[column]) if quantity else None


def _regime(code: int) -> str:
    return "" if code == _UNKNOWN else REGIMES[code].value


def _quanta(value: Decimal) -> int:
    return int(EXACT.scaleb(value, 12))


def _money(quanta: int | None) -> Decimal:
    """Return the money that so many quanta are; a plain 0 for None."""
    return _NOTHING if quanta is None else EXACT.scaleb(Decimal(quanta), -12)


Dated = TypeVar("Dated", PlainFill | Fill, CashEntry | Entry)


def _by_day(rows: Sequence[Dated]) -> dict[date, list[Dated]]:
    found: dict[date, list[Dated]] = {}
    for row in rows:
        found.setdefault(row.as_of, []).append(row)
    return found
