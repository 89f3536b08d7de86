"""Rebalancing: on which days an account moves its positions to their targets, and how near is near enough."""

from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray

#: Relative rounding error allowed above the cap before it counts as broken.
CAP_ROUNDING = 1e-9


class Frequency(StrEnum):
    """The days that rebalance: every account date, or the first one of each ISO week or of each month."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Rebalance(StrEnum):
    """What the rebalance band or frequency, or a flattening, made of a symbol's target.

    WAITING: the position is kept until the next date that rebalances. KEPT: it is within the band of its target.
    EDGE: it is traded to the nearest edge of the band. The band is ignored, and the target reached, where it is 0
    (CLOSED), where the position is on the other side (REVERSED), and where the cap on exposure would be broken by a
    position above its target (CAPPED). FLATTEN: the account is flattened, and the target is 0 whatever the strategy
    wants.
    """

    WAITING = "waiting"
    KEPT = "kept"
    EDGE = "edge"
    CLOSED = "closed"
    REVERSED = "reversed"
    CAPPED = "capped"
    FLATTEN = "flatten"


#: What keeps the position as it is.
STILL = frozenset({Rebalance.WAITING, Rebalance.KEPT})


def rebalances(day: date, previous: date | None, every: Frequency) -> bool:
    """Return whether an account date rebalances; `previous` is the account date before (None: there is none).

    >>> friday, monday = date(2020, 1, 3), date(2020, 1, 6)
    >>> rebalances(monday, friday, Frequency.WEEKLY), rebalances(monday, friday, Frequency.MONTHLY)
    (True, False)
    """
    if previous is None or every is Frequency.DAILY:
        return True
    if every is Frequency.MONTHLY:
        return (day.year, day.month) != (previous.year, previous.month)
    return day.isocalendar()[:2] != previous.isocalendar()[:2]


def rebalancing_rows(open_time: TimeArray, every: Frequency) -> NDArray[np.bool_]:
    """Return the mask (T,) of the account dates that rebalance; the first one does.

    >>> dates = np.arange("2020-01-03", "2020-01-08", dtype="M8[D]").astype("M8[us]")
    >>> rebalancing_rows(dates, Frequency.WEEKLY).tolist()
    [True, False, False, True, False]
    """
    days: list[date] = open_time.astype("M8[D]").tolist()
    return np.array([rebalances(day, previous, every) for previous, day in zip([None, *days], days, strict=False)])


def banded(current: FloatArray, wanted: FloatArray, band: float, room: FloatArray | float) -> FloatArray:
    """Return the exposures to trade to, (S, ...), given those held and those wanted, all multiples of equity.

    A position within `band` of its target is kept; another one is traded to the nearest edge of the band. A target of
    0, or on the other side of a position, is reached in full. If the gross exposure (...) would then be above `room`,
    what is still above its target is traded to the target.

    >>> held, targets = np.array([0.55, 0.1, -0.2, 0.3]), np.array([0.52, 0.4, 0.3, 0.0])
    >>> banded(held, targets, 0.05, 2.0).round(3).tolist()
    [0.55, 0.35, 0.3, 0.0]
    >>> banded(held, targets, 0.05, 1.1).round(3).tolist()
    [0.52, 0.35, 0.3, 0.0]
    """
    exact = (wanted == 0.0) | (wanted * current < 0.0)
    result = np.where(exact, wanted, np.clip(current, wanted - band, wanted + band))
    broken = np.abs(result).sum(axis=0) > room * (1.0 + CAP_ROUNDING)
    return np.where(broken & (np.abs(result) > np.abs(wanted)), wanted, result)


def effects_of(current: FloatArray, wanted: FloatArray, traded: FloatArray) -> tuple[Rebalance, ...]:
    """Return what the band made of each target, (S,); `traded` are the exposures that `banded` gives.

    >>> held, targets = np.array([0.55, 0.1, -0.2, 0.3]), np.array([0.52, 0.4, 0.3, 0.0])
    >>> [str(effect) for effect in effects_of(held, targets, banded(held, targets, 0.05, 2.0))]
    ['kept', 'edge', 'reversed', 'closed']
    """
    return tuple(map(_effect, current.tolist(), wanted.tolist(), traded.tolist()))


def _effect(current: float, wanted: float, traded: float) -> Rebalance:
    if wanted == 0.0:
        return Rebalance.CLOSED
    if wanted * current < 0.0:
        return Rebalance.REVERSED
    if traded == current:
        return Rebalance.KEPT
    return Rebalance.CAPPED if traded == wanted else Rebalance.EDGE


def effect_in_words(effect: Rebalance, target: float, band: float, every: Frequency) -> str:
    """Return the reason that a decision gives for what became of its target; empty where the target is reached.

    >>> effect_in_words(Rebalance.EDGE, 0.4, 0.05, Frequency.DAILY)
    'traded to the edge of the band, 5% of equity around the target of +0.4'
    """
    match effect:
        case Rebalance.WAITING:
            return f"kept until the next {every} rebalancing"
        case Rebalance.KEPT:
            return f"kept within the band, {100 * band:g}% of equity around the target of {target:+.4g}"
        case Rebalance.EDGE:
            return f"traded to the edge of the band, {100 * band:g}% of equity around the target of {target:+.4g}"
        case Rebalance.CAPPED:
            return f"traded to the target of {target:+.4g}, as the cap on exposure leaves no room for the band"
        case Rebalance.CLOSED | Rebalance.REVERSED | Rebalance.FLATTEN:
            return ""
