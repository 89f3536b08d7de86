"""The warning that a limit of the exposure, and not the target, decided."""

import numpy as np

from strategy.builtin.registry import RULES
from strategy.portfolio.limited_days import LimitedDays
from strategy.portfolio.sizing import ExposureCaps, SizingParams
from strategy.signals.strategies import Strategy
from tasks.notices.exposure_limits import limits_decided_often, limits_decided_today

TIGHT = SizingParams(max_position_size=1)


def days(cap: int, multiplier: int, lived: int, book: int = 0) -> LimitedDays:
    at = np.arange(lived)
    return LimitedDays(
        cap=at < cap,
        book=lived - at <= book,
        multiplier=(cap <= at) & (at < cap + multiplier),
        reached=np.full(lived, 0.1234),
        uncapped=np.full(lived, 0.2),
    )


def test_the_warning_names_the_limits_the_target_reached_and_what_changes_it() -> None:
    assert limits_decided_often(RULES, days(10, 2_506, 2_516), TIGHT) == [
        "limits decided on 2,516 of 2,516 days, not target_annual_vol 0.35: the account ran at 0.123, the median of "
        "those days. On 2,506 days the volatility multiplier (at most 2) decided and on 10 max_position_size (1 times "
        "equity). Lower target_annual_vol to 0.123, or raise max_position_size, with which on its 10 days at most 0.2 "
        "is reached instead of 0.123"
    ]
    assert limits_decided_often(RULES, days(0, 9, 10), SizingParams(max_position_size=4)) == [
        "limits decided on 9 of 10 days, not target_annual_vol 0.35: the account ran at 0.123, the median of those "
        "days. On 9 days the volatility multiplier (at most 2) decided. Lower target_annual_vol to 0.123: raising "
        "max_position_size changes nothing"
    ]
    assert limits_decided_often(RULES, days(2, 3, 100), TIGHT) == []
    assert limits_decided_today(RULES, days(0, 1, 1), TIGHT) == [
        "the volatility multiplier (at most 2) decided today, not target_annual_vol 0.35; target_annual_vol 0.123 was "
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


def test_the_caps_of_symbols_and_groups_are_counted_and_named() -> None:
    capped = SizingParams(max_position_size=1, caps=ExposureCaps(symbol=0.3, group=0.5, groups=(("A", "B"),)))
    assert limits_decided_often(RULES, days(2, 1, 10, book=4), capped) == [
        "limits decided on 7 of 10 days, not target_annual_vol 0.35: the account ran at 0.123, the median of those "
        "days. On 4 days max_symbol_exposure 0.3 and max_group_exposure 0.5 decided, on 2 max_position_size (1 times "
        "equity) and on 1 the volatility multiplier (at most 2). Lower target_annual_vol to 0.123, or raise "
        "max_position_size, "
        "with which on its 2 days at most 0.2 is reached instead of 0.123, or raise max_symbol_exposure and "
        "max_group_exposure, with which on its 4 days at most 0.2 is reached instead of 0.123"
    ]
    single = SizingParams(max_position_size=1, caps=ExposureCaps(symbol=0.3))
    assert limits_decided_today(RULES, days(0, 0, 1, book=1), single) == [
        "max_symbol_exposure 0.3 decided today, not target_annual_vol 0.35; target_annual_vol 0.123 was reached; lower "
        "it to that, or raise max_symbol_exposure, with which today at most 0.2 is reached instead of 0.123"
    ]
    direct = Strategy(name="long", signal=lambda bars: bars.close, history_bars=1, sizing="direct")
    assert limits_decided_today(direct, days(0, 0, 1, book=1), single) == [
        "the cap decided today, not the signals: they ask for more than max_symbol_exposure 0.3; return smaller ones "
        "or raise it"
    ]
    assert limits_decided_often(direct, days(1, 0, 5, book=2), single) == [
        "caps decided on 3 of 5 days, not the signals: they ask for more than max_position_size 1, a multiple of "
        "equity, on 1 and max_symbol_exposure 0.3 on 2; return smaller ones or raise them"
    ]


def test_no_larger_cap_is_advised_where_the_venue_holds_no_more() -> None:
    spot = SizingParams(max_position_size=0.99)
    assert limits_decided_today(RULES, days(1, 0, 1), spot, venue_most=0.99) == [
        "the venue, which holds at most 0.99 of equity, decided today, not target_annual_vol 0.35; target_annual_vol "
        "0.123 was reached; lower it to that: the venue holds no more"
    ]
    direct = Strategy(name="long", signal=lambda bars: bars.close, history_bars=1, sizing="direct")
    assert limits_decided_today(direct, days(1, 0, 1), spot, venue_most=0.99) == [
        "the venue decided today, not the signals: together they ask for more than 0.99 of equity, which the venue "
        "holds at most; return smaller ones"
    ]
    # Below the venue's most, a larger cap still helps up to there.
    (told,) = limits_decided_today(RULES, days(1, 0, 1), SizingParams(max_position_size=0.9), venue_most=0.99)
    assert told.endswith("or raise max_position_size, with which today at most 0.136 is reached instead of 0.123")
