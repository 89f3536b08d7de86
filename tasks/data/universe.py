"""The universe: which symbols of a source may be held, and when, so that none is chosen in hindsight."""

from collections.abc import Mapping
from pathlib import Path

from storage.bars import universe as universe_store
from storage.bars.universe import Universe
from storage.database import connect
from strategy.market.instruments import Instrument


def keep_universe(home: Path, source: str, universe: Universe) -> dict[str, object]:
    """Store the universe in place of the source's earlier one; return the answer of `turbodmt universe`."""
    with connect(home) as store:
        universe_store.replace(store, source, universe)
    return universe_json(home, source)


def universe_json(home: Path, source: str) -> dict[str, object]:
    """Return the source's stored universe; null if there is none."""
    with connect(home) as store:
        kept = universe_store.load(store, source)
    spans = (
        None
        if kept is None
        else [
            {"symbol": symbol, "from": span.first.isoformat(), "to": span.last.isoformat() if span.last else None}
            for symbol, known in kept.items()
            for span in known
        ]
    )
    return {"source": source, "universe": spans}


def chosen_in_hindsight(instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Return the warning that several symbols without a universe may be survivors; empty for a single symbol."""
    if len(instruments) < 2 or any(instrument.memberships is not None for instrument in instruments.values()):
        return ()
    return ("no universe is kept of this source: symbols chosen today may be the survivors; see `turbodmt universe`",)
