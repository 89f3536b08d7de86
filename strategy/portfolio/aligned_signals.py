"""The signals of all symbols, aligned on the union of their dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray
from strategy.signals.outlook import SymbolSignals, no_outlook


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlignedSignals:
    """The signals of all symbols, and their returns on the union of their dates: `changes` is (U, S)."""

    outlooks: Sequence[SymbolSignals]
    union: TimeArray
    changes: FloatArray


def aligned_signals(outlooks: Mapping[str, SymbolSignals], symbols: Sequence[str]) -> AlignedSignals:
    """Align the signals in the order of the symbols; a symbol without bars gets signals without rows."""
    ordered = [outlooks[symbol] if symbol in outlooks else no_outlook(symbol) for symbol in symbols]
    union, changes = aligned_changes(ordered)
    return AlignedSignals(outlooks=ordered, union=union, changes=changes)


def aligned_changes(outlooks: Sequence[SymbolSignals]) -> tuple[TimeArray, NDArray[np.float64]]:
    """Return the union of the symbols' dates, (U,), and their returns on it, (U, S); 0 on dates without a session."""
    union = np.unique(np.concatenate([outlook.open_time for outlook in outlooks]))
    changes = np.zeros((len(union), len(outlooks)))
    for column, outlook in enumerate(outlooks):
        changes[np.searchsorted(union, outlook.open_time), column] = np.nan_to_num(outlook.change)
    return union, changes
