"""Daily bars from a csv or parquet file, as a historical record to replay."""

from datetime import date, datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from exchange.bars.cells import stamps, texts
from exchange.bars.file_columns import Layout, layout, read_columns, read_symbols
from exchange.bars.file_rows import by_symbol, empty_file, frames
from exchange.bars.record_window import newest_until, requested
from exchange.currencies import spelled
from exchange.ports import BarRequest, SourceRefused
from exchange.sessions.calendars import infer_calendar
from strategy.market.instruments import Calendar, Instrument
from strategy.work_progress import WorkName, counted

INFERRING = WorkName(name="Inferring calendars", unit="symbols")


class FileBars:
    """Bars of one file, read once and only for the symbols requested.

    `symbol` names the bars of a file without a symbol column; if there is one, it selects a single symbol. Columns:
    date, open, high, low, close and, optionally, symbol, volume, adj_close, currency and listed_to, the last session of
    a symbol that is delisted, in any case and usual spelling; others that hold numbers are the user's own, under their
    names after OWN. A date is the day as written, whatever time and zone follow it. Text that is not a
    number becomes NaN and is kept in a column UNREAD of the frame, an empty date is NaT: the data gate reports both.
    Rows out of order are sorted if their dates are distinct, and a column MOVED marks them.

    Raises SourceRefused if the file is missing, cannot be read, has no single header or lacks a column.
    """

    streaming = False

    def __init__(self, path: Path, symbol: str | None = None) -> None:
        # A link that points to a new file each night is one source: it is named by its own path, not its target's.
        self._path = path.expanduser().absolute()
        self._layout: Layout = layout(self._path)
        self._symbol = symbol
        self._known: dict[str, pd.DataFrame] = {}
        self._currency: dict[str, str | None] = {}
        self._listed_to: dict[str, date | None] = {}
        self._calendar: dict[str, Calendar] = {}
        self.name = f"file:{self._path}"

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols in the file, in order of appearance, or the one selected; raises SourceRefused."""
        if self._symbol is not None:
            self._demand((self._symbol,))
            return (self._symbol,)
        return self._in_file

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return instruments with the calendar inferred from each symbol's dates, and currency and end in the file.

        Raises SourceRefused for a symbol that is not in the file.
        """
        bars = self._bars(symbols)
        new = {symbol: rows for symbol, rows in bars.items() if symbol not in self._calendar}
        for symbol, rows in counted(new.items(), INFERRING, len(new)) if new else ():
            self._calendar[symbol] = infer_calendar(symbol, rows["open_time"].to_numpy())
        return tuple(
            Instrument(
                symbol=symbol,
                calendar=self._calendar[symbol],
                currency=self._currency[symbol],
                listed_to=self._listed_to[symbol],
            )
            for symbol in bars
        )

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest date of the symbols' bars, at most the date of `now` (the data gate judges later ones).

        Raises SourceRefused for a symbol that is not in the file, and if all dates lie in the future.
        """
        return newest_until(self._bars(symbols), now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars, as BAR_COLUMNS, oldest first, with the file's faults; raises SourceRefused."""
        return requested(self._bars(tuple(request.since)), request)

    @cached_property
    def _in_file(self) -> tuple[str, ...]:
        if "symbol" in self._layout.position:
            symbols = read_symbols(self._layout)
            if not symbols:
                raise empty_file(self._path)
            return symbols
        if self._symbol is None:
            raise SourceRefused(f"{self._path} has no symbol column; name their symbol with --symbol")
        return (self._symbol,)

    def _demand(self, symbols: tuple[str, ...]) -> None:
        served = self._in_file
        for symbol in symbols:
            if symbol in served and self._symbol in (None, symbol):
                continue
            close = get_close_matches(symbol, served, n=1, cutoff=0.5) or get_close_matches(symbol.upper(), served, n=1)
            remedy = f"did you mean {close[0]}?" if close else "name one of these"
            listed = ", ".join(served[:5]) + (", ..." if len(served) > 5 else "")
            raise SourceRefused(f"{self._path} has no bars of {symbol}; it holds {len(served)}: {listed}; {remedy}")

    def _bars(self, symbols: tuple[str, ...]) -> dict[str, pd.DataFrame]:
        self._demand(symbols)
        new = tuple(dict.fromkeys(symbol for symbol in symbols if symbol not in self._known))
        if new:
            tables = by_symbol(self._path, new, self._table(new))
            known = frames(self._path, tables)
            for symbol, rows in tables.items():
                self._currency[symbol] = _currency(self._path, symbol, rows)
                self._listed_to[symbol] = _listed_to(self._path, symbol, rows)
            self._known |= known
        return {symbol: self._known[symbol] for symbol in symbols}

    def _table(self, symbols: tuple[str, ...]) -> pa.Table:
        # A csv must be parsed as a whole anyway; from parquet only the rows needed are read.
        if self._layout.header_lines:
            return self._whole_csv
        return read_columns(self._layout, symbols)

    @cached_property
    def _whole_csv(self) -> pa.Table:
        return read_columns(self._layout, None)


def _currency(path: Path, symbol: str, table: pa.Table) -> str | None:
    """Return the currency of the symbol's rows, None if there is none; raises SourceRefused if there are several."""
    if "currency" not in table.column_names:
        return None
    named = {spelled(text) for text in pc.unique(texts(path, table["currency"])).to_pylist()} - {None}
    if len(named) > 1:
        raise SourceRefused(
            f"{path}: the prices of {symbol} are in {', '.join(sorted(map(str, named)))}; one series has one currency, "
            "so convert them to one or give each a symbol of its own"
        )
    return next(iter(named), None)


def _listed_to(path: Path, symbol: str, table: pa.Table) -> date | None:
    """Return the last session that the symbol's rows state, None if they state none.

    Raises SourceRefused if they state several, or one before their last date.
    """
    if "listed_to" not in table.column_names:
        return None
    days = sorted(set(stamps(path, symbol, table["listed_to"]).dropna().dt.date))
    if not days:
        return None
    last = stamps(path, symbol, table["date"]).max().date()
    if len(days) > 1 or days[0] < last:
        raise SourceRefused(
            f"{path}: listed_to of {symbol} is {' and '.join(map(str, days[:3]))}, and its last bar is of {last}; "
            "state one last session in all its rows, or leave the column empty while it is listed"
        )
    return days[0]
