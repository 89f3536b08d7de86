"""The expectations that every staged bar must meet, and the texts of their findings."""

from strategy.market.findings import FRESH
from tasks.validation.expectation import Check, Rule
from tasks.validation.measures import (
    DEAD_RUN_BARS,
    DEAD_SHARE_BARS,
    LOOKBACK_BARS,
    MOVE_MEDIANS,
    WICK_RANGES,
)
from tasks.validation.session_measures import HOLE_WEEKDAYS

#: Series adjusted after the fact deviate in the last bit; real faults are far larger.
TOUCH_TOLERANCE = 1e-6

_BODY = "open {open:.8g}, close {close:.8g}"
_ALL = "open {open:.8g}, high {high:.8g}, low {low:.8g}, close {close:.8g}"
_FAR = f"more than {WICK_RANGES:.0f} times the median range of the {LOOKBACK_BARS} bars before (or tenfold)"
_DEAD = f"fewer than {DEAD_RUN_BARS + 1} in a row and at most {DEAD_SHARE_BARS} of {LOOKBACK_BARS} bars"

#: Expectations on a table with one row per bar.
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
        value="{prices}",
        limit="4 prices, as plain numbers like 4000.12",
        reason="open, high, low or close is missing or not a number",
        waivable=False,
    ),
    Check(
        name="cells_read",
        column="cells_unread",
        most=0.0,
        value="{unread_others}",
        limit="a plain number like 1234567.8, or nothing",
        reason="a volume or adjusted close is given but is not a number: separators, units and letters are not read",
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
        reason="an adjusted close that is not a price, or is missing on some bars only, would read as a split",
        waivable=False,
    ),
    Check(
        name="adjusted_close_exact",
        column="rounding",
        most=1.0,
        value="adjusted close {adj_close:.8g} beside close {close:.8g}",
        limit="rounding that adds less to a move than prices do",
        reason="the decimals of the adjusted close are so few that their rounding moves it more ({rounding:.1f} times) "
        "than prices move; export it with more decimals, or without adjusted closes",
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
        reason="the bar is dated before the row above it, so its date or its place is wrong; sort a file by date, "
        "oldest first",
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
        name="daily_density",
        column="sparse",
        most=0.0,
        value="{found_a_week:.1f} bars a week, {lacking}",
        limit="{wanted_a_week:.1f} by the calendar {calendar}",
        reason="the bars are not daily, and figures per year would be wrong; export daily bars: {calendar_from}",
        waivable=False,
    ),
    Check(
        name="on_a_session",
        column="off_session",
        most=0.0,
        value="a bar",
        limit="none: the calendar {calendar} has no session on this date",
        reason="the bar is dated on a day without a session, so its date or the symbol's calendar is wrong: "
        "{calendar_from}, or keep the dates as they are with --calendar observed",
    ),
    Check(
        name="sessions_complete",
        column="sessions_missed_excess",
        most=0.0,
        dated="first_missed",
        value="{sessions_missed:.0f} sessions missing before the bar of {open_time:%Y-%m-%d}",
        limit="{sessions_allowed:.0f} missing",
        reason=f"the series has a hole (where holidays are not known, up to {HOLE_WEEKDAYS} weekdays are allowed): "
        "{calendar_from}, or, where no bar is missing, keep the dates as they are with --calendar observed",
    ),
    Check(
        name=FRESH,
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
        reason=f"the move is more than {MOVE_MEDIANS:.0f} times the median of the {LOOKBACK_BARS} bars before; if "
        "it is a split or a dividend, the source must report it, a file in its column adj_close",
        blocks=False,
    ),
)
