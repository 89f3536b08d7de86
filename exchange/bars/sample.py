"""Embedded sample: real daily bars of the S&P 500 and the Nasdaq Composite, 1999 to 2018, available offline."""

from datetime import date, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from exchange.bars.record_window import newest_until, requested
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused
from strategy.market.instruments import Calendar, Instrument

_FILES = {"^GSPC": "sp500/sp500.csv.gz", "^IXIC": "nasdaq/nasdaq.csv.gz"}


class SampleBars:
    """Bars from the example data of the `arch` package, as a historical record to replay."""

    name = "sample"
    streaming = False

    def symbols(self) -> tuple[str, ...]:
        """Return ^GSPC and ^IXIC."""
        return tuple(_FILES)

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return instruments with New York sessions; raises SourceRefused for a symbol that is not in the sample."""
        self._demand(symbols)
        return tuple(Instrument(symbol=symbol, calendar=Calendar.XNYS) for symbol in symbols)

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest date of the symbols' bars, at most the date of `now`; raises SourceRefused."""
        self._demand(symbols)
        return newest_until({symbol: self._bars[symbol] for symbol in symbols}, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars, as BAR_COLUMNS; raises SourceRefused for a symbol that is not in the sample."""
        self._demand(tuple(request.since))
        return requested(self._bars, request)

    def _demand(self, symbols: tuple[str, ...]) -> None:
        for symbol in symbols:
            if symbol not in _FILES:
                raise SourceRefused(
                    f"the sample has no {symbol}; it holds {' and '.join(_FILES)}, so name one of these"
                )

    @cached_property
    def _bars(self) -> dict[str, pd.DataFrame]:
        # Importing arch only for its path would take a second.
        spec = find_spec("arch")
        if spec is None or not spec.submodule_search_locations:
            raise SourceRefused(
                "the package arch, which carries the sample, is not installed; install requirements.lock"
            )
        folder = Path(spec.submodule_search_locations[0]) / "data"
        return {symbol: _read(folder / file, symbol) for symbol, file in _FILES.items()}


def _read(path: Path, symbol: str) -> pd.DataFrame:
    bars = pd.read_csv(path)
    bars.columns = pd.Index([name.lower().replace(" ", "_") for name in bars.columns])
    bars["open_time"] = pd.to_datetime(bars["date"], format="%m/%d/%Y").astype("datetime64[us]")
    bars["volume"] = bars["volume"].astype("float64")
    bars["symbol"] = symbol
    return bars[list(BAR_COLUMNS)]
