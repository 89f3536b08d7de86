"""Daily bars of one symbol, the input of every estimate."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Closed daily bars of one symbol, oldest first.

    Shape: every array is (T,). Prices are raw, in the quote currency; `volume` is in units of the asset and NaN where
    it is unknown. `open_time` is the UTC session date as datetime64[us], strictly increasing. `factor` is the
    forward adjustment factor (1 at the first bar ever published): raw price × factor is the adjusted price.

    `columns` are the user's own that a strategy declares, by name, each (T,): row t holds the newest value that its
    lag allows on that day, NaN where there is none.

    Raises ValueError if lengths differ, dates do not increase, or a price or factor is not positive and finite.

    >>> bars = make_bars("SPY", ["2020-01-02", "2020-01-03"], close=[10.0, 11.0])
    >>> len(bars), float(bars["close"][-1])
    (2, 11.0)
    """

    symbol: str
    open_time: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    factor: FloatArray
    columns: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(self[name]) for name in COLUMNS}
        lengths |= {name: len(values) for name, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{self.symbol}: the arrays differ in length: {lengths}")
        if np.any(np.diff(self.open_time) <= np.timedelta64(0, "us")):
            raise ValueError(f"{self.symbol}: dates must increase strictly")
        for name in ("open", "high", "low", "close", "factor"):
            values = self[name]
            wrong = ~(np.isfinite(values) & (values > 0))
            if wrong.any():
                row = int(np.argmax(wrong))
                date = np.datetime_as_string(self.open_time[row], "D")
                raise ValueError(f"{self.symbol}: {name} on {date} is {values[row]}; it must be positive and finite")

    def __len__(self) -> int:
        return len(self.open_time)

    def __getitem__(self, name: str) -> FloatArray:
        """Return one column by name, so that Bars, a dict and a DataFrame are read alike."""
        if name not in COLUMNS:
            raise KeyError(name)
        column: FloatArray = getattr(self, name)
        return column

    @property
    def adjusted_close(self) -> FloatArray:
        """Return the adjusted closes, (T,): close × factor."""
        return self.close * self.factor

    def rows(self, start: int, stop: int) -> "Bars":
        """Return the bars of rows `start` up to, but not including, `stop`."""
        return Bars(
            symbol=self.symbol,
            **{name: getattr(self, name)[start:stop] for name in COLUMNS},
            columns={name: values[start:stop] for name, values in self.columns.items()},
        )

    def without(self, after: np.datetime64, until: np.datetime64) -> "Bars":
        """Return the bars except those dated later than `after` and no later than `until`."""
        kept = (self.open_time <= after) | (self.open_time > until)
        return Bars(
            symbol=self.symbol,
            **{name: getattr(self, name)[kept] for name in COLUMNS},
            columns={name: values[kept] for name, values in self.columns.items()},
        )

    def until(self, as_of: np.datetime64) -> "Bars":
        """Return the bars dated `as_of` or earlier."""
        return self.rows(0, int(np.searchsorted(self.open_time, as_of, side="right")))


def bars_until(bars: Mapping[str, Bars], day: date) -> dict[str, Bars]:
    """Return the bars of each symbol dated that day or earlier; omit symbols without any."""
    cut = {symbol: series.until(np.datetime64(day, "us")) for symbol, series in bars.items()}
    return {symbol: series for symbol, series in cut.items() if len(series)}


COLUMNS = tuple(each.name for each in fields(Bars) if each.name not in ("symbol", "columns"))


def make_bars(
    symbol: str, dates: list[str] | TimeArray, *, close: list[float] | FloatArray, open: list[float] | None = None
) -> Bars:
    """Build bars from dates and closes alone; each bar opens at the previous close unless `open` is given.

    Highs and lows span open and close; volume is unknown (NaN); the factor is 1.
    """
    closes = np.asarray(close, dtype=np.float64)
    opens = np.asarray(open, dtype=np.float64) if open is not None else np.concatenate([closes[:1], closes[:-1]])
    return Bars(
        symbol=symbol,
        open_time=np.asarray(dates, dtype="datetime64[us]"),
        open=opens,
        high=np.maximum(opens, closes),
        low=np.minimum(opens, closes),
        close=closes,
        volume=np.full(len(closes), np.nan),
        factor=np.ones(len(closes)),
    )
