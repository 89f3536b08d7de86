import numpy as np
import pandas as pd
import pytest

from strategy.market.instruments import Calendar
from tasks.validation.unit_gaps import unit_gaps

NONE = pd.DataFrame({name: np.empty(0) for name in ("open", "high", "low", "close")})


def series(ratio: float, at: int, rows: int = 40, own_range: float = 0.02) -> pd.DataFrame:
    """A quiet series that is told at another level from bar `at` on; its bar opens there with that range."""
    close = 100.0 + np.sin(np.arange(rows))
    opened = np.concatenate([close[:1], close[:-1]])
    level = np.where(np.arange(rows) >= at, ratio, 1.0)
    low, high = np.minimum(opened, close) * 0.999, np.maximum(opened, close) * 1.001
    low[at] = high[at] * np.exp(-own_range)
    columns = {"open": opened, "high": high, "low": low, "close": close}
    return pd.DataFrame({name: values * level for name, values in columns.items()}).assign(adj_close=np.nan)


def found(frame: pd.DataFrame, calendar: Calendar = Calendar.XNYS) -> tuple[list[int], list[int]]:
    told = unit_gaps(frame, NONE, calendar, np.zeros(len(frame), dtype=bool))
    held, kept = (np.flatnonzero(np.asarray(told[name])).tolist() for name in ("unit_gap", "unit_gap_kept"))
    return held, kept


@pytest.mark.parametrize(
    ("ratio", "suspected"),
    [(0.25, True), (4.0, True), (1.5, True), (1 / 100, True), (0.255, True), (0.26, False), (1 / 7, False)],
)
def test_a_gap_of_a_whole_ratio_is_held_until_three_sessions_confirm_it(ratio: float, suspected: bool) -> None:
    frame = series(ratio, 36)
    for last in (36, 37, 38):
        assert found(frame.iloc[: last + 1]) == (([36], []) if suspected else ([], []))
    assert found(frame.iloc[:40]) == (([], [36]) if suspected else ([], []))


def test_a_crash_within_the_day_is_never_held() -> None:
    """A bar that falls to a quarter from its own open, and one that opens there but ranges as a crash does."""
    assert found(series(0.25, 39, own_range=0.36)) == ([], [])
    crash = series(1.0, 39)
    crash.loc[39, ["low", "close"]] = 24.0, 25.0
    assert found(crash) == ([], [])


def test_one_bar_in_pounds_is_held_however_many_come_after() -> None:
    frame = series(1.0, 10)
    frame.loc[30, ["open", "high", "low", "close"]] /= 100.0
    assert found(frame) == ([30], [31])


def test_around_the_clock_only_pounds_for_pence_are_suspected() -> None:
    assert found(series(0.5, 39), Calendar.ALWAYS) == ([], [])
    assert found(series(0.01, 39), Calendar.ALWAYS) == ([39], [])


def test_an_event_that_is_told_explains_the_gap_and_one_that_never_was_makes_one() -> None:
    split = series(0.25, 39)
    split["adj_close"] = np.round(split["close"] * np.where(np.arange(40) >= 39, 1.0, 0.25), 4)
    assert found(split) == ([], [])
    unreal = series(1.0, 39)
    unreal["adj_close"] = np.round(unreal["close"] * np.where(np.arange(40) >= 39, 1.0, 0.25), 4)
    assert found(unreal) == ([39], [])
    # Adjusted closes of one cent tell of no event; what they seem to tell is no gap either.
    coarse = series(1.0, 39).assign(adj_close=np.where(np.arange(40) >= 39, 0.02, 0.01))
    assert found(coarse) == ([], [])


def test_what_is_published_as_it_is_is_not_held_again() -> None:
    frame = series(0.25, 39)
    settled = np.zeros(40, dtype=bool)
    settled[39] = True
    told = unit_gaps(frame, NONE, Calendar.XNYS, settled)
    assert np.flatnonzero(np.asarray(told["unit_gap"])).tolist() == []
    assert np.flatnonzero(np.asarray(told["unit_gap_kept"])).tolist() == [39]
