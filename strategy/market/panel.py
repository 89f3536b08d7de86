"""Panel of symbols: the index of each symbol's newest row on every date of the account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray

#: Calendar days for which a symbol's last row counts in the market features of networks: it spans a long weekend, not
#: a symbol that has disappeared. Trained weights depend on it, but not on an account's `stale_days`.
CURRENT_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The union of the symbols' dates, and each symbol's newest row on them; U dates, S symbols, in sorted order.

    `row` (U, S) is the index of each symbol's newest own row dated that date or earlier, -1 if it has none; `session`
    (U, S) marks its own dates; `current` (U, S) marks rows that are no older than the `current_days` requested.
    """

    symbols: tuple[str, ...]
    open_time: TimeArray
    row: NDArray[np.int64]
    session: NDArray[np.bool_]
    current: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.open_time)

    def spread(self, column: int, values: FloatArray) -> FloatArray:
        """Return one symbol's own rows, (T,) or (T, F), carried forward to every date, (U,) or (U, F).

        NaN before its first row.
        """
        row = self.row[:, column]
        known = row >= 0
        result = np.full((len(self), *values.shape[1:]), np.nan)
        result[known] = values[row[known]]
        return result

    def at_sessions(self, columns: Iterable[FloatArray]) -> FloatArray:
        """Return each symbol's own rows, (T,), on the dates of its sessions, (U, S); NaN on other dates."""
        spread = np.stack([self.spread(number, values) for number, values in enumerate(columns)], axis=-1)
        return np.where(self.session, spread, np.nan)


def side_by_side(open_times: Mapping[str, TimeArray], current_days: int = CURRENT_DAYS) -> Panel:
    """Return the panel of these symbols' dates, each (T,), increasing; a row is current for `current_days` days.

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
