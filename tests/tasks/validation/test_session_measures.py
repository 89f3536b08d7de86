from datetime import date

import numpy as np
import pytest

from exchange.sessions.calendars import sessions
from exchange.sessions.weekdays import weekday
from strategy.market.instruments import Calendar
from tasks.validation.scale_measures import rounding
from tasks.validation.session_measures import density_measures

NONE = np.empty(0, dtype="datetime64[D]")
WEEKDAYS = sessions(Calendar.WEEKDAYS, date(2016, 1, 1), date(2018, 12, 31))


@pytest.mark.parametrize(
    ("days", "lacking"),
    [
        (WEEKDAYS[weekday(WEEKDAYS) == 0], "too few of them|none on Tuesday"),
        (WEEKDAYS[::21], "too few of them|none on"),
        (WEEKDAYS[weekday(WEEKDAYS) != 4], "none on Friday"),
        (np.concatenate([WEEKDAYS[:400:5], WEEKDAYS[400:]]), "too few|none on"),
    ],
)
def test_bars_that_are_not_daily_are_told_by_their_density(days, lacking) -> None:
    found = density_measures(days, NONE, Calendar.WEEKDAYS)
    assert found["sparse"].sum() == 1.0
    assert any(text in found["lacking"] for text in lacking.split("|"))


def test_thin_and_halted_stocks_are_daily() -> None:
    thin = WEEKDAYS[np.random.default_rng(3).random(len(WEEKDAYS)) < 0.7]
    halted = np.concatenate([WEEKDAYS[:200], WEEKDAYS[500:]])
    for days in (WEEKDAYS, thin, halted):
        assert density_measures(days, NONE, Calendar.WEEKDAYS)["sparse"].sum() == 0.0
    closed_on_wednesdays = sessions(Calendar.XNYS, date(1968, 1, 1), date(1969, 1, 31))
    for calendar in (Calendar.XNYS, Calendar.WEEKDAYS):
        assert density_measures(closed_on_wednesdays, NONE, calendar)["sparse"].sum() == 0.0


def test_rounding_counts_where_it_hides_the_moves_of_prices() -> None:
    close = np.round(50.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.01, 300))), 2)
    assert rounding(np.round(close / 1250.0, 2), close, close).min() > 1.0
    assert rounding(np.round(close / 1250.0, 6), close, close).max() < 0.1
    pennies = np.round(close / 1250.0, 2)
    assert rounding(pennies, pennies, pennies).max() == 0.0
