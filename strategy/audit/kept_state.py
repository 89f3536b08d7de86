"""State that a signal keeps: values that change after calls for other symbols, or when its code is loaded anew."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from strategy.audit.signal_calls import Difference, unequal
from strategy.audit.signal_examination import Examination
from strategy.market.altered_bars import another_future
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.strategies import Strategy

#: Windows of each symbol that are called again, those of all symbols in a drawn order.
MIXED_WINDOWS = 32
_OTHERS = "it keeps something of them; a signal that compares symbols is signals(panel)"


def state_of_other_symbols(seen: Sequence[Examination], draw: np.random.Generator) -> list[Fault]:
    """Return faults of symbols whose values have changed since their own calls, with calls of others in between.

    The others are called in the opposite order, on other bars, and then again in a drawn order.
    """
    if len(seen) < 2:
        return []
    faults = []
    try:
        for place, each in enumerate(reversed(seen)):
            other = seen[-place].calls
            other.of_altered(another_future(other.known, other.first, draw))
            first = each.calls.first
            faults += _moved(each, unequal(each.calls, first, each.whole[first:], each.calls.whole()[first:]))
        mixed = [(each, row) for each in seen for row in draw.permutation(list(each.windows))[:MIXED_WINDOWS].tolist()]
        for place in draw.permutation(len(mixed)).tolist():
            each, row = mixed[place]
            faults += _moved(each, unequal(each.calls, row, each.windows[row][None], each.calls.window(row)[None]))
    except CallFailed as failed:
        faults.append(failed.fault)
    return faults


def _moved(seen: Examination, moved: Difference | None) -> list[Fault]:
    if moved is None:
        return []
    what = f"of row {moved.row} is {moved.value!r}, and {moved.other!r} after calls for other symbols: {_OTHERS}"
    return [seen.calls.fault(Check.OTHER_SYMBOLS, what, moved.row, moved.column)]


def state_of_first_calls(seen: Sequence[Examination], anew: Callable[[], Strategy]) -> list[Fault]:
    """Return faults of symbols whose whole history has other values when it alone is called, of code loaded anew.

    It shows what a first call sets for good, such as a model that is fitted once; `anew` returns the strategy, freshly
    loaded, whose state nobody has touched.
    """
    faults = []
    for each in seen:
        calls, first = each.calls, each.calls.first
        try:
            alone = replace(calls, strategy=anew()).whole()
            moved = unequal(calls, first, each.whole[first:], alone[first:])
            if moved is not None:
                again = replace(calls, strategy=anew())
                again.window(int(each.plan.cuts[0]))
                own = unequal(calls, first, alone[first:], again.whole()[first:])
                faults.append(_set(each, own or moved, Check.UNSTABLE if own else Check.OTHER_SYMBOLS))
        except CallFailed as failed:
            faults.append(failed.fault)
    return faults


def _set(seen: Examination, moved: Difference, check: Check) -> Fault:
    if check is Check.UNSTABLE:
        cause = (
            f"of row {moved.row} is {moved.value!r} if the whole history is called first, and {moved.other!r} after a "
            "call on earlier bars: the first call sets something for good, such as a model that is fitted once"
        )
    else:
        cause = f"of row {moved.row} is {moved.value!r} after other symbols and {moved.other!r} alone: {_OTHERS}"
    return seen.calls.fault(check, cause, moved.row, moved.column)
