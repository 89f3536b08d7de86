"""The drawdowns of a curve, and what an account did in a crisis."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategy.evaluation.crises import CRISES, crisis_results
from strategy.evaluation.drawdown_periods import drawdown_periods
from strategy.evaluation.metrics import drawdowns

FIRST = date(2020, 1, 1)


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(count)]


def test_a_drawdown_runs_from_its_high_to_the_day_that_regains_it() -> None:
    equity = np.array([100.0, 120.0, 90.0, 60.0, 119.0, 120.0, 130.0, 117.0])
    first, second = drawdown_periods(days(8), equity)
    assert (first.start.day, first.trough.day, first.depth, first.days) == (2, 4, pytest.approx(0.5), 4)
    assert first.recovery == date(2020, 1, 6)
    assert (second.start.day, second.trough.day, second.recovery, second.days) == (7, 8, None, 1)


def test_a_curve_that_never_fell_has_none() -> None:
    assert drawdown_periods(days(3), np.array([1.0, 1.0, 2.0])) == ()
    assert drawdown_periods(days(1), np.array([1.0])) == ()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=40))
def test_every_day_below_a_high_is_in_one_drawdown_and_the_deepest_is_first(path: list[int]) -> None:
    equity = np.array(path, dtype=np.float64)
    found = drawdown_periods(days(len(path)), equity, most=100)
    under = drawdowns(equity)
    assert max((each.depth for each in found), default=0.0) == under.max()
    assert [each.depth for each in found] == sorted((each.depth for each in found), reverse=True)
    covered = [
        row
        for row, day in enumerate(days(len(path)))
        for each in found
        if each.start < day and (each.recovery is None or day < each.recovery)
    ]
    assert sorted(covered) == np.flatnonzero(under > 0).tolist()


def test_crises_are_in_order_and_do_not_overlap() -> None:
    ends = [bound for crisis in CRISES for bound in (crisis.start, crisis.end)]
    assert ends == sorted(set(ends))


def test_only_a_crisis_within_the_days_counts() -> None:
    dates = [date(2020, 2, 18), date(2020, 2, 19), date(2020, 2, 21), date(2020, 3, 20), date(2020, 3, 23)]
    equity, market = np.array([90.0, 100.0, 50.0, 80.0, 75.0]), np.array([1.0, 2.0, 1.0, 1.0, 1.5])
    (found,) = crisis_results(dates, equity, market)
    assert (found.crisis.name, found.total_return, found.max_drawdown) == ("Pandemic", -0.25, 0.5)
    assert found.benchmark_return == -0.25
    assert crisis_results(dates[:-1], equity[:-1], None) == ()
    assert crisis_results(dates[2:], equity[2:], None) == ()
    # Nothing on the low itself: the last close before counts.
    later = [*dates[:-1], date(2020, 4, 1)]
    (late,) = crisis_results(later, equity, None)
    assert (late.total_return, late.benchmark_return) == (pytest.approx(-0.2), None)


def test_an_account_without_equity_has_no_result() -> None:
    dates = [date(2020, 2, 19), date(2020, 3, 23)]
    assert crisis_results(dates, np.array([0.0, 1.0]), None) == ()
