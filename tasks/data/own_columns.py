"""The bars that a strategy sees: published ones, with the columns of the user's own that it declares."""

from collections.abc import Mapping
from pathlib import Path

from storage.bars.own_columns import with_columns
from storage.database import connect
from strategy.market.bars import Bars
from strategy.signals.strategies import Strategy


def seen_by(strategy: Strategy, home: Path, source: str, bars: Mapping[str, Bars]) -> Mapping[str, Bars]:
    """Return the bars of a source as the strategy sees them; the store is read only if it declares a column.

    Raises UsageError for a column that the source lacks.
    """
    if not strategy.columns:
        return bars
    with connect(home) as store:
        return with_columns(store, source, bars, strategy.columns)
