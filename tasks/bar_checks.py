"""The expectations that every staged bar must meet, and what is said of one that does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import pandas as pd

from strategy.quality import Finding
from tasks.bar_evidence import (
    DEAD_RUN_BARS,
    DEAD_SHARE_BARS,
    HOLE_WEEKDAYS,
    LOOKBACK_BARS,
    MOVE_MEDIANS,
    WICK_RANGES,
)

#: Series that were adjusted after the fact miss by the last bit; real faults are far above.
TOUCH_TOLERANCE = 1e-6


class Rule(StrEnum):
    """The kind of expectation that is put to a column."""

    KNOWN = "not null"
    UNIQUE = "unique per symbol"
    BETWEEN = "between"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation: the column it is put to, its bounds, and texts for a finding, filled from the row that broke it.

    `dated` names the column that holds the finding's date. A check that does not block only warns; one that is not
    waivable holds back even what a person accepted, since no store or account could work with such a bar.
    """

    name: str
    column: str
    reason: str
    value: str
    limit: str
    rule: Rule = Rule.BETWEEN
    least: float | None = None
    most: float | None = None
    dated: str = "open_time"
    blocks: bool = True
    waivable: bool = True

    def finding(self, symbol: str, row: Mapping[str, Any]) -> Finding:
        """What to say of a row that broke the expectation."""
        return Finding(
            symbol=symbol,
            open_time=_day(row[self.dated]),
            expectation=self.name,
            value=self.value.format_map(row),
            limit=self.limit.format_map(row),
            reason=self.reason.format_map(row),
        )


def _day(stamp: Any) -> date | None:
    return None if pd.isna(stamp) else pd.Timestamp(stamp).date()


_BODY = "open {open:.8g}, close {close:.8g}"
_ALL = "open {open:.8g}, high {high:.8g}, low {low:.8g}, close {close:.8g}"
_FAR = f"more than {WICK_RANGES:.0f} times the median range of the {LOOKBACK_BARS} bars before (or tenfold)"
_DEAD = f"fewer than {DEAD_RUN_BARS + 1} in a row and at most {DEAD_SHARE_BARS} of {LOOKBACK_BARS} bars"

#: Put to one row per bar.
CHECKS = (
    Check(
        name="date_known",
        column="open_time",
        rule=Rule.KNOWN,
        value="no date",
        limit="a session date",
        reason="a bar without a date cannot be placed",
        waivable=False,
    ),
    Check(
        name="prices_known",
        column="prices_missing",
        most=0.0,
        value=_ALL,
        limit="4 prices",
        reason="open, high, low or close is missing or not a number",
        waivable=False,
    ),
    Check(
        name="prices_positive",
        column="prices_impossible",
        most=0.0,
        value=_ALL,
        limit="above 0 and finite",
        reason="open, high, low or close is not a positive, finite number",
        waivable=False,
    ),
    Check(
        name="adjusted_close_positive",
        column="adjusted_impossible",
        most=0.0,
        value="adjusted close {adj_close:.8g}",
        limit="above 0 and finite, or unknown on every bar",
        reason="an adjusted close that is no price, or is missing on some bars only, would read as a split",
        waivable=False,
    ),
    Check(
        name="low_at_most_open_close",
        column="low_excess",
        most=TOUCH_TOLERANCE,
        value="low {low:.8g}",
        limit="at most " + _BODY,
        reason="the low is above the open or the close",
    ),
    Check(
        name="high_at_least_open_close",
        column="high_shortfall",
        most=TOUCH_TOLERANCE,
        value="high {high:.8g}",
        limit="at least " + _BODY,
        reason="the high is below the open or the close",
    ),
    Check(
        name="volume_not_negative",
        column="volume",
        least=0.0,
        most=1.7e308,
        value="volume {volume:.8g}",
        limit="0 or more and finite, or unknown",
        reason="the volume is negative or not finite",
    ),
    Check(
        name="dates_unique",
        column="open_time",
        rule=Rule.UNIQUE,
        value=_ALL,
        limit="one bar a date",
        reason="several bars carry this date",
        waivable=False,
    ),
    Check(
        name="dates_increasing",
        column="days_since_previous",
        least=0.0,
        value="{days_since_previous:.0f} days after the row before",
        limit="0 or more",
        reason="the bar is dated before the row above it, so its date or its place is wrong",
        waivable=False,
    ),
    Check(
        name="bar_closed",
        column="days_beyond",
        most=0.0,
        value="{days_beyond:.0f} days after the last closed session",
        limit="{last_allowed} or earlier",
        reason="the bar lies in the future or its session has not ended",
        waivable=False,
    ),
    Check(
        name="on_a_session",
        column="off_session",
        most=0.0,
        value="a bar",
        limit="none: the calendar has no session on this date",
        reason="the bar is dated on a day without a session, so its date or the symbol's calendar is wrong",
    ),
    Check(
        name="sessions_complete",
        column="sessions_missed_excess",
        most=0.0,
        dated="first_missed",
        value="{sessions_missed:.0f} sessions missing before the bar of {open_time:%Y-%m-%d}",
        limit="{sessions_allowed:.0f} missing",
        reason=f"the series has a hole (where holidays are not known, up to {HOLE_WEEKDAYS} weekdays are allowed)",
    ),
    Check(
        name="fresh",
        column="days_stale",
        most=0.0,
        value="newest bar {open_time:%Y-%m-%d}",
        limit="{fresh_until} or later",
        reason="the newest bar is {days_stale:.0f} days older than the session that should be there",
        waivable=False,
    ),
    Check(
        name="low_near_open_close",
        column="low_wick",
        most=1.0,
        value="low {low:.8g} under " + _BODY,
        limit="{low_floor:.6g} or more",
        reason=f"the low lies {_FAR} below open and close, as an erroneous trade does",
    ),
    Check(
        name="high_near_open_close",
        column="high_wick",
        most=1.0,
        value="high {high:.8g} over " + _BODY,
        limit="{high_ceiling:.6g} or less",
        reason=f"the high lies {_FAR} above open and close, as an erroneous trade does",
    ),
    Check(
        name="few_flat_bars",
        column="flat_crowd",
        most=1.0,
        value="flat at {close:.8g}",
        limit=_DEAD,
        reason="so many bars with open = high = low = close say that only closes are real here",
    ),
    Check(
        name="few_repeated_bars",
        column="repeated_crowd",
        most=1.0,
        value="the same as the bar before: " + _ALL,
        limit=_DEAD,
        reason="so many copies of the bar before say that the feed stood still",
    ),
    Check(
        name="no_flat_bar",
        column="flat",
        most=0.0,
        value="flat at {close:.8g}",
        limit="high above low",
        reason="open, high, low and close are the same",
        blocks=False,
    ),
    Check(
        name="no_repeated_bar",
        column="repeated",
        most=0.0,
        value="the same as the bar before: " + _ALL,
        limit="a bar of its own",
        reason="prices and volume repeat the bar before",
        blocks=False,
    ),
    Check(
        name="usual_move",
        column="move",
        most=1.0,
        value="{move_found:+.2%} from the close before",
        limit="{move_limit:+.2%}",
        reason=f"the move is more than {MOVE_MEDIANS:.0f} times the median of the {LOOKBACK_BARS} bars before",
        blocks=False,
    ),
)
