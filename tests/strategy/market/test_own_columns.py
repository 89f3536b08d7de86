"""Columns of the user's own: a value is seen its lag later, and belongs to its row from then on."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from strategy.market.bars import Bars, make_bars
from strategy.market.data_hash import data_sha256
from strategy.market.own_columns import Lag, lagged
from strategy.market.price_panel import price_panel

DATES = ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]
BARS = replace(make_bars("A", DATES, close=[1.0, 2.0, 3.0, 4.0]), columns={"eps": np.array([np.nan, 1.0, 1.0, 2.0])})


def days(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.array(texts, dtype="datetime64[us]")


def test_a_value_is_seen_from_its_date_plus_the_lag_on() -> None:
    seen = lagged(days(*DATES), days("2020-01-02", "2020-01-06"), np.array([5.0, 6.0]), Lag(days=1))
    assert seen.tolist() == pytest.approx([np.nan, 5.0, 5.0, 6.0], nan_ok=True)


def test_a_lag_that_ends_on_a_day_without_trade_is_seen_at_the_next_session() -> None:
    """A value of Friday the 3rd with a lag of one day is known on Saturday, and first seen on Monday."""
    seen = lagged(days(*DATES), days("2020-01-03"), np.array([5.0]), Lag(days=1))
    assert seen.tolist() == pytest.approx([np.nan, np.nan, 5.0, 5.0], nan_ok=True)


def test_without_a_value_there_is_none() -> None:
    assert np.isnan(lagged(days(*DATES), days(), np.empty(0), Lag(days=0))).all()


@pytest.mark.parametrize("days", [-1, 36_526, 1.5, True, None])
def test_a_lag_is_a_whole_number_of_days(days: int) -> None:
    with pytest.raises(ValueError, match="it must be a whole number of calendar days from 0 to 36525"):
        Lag(days=days)


@pytest.mark.parametrize(
    "cut",
    [
        lambda bars: bars.rows(1, 3),
        lambda bars: bars.rows(1, 4).until(np.datetime64("2020-01-06", "us")),
        lambda bars: bars.rows(1, 4).without(np.datetime64("2020-01-06", "us"), np.datetime64("2020-01-07", "us")),
        lambda bars: price_panel({"A": bars}).rows(1, 3),
    ],
)
def test_a_value_is_part_of_its_row(cut: Callable[[Bars], Bars]) -> None:
    assert np.ravel(cut(BARS).columns["eps"]).tolist() == [1.0, 1.0]


def test_a_column_has_as_many_rows_as_the_bars() -> None:
    with pytest.raises(ValueError, match="the arrays differ in length"):
        replace(BARS, columns={"eps": np.ones(3)})


def test_a_panel_holds_the_column_of_one_symbol_beside_another_without_it() -> None:
    panel = price_panel({"B": make_bars("B", DATES[1:], close=[1.0, 2.0, 3.0]), "A": BARS})
    assert panel.symbols == ("A", "B")
    assert panel.columns["eps"][:, 0].tolist() == pytest.approx(BARS.columns["eps"].tolist(), nan_ok=True)
    assert np.isnan(panel.columns["eps"][:, 1]).all()


def test_the_hash_of_bars_covers_declared_columns_and_is_as_before_without() -> None:
    plain, other = replace(BARS, columns={}), replace(BARS, columns={"eps": np.array([np.nan, 1.0, 1.0, 3.0])})
    renamed = replace(BARS, columns={"sales": BARS.columns["eps"]})
    assert len({data_sha256({"A": bars}) for bars in (BARS, plain, other, renamed)}) == 4
    known = "aeda35d917fec318876bc9b46e5ce29726e76471e8a0f31e5de0627c447459f1"
    assert data_sha256({"A": plain}) == known
