"""The warning that a limit of the exposure, and not the target, decided."""

import numpy as np

from strategy.builtin.registry import RULES
from strategy.portfolio.limited_days import LimitedDays
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from tasks.notices.exposure_limits import limits_decided_often, limits_decided_today

TIGHT = SizingParams(max_position_size=1)


def days(cap: int, multiplier: int, lived: int) -> LimitedDays:
    at = np.arange(lived)
    return LimitedDays(
        cap=at < cap,
        multiplier=(cap <= at) & (at < cap + multiplier),
        reached=np.full(lived, 0.1234),
        uncapped=np.full(lived, 0.2),
    )


def test_the_warning_names_the_limits_the_target_reached_and_what_changes_it() -> None:
    assert limits_decided_often(RULES, days(10, 2_506, 2_516), TIGHT) == [
        "limits decided on 2,516 of 2,516 days, not target_annual_vol 0.35: max_position_size 1, a multiple of equity, "
        "on 10 and the volatility multiplier, at most 2, on 2,506; target_annual_vol 0.123 was reached, the median of "
        "those days; lower it to that, or raise max_position_size, with which 0.2 is reached at most on its days"
    ]
    assert limits_decided_often(RULES, days(0, 9, 10), SizingParams(max_position_size=4)) == [
        "limits decided on 9 of 10 days, not target_annual_vol 0.35: the volatility multiplier, at most 2, on 9; "
        "target_annual_vol 0.123 was reached, the median of those days; lower it to that: raising max_position_size "
        "changes nothing"
    ]
    assert limits_decided_often(RULES, days(2, 3, 100), TIGHT) == []
    assert limits_decided_today(RULES, days(0, 1, 1), TIGHT) == [
        "the volatility multiplier, at most 2, decided today, not target_annual_vol 0.35; target_annual_vol 0.123 was "
        "reached; lower it to that: raising max_position_size changes nothing"
    ]
    assert limits_decided_today(RULES, days(0, 0, 1), TIGHT) == []


def test_signals_that_are_exposures_have_no_target() -> None:
    direct = Strategy(name="long", signal=lambda bars: bars.close, history_bars=1, sizing="direct")
    (often,) = limits_decided_often(direct, days(9, 0, 10), TIGHT)
    (today,) = limits_decided_today(direct, days(1, 0, 1), TIGHT)
    said = "not the signals: together they ask for more than max_position_size 1, a multiple of equity; return smaller "
    assert (often, today) == (
        f"the cap decided on 9 of 10 days, {said}ones or raise it",
        f"the cap decided today, {said}ones or raise it",
    )
