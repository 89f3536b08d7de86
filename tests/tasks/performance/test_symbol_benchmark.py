"""The closes of a benchmark that is a symbol: adjusted, carried over holidays, never invented."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from strategy.exit_codes import UsageError
from strategy.market.bars import make_bars
from tasks.performance.symbol_benchmark import closes_on

PLAIN = make_bars("SPY", ["2020-01-03", "2020-01-06", "2020-01-16"], close=[100, 50, 51])
#: Split two for one on the second day.
BARS = replace(PLAIN, factor=np.array([1.0, 2.0, 2.0]))


def test_a_split_is_no_loss() -> None:
    closes = closes_on("SPY", BARS, [date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 16)])
    assert np.diff(closes).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("day", [date(2020, 1, 2), date(2020, 1, 27)])
def test_a_day_without_a_close_for_long_is_refused(day: date) -> None:
    assert closes_on("SPY", BARS, [date(2020, 1, 15), date(2020, 1, 26)]).tolist() == [100.0, 102.0]
    told = (
        rf"SPY has no close in the 10 days up to {day}; its bars run from 2020-01-03 to 2020-01-16: choose other dates"
    )
    with pytest.raises(UsageError, match=told):
        closes_on("SPY", BARS, [day])
