"""Axes: round marks, and every value where it belongs."""

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report.scales import Scale, date_scale, date_ticks, equity_scale, nice_step, scale_ticks, value_ticks

money = st.floats(min_value=1e-3, max_value=1e12)


@given(st.lists(money, min_size=1, max_size=20))
def test_every_value_and_every_mark_lies_within_the_axis(values: list[float]) -> None:
    scale = equity_scale(values, 300.0, 20.0)
    assert all(20.0 <= scale(value) <= 300.0 for value in values)
    marks = scale_ticks(scale, 5)
    assert 1 <= len(marks) <= 14
    assert all(20.0 - 1e-6 <= scale(mark) <= 300.0 + 1e-6 for mark, _ in marks)


def test_doubling_takes_the_same_room_wherever_it_starts() -> None:
    scale = equity_scale([100.0, 130.0, 800.0], 300.0, 20.0)
    assert scale(200.0) - scale(100.0) == pytest.approx(scale(800.0) - scale(400.0))


def test_money_that_is_lost_altogether_is_drawn_on_a_straight_axis() -> None:
    scale = equity_scale([-5.0, 0.0, 300.0], 300.0, 20.0)
    assert scale(200.0) - scale(100.0) == pytest.approx(scale(300.0) - scale(200.0))
    assert equity_scale([math.nan], 300.0, 20.0)(0.5) == 160.0


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_step_is_round_and_not_below_what_is_asked(rough: float) -> None:
    step = nice_step(rough)
    assert rough * (1 - 1e-9) <= step <= rough * 2.5
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in {1.0, 2.0, 2.5, 5.0}


def test_marks_have_the_decimals_that_tell_them_apart() -> None:
    assert [text for _, text in value_ticks(9_999.0, 10_000.0, 4)] == [
        "9,999.00",
        "9,999.25",
        "9,999.50",
        "9,999.75",
        "10,000.00",
    ]
    assert [text for _, text in value_ticks(0.0, 4e7, 2)] == ["0", "20M", "40M"]


@given(st.dates(date(1927, 1, 1), date(2030, 1, 1)), st.integers(0, 36_000), st.integers(2, 9))
def test_date_marks_are_few_ordered_and_inside(first: date, days: int, count: int) -> None:
    last = first + timedelta(days=days)
    marks = [mark for mark, _ in date_ticks(first, last, count)]
    assert 1 <= len(marks) <= count + 1
    assert marks == sorted(set(marks))
    assert all(first <= mark <= last for mark in marks)


def test_a_single_date_stands_in_the_middle() -> None:
    day = date(2020, 1, 2)
    assert date_scale((day,), 0.0, 100.0)(day.toordinal()) == 50.0
    assert date_ticks(day, day, 5) == [(day, "2020-01-02")]


def test_an_axis_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        Scale(low=1.0, high=1.0, start_px=0.0, stop_px=1.0)
