"""Durations in words: they are estimates from measurements, so they say `about`."""

import time
from collections.abc import Callable

#: Thresholds, in seconds, from which the next larger unit is precise enough.
_MINUTES_FROM_S, _HOURS_FROM_S = 120.0, 7_200.0


def about(seconds: float) -> str:
    """Return a duration as an estimate.

    >>> about(4.2), about(600.0), about(9_000.0), about(36_000.0)
    ('about 4 s', 'about 10 min', 'about 2 h 30 min', 'about 10 h')
    """
    if seconds < _MINUTES_FROM_S:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60.0)
    if seconds < _HOURS_FROM_S:
        return f"about {minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"about {hours:,} h {rest} min" if rest else f"about {hours:,} h"


class Expected:
    """Estimate of the time for several equal units, from the first; call it before the first and after each."""

    def __init__(self, unit: str, notify: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._unit, self._tell, self._clock = unit, notify, clock
        self._begun_s = 0.0

    def __call__(self, done: int, units: int) -> None:
        """Report the estimate once the first of the units is done."""
        if not done:
            self._begun_s = self._clock()
        elif done == 1 < units:
            took_s = self._clock() - self._begun_s
            first = f"{self._unit} 1 of {units} took {took_s:.1f} s"
            self._tell(f"{first.capitalize()}, so the others take {about((units - 1) * took_s)}.")
