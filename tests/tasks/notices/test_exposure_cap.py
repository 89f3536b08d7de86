"""The warning that the largest exposure, and not the target, decided."""

from strategy.builtin.registry import RULES
from strategy.portfolio.sizing import SizingParams
from strategy.signals.strategies import Strategy
from tasks.notices.exposure_cap import CappedLife, cap_decided_often, cap_decided_today


def test_the_warning_names_the_target_that_was_reached() -> None:
    (warning,) = cap_decided_often(RULES, CappedLife(days=2_516, lived=2_516, reached=0.1234), SizingParams())
    assert warning == (
        "the cap decided on 2,516 of 2,516 days, not the volatility aimed at: target_annual_vol 0.35 asks for more "
        "than max_position_size 2, a multiple of equity, where the portfolio is calmer than 0.175 a year; lower "
        "target_annual_vol or raise max_position_size; under the cap target_annual_vol 0.12 was reached, the median of "
        "those days"
    )
    (unknown,) = cap_decided_often(RULES, CappedLife(days=9, lived=10), SizingParams())
    assert unknown.endswith("lower target_annual_vol or raise max_position_size")
    assert cap_decided_today(RULES, SizingParams()).startswith("the cap decided today, not the volatility aimed at")
    assert cap_decided_often(RULES, CappedLife(days=5, lived=100, reached=0.1), SizingParams()) == []


def test_signals_that_are_exposures_have_no_target() -> None:
    direct = Strategy(name="long", signal=lambda bars: bars.close, history_bars=1, sizing="direct")
    (warning,) = cap_decided_often(direct, CappedLife(days=9, lived=10, reached=0.1), SizingParams())
    assert warning.endswith(
        "together they ask for more than max_position_size 2, a multiple of equity; return smaller ones or raise it"
    )
