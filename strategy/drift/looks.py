"""The looks of an account year: every day is one, and a limit is calibrated to all of a year together."""

from dataclasses import dataclass
from enum import StrEnum

#: The checks together raise a false alarm in at most this share of account years, after a past of ten years.
FALSE_ALARMS_A_YEAR = 0.05
#: Days of such a past, less what calendars differ by.
LONG_PAST_DAYS = 3_600
#: The most that was measured after five years, of processes that the limits were not made with: a short past has seen
#: too few of the storms that come. `benchmarks/days/drift.py --unseen`
FALSE_ALARMS_AFTER_SHORT_PAST = 0.09


class Check(StrEnum):
    """A check of a live account: its equity within the band, its costs, or the distribution of its inputs."""

    BAND = "band"
    COST = "cost"
    SHIFT = "shift"


#: What each check is calibrated to: by Bonferroni an equal part, however the checks depend on each other, of half of
#: what is allowed. The other half is for what a resample cannot show: a memory of volatility longer than its blocks.
SHARE = FALSE_ALARMS_A_YEAR / 2 / len(Check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """A year of looks to be calibrated: its account days, the false alarms allowed in it, paths drawn, and the seed."""

    year_days: int
    seed: int
    share: float = SHARE
    paths: int = 2_000

    def __post_init__(self) -> None:
        if self.year_days < 1 or not 0.0 < self.share < 1.0 or self.paths * self.share < 1.0:
            raise ValueError(
                f"a year of {self.year_days} days, a share of {self.share} and {self.paths} paths were given; a limit "
                "needs at least a day, a share between 0 and 1, and one path beyond it"
            )


def year_of(day: int, year_days: int) -> int:
    """Return the number of days before the account year of a day, which counts from 1 after the opening.

    >>> [year_of(day, 252) for day in (1, 252, 253)]
    [0, 0, 252]
    """
    return (day - 1) // year_days * year_days
