"""A source whose symbols have the calendars that a person named."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import pandas as pd

from exchange.ports import BarRequest, BarSource
from strategy.market.instruments import Calendar, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCalendars:
    """The source behind it, but for the calendars of some symbols."""

    behind: BarSource
    calendars: Mapping[str, Calendar]

    @property
    def name(self) -> str:
        """The key of its bars in the store."""
        return self.behind.name

    @property
    def streaming(self) -> bool:
        """Whether new bars keep coming by the wall clock."""
        return self.behind.streaming

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols it serves by default."""
        return self.behind.symbols()

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return what is known of each symbol, with the calendar that was named for it."""
        return tuple(
            replace(one, calendar=self.calendars.get(one.symbol, one.calendar))
            for one in self.behind.instruments(symbols)
        )

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest date on which any of the symbols has a closed bar."""
        return self.behind.last_session(symbols, now)

    def fetch(self, request: BarRequest) -> pd.DataFrame:
        """Return the bars asked for."""
        return self.behind.fetch(request)
