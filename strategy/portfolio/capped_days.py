"""Days on which the cap on exposure, not the volatility target, set the exposures."""

from collections.abc import Mapping, Sequence
from datetime import date

from strategy.account.state import Snapshot
from strategy.portfolio.decision import Decision
from strategy.portfolio.sizing import SizingParams, drawdown_multiplier
from strategy.signals.strategies import Sizing, Strategy, sizing_of

#: Exposures within this relative distance of the cap count as capped.
NEAR = 1e-9


def capped_days(
    strategy: Strategy, decisions: Sequence[Decision], snapshots: Sequence[Snapshot], sizing: SizingParams
) -> tuple[date, ...]:
    """Return the days, in order, whose exposures were capped at `max_position_size`, drawdown control aside.

    A strategy that buys once has no volatility target: none of its days count.
    """
    if sizing_of(strategy) is Sizing.ONCE:
        return ()
    gross: dict[date, float] = {}
    for decision in decisions:
        gross[decision.as_of] = gross.get(decision.as_of, 0.0) + abs(decision.exposure or 0.0)
    by_day: Mapping[date, Snapshot] = {snapshot.account.as_of: snapshot for snapshot in snapshots}
    return tuple(
        day
        for day, exposed in sorted(gross.items())
        if day in by_day
        and exposed >= sizing.max_position_size * drawdown_multiplier(by_day[day].drawdown, sizing) * (1 - NEAR)
    )
