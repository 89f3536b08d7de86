"""Bar source that passes every question on to another one; those that answer some differently derive from it."""

from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from exchange.ports import BarRequest, BarSource
from strategy.market.instruments import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedSource:
    """The source `behind`, as it is."""

    behind: BarSource

    @property
    def name(self) -> str:
        """Return the key of its bars in the store."""
        return self.behind.name

    @property
    def streaming(self) -> bool:
        """Return whether new bars arrive with time."""
        return self.behind.streaming

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols it serves by default."""
        return self.behind.symbols()

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return what is known about each symbol."""
        return self.behind.instruments(symbols)

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest date on which any of the symbols has a closed bar."""
        return self.behind.last_session(symbols, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars."""
        return self.behind.fetch(request)
