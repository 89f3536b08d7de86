"""The universe: which symbols of a source might be held, and when, so that none is chosen in hindsight."""

from collections.abc import Mapping
from pathlib import Path

from storage.bars import universe as universe_store
from storage.bars.universe import Universe
from storage.database import connect
from strategy.market.instruments import Instrument


def keep_universe(home: Path, source: str, universe: Universe) -> dict[str, object]:
    """The answer of `turbodmt universe`: the spans that now count for the source, in place of those before."""
    with connect(home) as store:
        universe_store.replace(store, source, universe)
    return universe_json(home, source)


def universe_json(home: Path, source: str) -> dict[str, object]:
    """The universe of the source as it is kept; null where there is none."""
    with connect(home) as store:
        kept = universe_store.load(store, source)
    spans = (
        None
        if kept is None
        else [
            {"symbol": symbol, "from": one.first.isoformat(), "to": one.last.isoformat() if one.last else None}
            for symbol, known in kept.items()
            for one in known
        ]
    )
    return {"source": source, "universe": spans}


def chosen_in_hindsight(instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """The warning that nobody says which of several symbols might have been chosen then; none for a single one."""
    if len(instruments) < 2 or any(one.memberships is not None for one in instruments.values()):
        return ()
    return ("no universe is kept of this source: symbols chosen today may be the survivors; see `turbodmt universe`",)
