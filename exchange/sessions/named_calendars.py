"""Bar source wrapper that gives symbols the calendars named by the user."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import pandas as pd

from exchange.ports import BarRequest, BarSource
from strategy.market.instruments import Calendar, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCalendars:
    """Wrapper of the source `behind` that replaces the calendars of some symbols."""

    behind: BarSource
    calendars: Mapping[str, Calendar]

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
        """Return what is known about each symbol, with the calendar named for it."""
        return tuple(
            replace(instrument, calendar=self.calendars.get(instrument.symbol, instrument.calendar))
            for instrument in self.behind.instruments(symbols)
        )

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest date on which any of the symbols has a closed bar."""
        return self.behind.last_session(symbols, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the requested bars."""
        return self.behind.fetch(request)
