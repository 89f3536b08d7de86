"""Quotes of an account: prices, factor changes and volumes, by date and symbol."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from strategy.account.money import exact, exact_all
from strategy.market.bars import Bars, FloatArray

#: Relative change of the adjustment factor below which it is the rounding of a vendor's prices, not an event.
FACTOR_NOISE = 1e-5
#: Prices from here on, as floats, have no more than twelve decimals.
_FEW_DECIMALS = 1e5


UNCHANGED = exact(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One closed bar as the account sees it: raw open and close, and its factor over the previous bar's factor.

    `volume` is in units; None if unknown, as for an index or a currency. `volatility` is the daily one up to the bar
    before: NaN if that had too few bars before it, None if nobody asked for it.
    """

    open: Decimal
    close: Decimal
    factor_change: Decimal = Decimal(1)
    volume: float | None = None
    volatility: float | None = None


class QuoteRow(Protocol):
    """The quotes of a day by column of an account's symbols: closes are None, and those `near` them NaN, without a bar.

    `changed` are the columns whose adjustment factor changed.
    """

    @property
    def closes(self) -> Sequence[Decimal | None]:
        """Return the closes."""
        ...

    @property
    def near(self) -> Sequence[float]:
        """Return the floats near the closes."""
        ...

    @property
    def changed(self) -> Sequence[int]:
        """Return the columns whose factor changed."""
        ...

    def quote(self, column: int, /) -> Quote | None:
        """Return the quote of a column, None without a bar."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnQuotes:
    """The quotes of a day by column of symbols that are not those of its bars in their order; see `QuoteRow`."""

    closes: Sequence[Decimal | None]
    near: Sequence[float]
    changed: Sequence[int]
    quote: Callable[[int], Quote | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuotePanel:
    """The bars of S symbols on T days as columns, from which quotes are made when they are read.

    `closes` are by day and symbol, None without a bar, and so are the floats `near` them, NaN without one. `opens`,
    `changes` of the adjustment factor and `volumes` are (T, S). `changed` are the columns whose factor changed, by day.
    `volatility` before each bar, (T,), is by the columns asked for.
    """

    symbols: tuple[str, ...]
    columns: Mapping[str, int]
    closes: Sequence[Sequence[Decimal | None]]
    near: Sequence[Sequence[float]]
    opens: FloatArray
    changes: FloatArray
    changed: Sequence[Sequence[int]]
    volumes: FloatArray
    volatility: Mapping[int, FloatArray]

    def made(self, row: int, column: int, close: Decimal) -> Quote:
        """Return the quote of a bar with this close."""
        change, volume = float(self.changes[row, column]), float(self.volumes[row, column])
        volatility = self.volatility.get(column)
        return Quote(
            open=exact(float(self.opens[row, column])),
            close=close,
            factor_change=UNCHANGED if change == 1.0 else exact(change),
            # Vendors write 0 where they have no volume.
            volume=volume if volume > 0 else None,
            volatility=None if volatility is None else float(volatility[row]),
        )


class DayQuotes(Mapping[str, Quote]):
    """The quotes of a day by symbol, each made when it is first read; also by column of all symbols."""

    __slots__ = ("_made", "_panel", "_row", "changed", "closes", "near", "symbols")

    def __init__(self, panel: QuotePanel, row: int) -> None:
        self._panel, self._row, self.symbols = panel, row, panel.symbols
        self.closes, self.near, self.changed = panel.closes[row], panel.near[row], panel.changed[row]
        self._made: dict[int, Quote] = {}

    def __getitem__(self, symbol: str) -> Quote:
        quote = self.quote(self._panel.columns[symbol])
        if quote is None:
            raise KeyError(symbol)
        return quote

    def __contains__(self, symbol: object) -> bool:
        column = self._panel.columns.get(symbol) if isinstance(symbol, str) else None
        return column is not None and self.closes[column] is not None

    def __iter__(self) -> Iterator[str]:
        closes = self.closes
        return (symbol for symbol, column in self._panel.columns.items() if closes[column] is not None)

    def __len__(self) -> int:
        return sum(close is not None for close in self.closes)

    def __repr__(self) -> str:
        return repr(dict(self))

    def quote(self, column: int, /) -> Quote | None:
        """Return the quote of a column, None without a bar."""
        made = self._made.get(column)
        if made is None:
            close = self.closes[column]
            if close is not None:
                made = self._made[column] = self._panel.made(self._row, column, close)
        return made

    def by_column(self, symbols: tuple[str, ...]) -> ColumnQuotes:
        """Return the quotes by column of other symbols, or of these in another order."""
        columns = [self._panel.columns.get(symbol) for symbol in symbols]
        return ColumnQuotes(
            closes=[None if column is None else self.closes[column] for column in columns],
            near=[math.nan if column is None else self.near[column] for column in columns],
            changed=[place for place, column in enumerate(columns) if column in self.changed],
            quote=lambda place: self.get(symbols[place]),
        )


def quote_row(quotes: Mapping[str, Quote], symbols: tuple[str, ...]) -> QuoteRow:
    """Return the quotes of a day by column of these symbols."""
    if isinstance(quotes, DayQuotes):
        return quotes if quotes.symbols == symbols else quotes.by_column(symbols)
    found = [quotes.get(symbol) for symbol in symbols]
    return ColumnQuotes(
        closes=[None if quote is None else quote.close for quote in found],
        near=[math.nan if quote is None else float(quote.close) for quote in found],
        changed=[
            column for column, quote in enumerate(found) if quote is not None and quote.factor_change is not UNCHANGED
        ],
        quote=found.__getitem__,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotesByDate:
    """Quotes of all closed bars, by date and symbol."""

    quotes: Mapping[date, Mapping[str, Quote]]

    def on(self, as_of: date) -> Mapping[str, Quote]:
        """Return the quotes of one date; empty if no symbol had a session."""
        return self.quotes.get(as_of, {})


def quotes_by_date(
    bars: Mapping[str, Bars], first: date, last: date, volatility: Mapping[str, FloatArray] | None = None
) -> QuotesByDate:
    """Return the quotes of all bars dated `first` to `last`, both included.

    `volatility` is the daily one up to the bar before each, (T,), of the symbols that it is asked of.
    """
    symbols = tuple(sorted(bars))
    span = {symbol: _rows(bars[symbol], first, last) for symbol in symbols}
    opened = {symbol: bars[symbol].open_time[rows].astype("datetime64[D]") for symbol, rows in span.items()}
    days = np.unique(np.concatenate(list(opened.values()))) if opened else np.array([], dtype="datetime64[D]")
    shape = len(days), len(symbols)
    near, opens, volumes = np.full((3, *shape), np.nan)
    changes, asked = np.ones(shape), {}
    closes: list[list[Decimal | None]] = []
    for column, symbol in enumerate(symbols):
        series, rows, at = bars[symbol], span[symbol], np.searchsorted(days, opened[symbol])
        exactly = exact_all(series.close[rows])
        near[at, column], opens[at, column] = _near(series.close[rows], exactly), series.open[rows]
        changes[at, column], volumes[at, column] = _changes(series)[rows], series.volume[rows]
        if volatility is not None and symbol in volatility:
            asked[column] = np.full(len(days), np.nan)
            asked[column][at] = volatility[symbol][rows]
        closes.append(_placed(exactly, at, len(days)))
    panel = QuotePanel(
        symbols=symbols,
        columns={symbol: column for column, symbol in enumerate(symbols)},
        closes=list(zip(*closes, strict=True)),
        near=near.tolist(),
        opens=opens,
        changes=changes,
        changed=_true_columns(changes != 1.0),
        volumes=volumes,
        volatility=asked,
    )
    dates: list[date] = days.tolist()
    return QuotesByDate(quotes={day: DayQuotes(panel, row) for row, day in enumerate(dates)})


def _rows(bars: Bars, first: date, last: date) -> slice:
    start = int(np.searchsorted(bars.open_time, np.datetime64(first, "us")))
    return slice(start, int(np.searchsorted(bars.open_time, np.datetime64(last, "us"), side="right")))


def _changes(bars: Bars) -> FloatArray:
    """Return the changes of the adjustment factor, (T,); 1 where it is the same but for rounding."""
    changes = np.ones(len(bars))
    changes[1:] = bars.factor[1:] / bars.factor[:-1]
    changes[np.abs(changes - 1.0) < FACTOR_NOISE] = 1.0
    return changes


def _true_columns(mask: NDArray[np.bool_]) -> list[Sequence[int]]:
    """Return the columns that are true in each row of a mask (T, S), most of whose rows have none."""
    found: list[Sequence[int]] = [()] * len(mask)
    for row in np.flatnonzero(mask.any(axis=1)).tolist():
        found[row] = np.flatnonzero(mask[row]).tolist()
    return found


def _near(values: FloatArray, exactly: Sequence[Decimal]) -> FloatArray:
    """Return the floats next to exact values: the values themselves, unless these have more than twelve decimals."""
    if np.all((values >= _FEW_DECIMALS) | (np.rint(values * 1e8) / 1e8 == values)):
        return values
    return np.array([float(value) for value in exactly])


def _placed(values: Sequence[Decimal], at: NDArray[np.intp], count: int) -> list[Decimal | None]:
    """Return the values at their places among so many, None elsewhere."""
    if len(values) == count:
        return list(values)
    placed: list[Decimal | None] = [None] * count
    for place, value in zip(at.tolist(), values, strict=True):
        placed[place] = value
    return placed
