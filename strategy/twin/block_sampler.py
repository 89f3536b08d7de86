"""Block sampler: which past date may follow which, so that weekday and market state are continuous."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import FloatArray, TimeArray

IntArray = NDArray[np.int64]

#: A date's neighbours: this fraction of the dates with the same weekday, on either side of it in market state.
NEIGHBOUR_SHARE, LEAST_NEIGHBOURS = 0.1, 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Succession:
    """The N source dates of paths, as whole days since 1970, and their order of succession.

    `gap` (N,) are the days to the next date. `order` (N,) lists the rows by weekday, then by market state; `place` (N,)
    is a row's position in it, `group` (N, 2) are the bounds of its weekday in it. `oldest` is the first row on the
    weekday that follows the last row.
    """

    day: IntArray
    gap: IntArray
    order: IntArray
    place: IntArray
    group: IntArray
    oldest: int

    def instead_of(self, row: int, draw: np.random.Generator) -> int:
        """Return a row to continue from instead of `row`: same weekday, similar state; the oldest past the last row.

        Places beyond the ends are reflected, and the newest row is followed by the oldest, so that in the long run
        every row is drawn equally often.
        """
        if row >= len(self.day):
            return self.oldest
        first, stop = (int(bound) for bound in self.group[row])
        reach = max(LEAST_NEIGHBOURS, round(NEIGHBOUR_SHARE * (stop - first)))
        place = int(self.place[row]) + int(draw.integers(-reach, reach + 1))
        place = 2 * first - 1 - place if place < first else 2 * stop - 1 - place if place >= stop else place
        return int(self.order[min(max(place, first), stop - 1)])

    def dates(self, source: IntArray) -> TimeArray:
        """Return the dates of a path over these rows (P,): their gaps, starting on the first row's weekday.

        The last date is the newest date of the twin, or up to six days before it.
        """
        passed = np.concatenate([[0], np.cumsum(self.gap[source[:-1]])])
        start = int(self.day[-1] - passed[-1])
        start -= (start - int(self.day[source[0]])) % 7
        return (start + passed).astype("datetime64[D]").astype("datetime64[us]")


def succession(open_time: TimeArray, state: FloatArray) -> Succession:
    """Return the succession of these dates (N,), increasing, given their market states (N,): near numbers are similar.

    >>> dates = np.arange("2020-01-01", "2020-03-01", dtype="M8[D]").astype("M8[us]")
    >>> successors = succession(dates, np.zeros(len(dates)))
    >>> str(dates[successors.instead_of(9, np.random.default_rng(1))].astype("M8[D]").astype(object).strftime("%a"))
    'Fri'
    """
    day = open_time.astype("datetime64[D]").astype(np.int64)
    gap = np.diff(day)
    weekday = day % 7
    # The gap after the newest date is unknown: use the most frequent gap of its weekday.
    alike = gap[weekday[:-1] == weekday[-1]]
    gap = np.append(gap, np.bincount(alike).argmax() if len(alike) else 1).astype(np.int64)
    follows = np.flatnonzero(weekday == (day[-1] + gap[-1]) % 7)
    order = np.lexsort((state, weekday)).astype(np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    bounds = [np.searchsorted(weekday[order], weekday, side=side) for side in ("left", "right")]
    return Succession(
        day=day,
        gap=gap,
        order=order,
        place=place,
        group=np.stack(bounds, axis=-1).astype(np.int64),
        oldest=int(follows[0]) if len(follows) else 0,
    )
