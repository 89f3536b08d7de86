"""The universe: which symbols of a source may be held, and when, so that none is chosen in hindsight."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import Field

from storage.bars import universe as universe_store
from storage.bars.universe import Universe
from storage.database import connect
from strategy.market.instruments import Instrument
from tasks.run.answers import Answer


class SpanAnswer(Answer):
    """A span in which a symbol may be held, both days included; an end of null is today."""

    symbol: str
    first: date = Field(validation_alias="from", serialization_alias="from")
    last: date | None = Field(validation_alias="to", serialization_alias="to")


class UniverseAnswer(Answer):
    """The answer of `turbodmt universe`: the stored universe of a source, or null if it has none."""

    source: str
    universe: tuple[SpanAnswer, ...] | None


def keep_universe(home: Path, source: str, universe: Universe) -> UniverseAnswer:
    """Store the universe in place of the source's earlier one; return the answer of `turbodmt universe`."""
    with connect(home) as store:
        universe_store.replace(store, source, universe)
    return universe_of(home, source)


def universe_of(home: Path, source: str) -> UniverseAnswer:
    """Return the source's stored universe; null if there is none."""
    with connect(home) as store:
        kept = universe_store.load(store, source)
    spans = (
        None
        if kept is None
        else tuple(
            SpanAnswer(symbol=symbol, first=span.first, last=span.last)
            for symbol, known in kept.items()
            for span in known
        )
    )
    return UniverseAnswer(source=source, universe=spans)


def chosen_in_hindsight(instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Return the warning that several symbols without a universe may be survivors; empty for a single symbol."""
    if len(instruments) < 2 or any(instrument.memberships is not None for instrument in instruments.values()):
        return ()
    return ("no universe is kept of this source: symbols chosen today may be the survivors; see `turbodmt universe`",)
