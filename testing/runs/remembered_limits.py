"""The limits of an account's first day, drawn once for equal pasts: many accounts of tests open on the same days."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from strategy.drift.band import frozen_band
from strategy.drift.looks import Looks
from strategy.drift.shift import frozen_reference
from strategy.market.bars import FloatArray
from tasks.daily import expectation

T = TypeVar("T")

_EXPECTATION: Any = expectation


def remembered(draw: Callable[[FloatArray, Looks], T]) -> Callable[[FloatArray, Looks], T]:
    """Return the function, called once for each past and looks; what it refuses is refused each time."""
    known: dict[tuple[tuple[int, ...], bytes, Looks], T] = {}

    @wraps(draw)
    def told(past: FloatArray, looks: Looks) -> T:
        key = (past.shape, past.tobytes(), looks)
        if key not in known:
            known[key] = draw(past, looks)
        return known[key]

    return told


def remember_limits() -> None:
    """Have accounts of this process draw the limits of each past once; what tests the limits draws them anew."""
    _EXPECTATION.frozen_band = remembered(frozen_band)
    _EXPECTATION.frozen_reference = remembered(frozen_reference)
