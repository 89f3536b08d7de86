"""Symbols side by side: which row of each is its newest on every date of the account."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray

#: Calendar days for which a symbol's last row counts in the market that networks see: a long weekend, not a symbol that
#: has gone. Weights are tied to it, unlike to the `stale_days` after which an account drops a symbol.
CURRENT_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The union of the symbols' dates, and where each symbol stands on it; U dates, S symbols, in sorted order.

    `row` (U, S) numbers each symbol's newest own row dated that date or earlier, -1 where it has none; `session`
    (U, S) marks its own dates; `current` (U, S) rows that are at most so many days old as was asked for.
    """

    symbols: tuple[str, ...]
    open_time: TimeArray
    row: NDArray[np.int64]
    session: NDArray[np.bool_]
    current: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.open_time)

    def spread(self, column: int, values: FloatArray) -> FloatArray:
        """One symbol's own rows (T,) or (T, F) as they stood on every date, (U,) or (U, F); NaN before its first."""
        row = self.row[:, column]
        known = row >= 0
        result = np.full((len(self), *values.shape[1:]), np.nan)
        result[known] = values[row[known]]
        return result


def side_by_side(open_times: Mapping[str, TimeArray], current_days: int = CURRENT_DAYS) -> Panel:
    """The panel of these symbols' dates, each (T,), increasing; rows are current for so many calendar days.

    >>> panel = side_by_side({"B": np.array(["2020-01-06"], "M8[us]"), "A": np.array(["2020-01-03"], "M8[us]")})
    >>> panel.symbols, panel.row.tolist(), panel.session.tolist()
    (('A', 'B'), [[0, -1], [0, 0]], [[True, False], [False, True]])
    """
    symbols = tuple(sorted(open_times))
    union = np.unique(np.concatenate([open_times[symbol] for symbol in symbols]))
    row = np.stack([np.searchsorted(open_times[symbol], union, side="right") - 1 for symbol in symbols], axis=-1)
    session = np.stack([np.isin(union, open_times[symbol], assume_unique=True) for symbol in symbols], axis=-1)
    current = np.zeros(row.shape, dtype=np.bool_)
    for column, symbol in enumerate(symbols):
        known = row[:, column] >= 0
        age = union[known] - open_times[symbol][row[known, column]]
        current[known, column] = age <= np.timedelta64(current_days, "D")
    return Panel(symbols=symbols, open_time=union, row=row.astype(np.int64), session=session, current=current)
