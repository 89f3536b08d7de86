"""Daily bars to test on: a file, a frame, or a source by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from exchange.ports import OWN, BarRequest, SourceRefused
from flows.config.paths import expanded
from flows.config.settings import Settings, load
from flows.config.wall_clock import clock
from flows.planning.adapters import open_source
from flows.planning.plan import wanted_symbols
from storage.files import write_whole
from turbodmt.option_names import Names, in_terms_of_python, named, source_text
from turbodmt.session_home import session_home

if TYPE_CHECKING:
    from exchange.ports import BarSource

#: What a message calls the bars of a frame, which has no path.
FRAME = "the frame"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarTable:
    """Daily bars to test on; `read_bars` makes them. `source` is what `--source` takes, or `the frame`.

    `symbols` are those to trade; None: those that the source serves by default, all of a file. `content` is the frame
    as Parquet.
    """

    source: str
    symbols: tuple[str, ...] | None
    content: bytes | None = field(default=None, repr=False)

    def home(self, wanted: str | PathLike[str] | None) -> Path:
        """Return the folder to test in: the one that is wanted, else the temporary one of this process."""
        if wanted is not None:
            return expanded(Path(wanted))
        return session_home(None if self.content is not None else Path(self.source.removeprefix("file:")))

    def options(self, home: Path) -> dict[str, object]:
        """Return the options that name the bars, in that home, into which a frame is written."""
        return {"source": self._placed(home), "symbols": self.symbols, "home": home}

    def _placed(self, home: Path) -> str:
        if self.content is None:
            return self.source
        # A name by content: the same frame is the same source, and another one never changes its bars.
        path = home / "frames" / f"{sha256(self.content).hexdigest()[:16]}.parquet"
        if not path.exists():
            write_whole(path, self.content)
        return f"file:{path}"

    @property
    def frame(self) -> pd.DataFrame:
        """Return the bars by date: symbol, prices, volume, adj_close and a file's own columns, as it has them."""
        with self.open(None) as (settings, source):
            symbols = wanted_symbols(settings, source)
            request = BarRequest(since=dict.fromkeys(symbols), until=date.max, now=clock())
            bars = source.fetch(request).rename(columns={"open_time": "date"})
            bars = bars.rename(columns=lambda name: str(name).removeprefix(OWN))
        return bars.set_index("date")

    @contextmanager
    def open(self, home: str | PathLike[str] | None) -> "Iterator[tuple[Settings, BarSource]]":
        """Yield the settings that name the bars, and their source; messages call a frame by that name."""
        folder = self.home(home)
        with self.calling_it_a_frame(folder), in_terms_of_python():
            settings = load(self.options(folder))
            yield settings, open_source(settings)

    @contextmanager
    def calling_it_a_frame(self, home: Path) -> Iterator[None]:
        """Raise what the block raises, with the frame called so in place of its file."""
        try:
            yield
        except SourceRefused as error:
            if self.content is None:
                raise
            raise SourceRefused(str(error).replace(self._placed(home).removeprefix("file:"), FRAME)) from error

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(max_rows=10))


Bars = BarTable | pd.DataFrame | str | PathLike[str]


def read_bars(bars: Bars, symbols: Names | None = None) -> BarTable:
    """Return daily bars to test on: of a frame, of a csv or Parquet file, or of a source by its name.

    A frame or file has the columns date, open, high, low and close, and may have symbol, volume and adj_close, in any
    case and usual spelling; a frame may have the dates, or symbols and dates, as its index. `symbols` selects some, or
    names the one of a table without a symbol column. `sample` is the embedded record of ^GSPC and ^IXIC; `binance` and
    `yahoo` are fetched. What is wrong with single bars, the data gate reports when they are tested.

    Raises SourceRefused for a table that does not hold daily bars, or lacks a symbol.

    >>> frame = pd.DataFrame({"Open": [1.0, 2.0], "High": 2.5, "Low": 0.5, "Close": [2.0, 1.5]},
    ...     index=pd.to_datetime(["2020-01-02", "2020-01-03"]))
    >>> read_bars(frame, symbols="ACME").frame["close"].tolist()
    [2.0, 1.5]
    >>> len(read_bars("sample", "^GSPC").frame)
    5031
    """
    if isinstance(bars, BarTable):
        return bars if symbols is None else replace(bars, symbols=named(symbols))
    if isinstance(bars, pd.DataFrame):
        table = BarTable(source=FRAME, symbols=named(symbols), content=_parquet(bars))
    else:
        table = BarTable(source=source_text(bars), symbols=named(symbols))
    with table.open(None) as (settings, source):
        source.instruments(wanted_symbols(settings, source))
    return table


def _parquet(frame: pd.DataFrame) -> bytes:
    """Return the frame as a Parquet file. Raises SourceRefused for columns of two levels or of mixed kinds."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise SourceRefused(
            f"{FRAME} has columns of {frame.columns.nlevels} levels; make one row of each symbol and date, as "
            "frame.stack(level) does"
        )
    # A plain count of rows is no column; dates and symbols in an index are.
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.name is None):
        names = [
            "date" if isinstance(frame.index, pd.DatetimeIndex) and name is None else name for name in frame.index.names
        ]
        if any(name in frame.columns for name in names):
            raise SourceRefused(f"{FRAME} has {', '.join(map(str, names))} both as index and as column; drop one")
        frame = frame.reset_index(names=names) if all(name is not None for name in names) else frame
    buffer = BytesIO()
    try:
        frame.rename(columns=str).to_parquet(buffer, index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        first = str(error).strip().split("\n")[0][:120]
        raise SourceRefused(f"{FRAME} cannot be kept ({first}); give each column values of one kind") from error
    return buffer.getvalue()
