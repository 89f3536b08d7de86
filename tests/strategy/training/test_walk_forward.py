from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from strategy.builtin.registry import TURBO
from strategy.market.bars import Bars
from strategy.market.instruments import Calendar
from strategy.signals.outlook import symbol_signals
from strategy.training.walk_forward import Fold, decided_rows, folds, histories, overlaid, yearly
from testing.markets.panels import dates, stock, walk

DAYS = dates("2017-11-01", 1_000)


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "us")


def dated(plan: tuple[Fold, ...]) -> list[tuple[str, str, str]]:
    return [
        (str(fold.fitted_to)[:10], *(str(DAYS[row])[:10] for row in (fold.dates[0], fold.dates[-1]))) for fold in plan
    ]


def test_every_year_of_the_window_is_a_fold_fitted_five_dates_before_the_year() -> None:
    assert dated(yearly(DAYS, day("2018-06-10"), day("2020-02-03"))) == [
        ("2017-12-26", "2018-06-10", "2018-12-31"),
        ("2018-12-26", "2019-01-01", "2019-12-31"),
        ("2019-12-26", "2020-01-01", "2020-02-03"),
    ]


def test_another_window_fits_the_same_years_to_the_same_dates() -> None:
    long = {fold.dates.stop: fold.fitted_to for fold in yearly(DAYS, DAYS[0], DAYS[-1])}
    short = yearly(DAYS, day("2019-07-01"), day("2019-12-31"))
    assert [(fold.dates.stop, fold.fitted_to) for fold in short] == [
        (fold.dates.stop, long[fold.dates.stop]) for fold in short
    ]


def test_a_year_without_enough_dates_before_it_is_fitted_to_none() -> None:
    (first, second) = yearly(DAYS[57:], day("2017-12-30"), day("2018-01-02"))
    assert first.fitted_to == second.fitted_to == DAYS[56]


def test_a_window_between_the_dates_has_no_fold() -> None:
    assert yearly(DAYS, day("2015-01-01"), day("2015-12-31")) == ()


def test_folds_of_equal_length_demand_dates_on_both_sides() -> None:
    with pytest.raises(ValueError, match="leaves nothing to fit on"):
        folds(DAYS, DAYS[3], 10)


def test_each_row_belongs_to_one_fold_and_an_idle_symbol_brings_its_newest_row() -> None:
    plan = yearly(DAYS, day("2018-12-30"), day("2020-01-02"))
    friday, monday = np.flatnonzero(day("2018-12-28") == DAYS)[0], np.flatnonzero(day("2018-12-31") == DAYS)[0]
    weekdays = DAYS[np.is_busday(DAYS.astype("M8[D]"))]
    first, *rest = decided_rows(plan, DAYS, weekdays)
    assert [weekdays[row] for row in first] == [DAYS[friday], DAYS[monday]]
    assert [one.start for one in rest] == [first.stop, rest[0].stop]
    assert weekdays[rest[-1][-1]] == day("2020-01-02")


def test_a_symbol_that_is_not_listed_yet_has_no_row_in_any_fold() -> None:
    plan = yearly(DAYS, day("2018-12-30"), day("2019-02-01"))
    assert [len(row) for row in decided_rows(plan, DAYS, DAYS[800:])] == [0, 0]


def altered(bars: Bars, row: int, name: str) -> Bars:
    column = bars[name].copy()
    column[row] *= 1.001
    return replace(bars, **{name: column})


@pytest.mark.parametrize("name", ["high", "close", "volume", "factor"])
def test_a_bar_counts_from_its_date_on_and_for_no_date_before(name: str) -> None:
    share = replace(stock("A", 1, 30), volume=np.ones(30))
    share = replace(share, high=share.high * 1.1)
    bars = {"A": share, "B": walk("B", 2, 40)}
    before, after = histories(bars), histories({**bars, "A": altered(share, 20, name)})
    changed = share.open_time[20].astype("M8[D]").item()
    assert {known: before[known] == after[known] for known in before} == {known: known < changed for known in before}
    assert len(set(before.values())) == len(before)


def test_a_bar_that_is_missing_or_of_another_symbol_is_another_history() -> None:
    share = stock("A", 1, 30)
    gap = share.without(share.open_time[9], share.open_time[10])
    last = share.open_time[-1].astype("M8[D]").item()
    found = [histories(bars)[last] for bars in ({"A": share}, {"A": gap}, {"B": replace(share, symbol="B")})]
    assert len(set(found)) == 3


def test_signals_are_laid_over_their_dates_alone() -> None:
    bars = walk("A", 1, 400)
    plain = symbol_signals({"A": bars}, {"A": Calendar.ALWAYS}, TURBO)["A"]
    second = date(2010, 12, 27)
    laid = overlaid(plain, {second: 0.25, date(1999, 1, 1): 1.0})
    row = int(np.searchsorted(bars.open_time, np.datetime64(second, "us")))
    assert laid.signal[row] == 0.25
    assert np.array_equal(np.delete(laid.signal, row), np.delete(plain.signal, row), equal_nan=True)


def test_the_data_known_on_a_day_include_columns_of_the_users_own() -> None:
    plain = walk("A", 1, 30)
    eps = np.arange(30.0)
    known, revised = (
        histories({"A": replace(plain, columns={"eps": np.where(np.arange(30) == 20, value, eps)})})
        for value in (20.0, 21.0)
    )
    same = [known[day] == revised[day] for day in known]
    assert same == [True] * 20 + [False] * 10
    assert histories({"A": plain}) != known
