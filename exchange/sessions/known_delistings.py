"""Bar source wrapper that does not ask for symbols of which a person has said that they are delisted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from exchange.sessions.closing_times import last_closed
from exchange.sessions.wrapped_source import WrappedSource
from strategy.market.instruments import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDelistings(WrappedSource):
    """Wrapper of the source `behind`, which may serve the `delisted` symbols no longer."""

    delisted: Mapping[str, Instrument]

    def instruments(self, symbols: tuple[str, ...]) -> tuple[Instrument, ...]:
        """Return what is known about each symbol, of a delisted one what was known when it was listed."""
        listed = self._listed(symbols)
        fresh = {each.symbol: each for each in (self.behind.instruments(listed) if listed else ())}
        return tuple({**self.delisted, **fresh}[symbol] for symbol in symbols)

    def last_session(self, symbols: tuple[str, ...], now: datetime) -> date:
        """Return the newest date on which any of the symbols has a closed bar, or would have one if it were listed."""
        if not self.streaming:
            return self.behind.last_session(symbols, now)
        listed = self._listed(symbols)
        if listed:
            return self.behind.last_session(listed, now)
        return max(last_closed(self.delisted[symbol].calendar, now) for symbol in symbols)

    def _listed(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(symbol for symbol in symbols if symbol not in self.delisted)
