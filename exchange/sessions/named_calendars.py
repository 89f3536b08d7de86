"""Bar source wrapper that gives symbols the calendars named by the user."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from exchange.sessions.wrapped_source import WrappedSource
from strategy.market.instruments import Calendar, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCalendars(WrappedSource):
    """Wrapper of the source `behind` that replaces the calendars of some symbols."""

    calendars: Mapping[str, Calendar]

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return what is known about each symbol, with the calendar named for it."""
        return tuple(
            replace(instrument, calendar=self.calendars.get(instrument.symbol, instrument.calendar))
            for instrument in self.behind.instruments(symbols)
        )
