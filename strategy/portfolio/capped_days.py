"""Days on which the cap on exposure, not the strategy, set the exposures."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import numpy as np

from strategy.account.state import Snapshot
from strategy.portfolio.aligned_signals import AlignedSignals
from strategy.portfolio.decision import Decision
from strategy.portfolio.sizing import SizingParams, drawdown_multiplier
from strategy.portfolio.volatility import portfolio_volatilities
from strategy.signals.strategies import Sizing, Strategy, sizing_of

#: Exposures within this relative distance of the cap count as capped.
NEAR = 1e-9


def capped_days(
    strategy: Strategy, decisions: Sequence[Decision], snapshots: Sequence[Snapshot], sizing: SizingParams
) -> tuple[date, ...]:
    """Return the days, in order, whose exposures were capped at `max_position_size`, drawdown control aside.

    Signals that are exposures themselves are capped where they ask for more. A strategy that buys once asks for no
    more than it has: none of its days count.
    """
    kind = sizing_of(strategy)
    if kind is Sizing.ONCE:
        return ()
    gross: dict[date, float] = {}
    for decision in decisions:
        asked = decision.signal if kind is Sizing.DIRECT and decision.exposure is not None else decision.exposure
        gross[decision.as_of] = gross.get(decision.as_of, 0.0) + abs(asked or 0.0)
    if kind is Sizing.DIRECT:
        return tuple(day for day, asked_for in sorted(gross.items()) if asked_for > sizing.max_position_size)
    by_day: Mapping[date, Snapshot] = {snapshot.account.as_of: snapshot for snapshot in snapshots}
    return tuple(
        day
        for day, exposed in sorted(gross.items())
        if day in by_day and exposed >= _most(kind, by_day[day], sizing) * (1 - NEAR)
    )


def volatility_at_cap(
    view: AlignedSignals, decisions: Sequence[Decision], days: Collection[date], days_per_year: int
) -> float | None:
    """Return the median annual volatility of the positions decided on these days; None if it is not known on any.

    It is that of the decided exposures over the last account dates, as that of a portfolio is. The decisions are those
    of all the view's symbols, in its order.
    """
    found: dict[date, list[float]] = {}
    for decision in decisions:
        if decision.as_of in days:
            found.setdefault(decision.as_of, []).append(decision.exposure or 0.0)
    if not found:
        return None
    stops = np.searchsorted(view.union, np.array(list(found), dtype="datetime64[us]"), side="right")
    volatility = portfolio_volatilities(view.changes, stops, np.array(list(found.values())), days_per_year)
    known = volatility[np.isfinite(volatility)]
    return float(np.median(known)) if len(known) else None


def _most(kind: Sizing, snapshot: Snapshot, sizing: SizingParams) -> float:
    """Return the largest exposure on the snapshot's day; drawdown control, of the full sizing alone, lowers it."""
    share = drawdown_multiplier(snapshot.drawdown, sizing) if kind is Sizing.FULL else 1.0
    return sizing.max_position_size * share
