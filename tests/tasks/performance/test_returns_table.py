"""The table of returns, beside pandas' own figures."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tasks.performance.returns_table import longest_run, period_returns, returns_table
from tasks.report.charts import Line


@pytest.fixture(scope="module")
def path() -> "pd.Series[float]":
    """Three years of a walk, begun and ended within a quarter."""
    days = pd.bdate_range("2017-02-09", "2020-05-20")
    changes = np.random.default_rng(5).standard_t(4, len(days)) * 0.01
    return pd.Series(100 * np.cumprod(1 + changes), index=days)


@pytest.mark.parametrize(("months", "rule"), [(1, "ME"), (3, "QE"), (12, "YE")])
def test_spans_are_those_of_the_calendar(path: "pd.Series[float]", months: int, rule: str) -> None:
    last = path.resample(rule).last()
    expected = last / last.shift(fill_value=path.iloc[0]) - 1
    found = period_returns([day.date() for day in path.index], path.to_numpy(), months)
    assert found == pytest.approx(expected.tolist())


def test_the_figures_are_pandas_own_and_a_benchmark_has_its_column(path: "pd.Series[float]") -> None:
    dates = [day.date() for day in path.index]
    lines = (Line(label="net", values=tuple(path)), Line(label="hold", values=tuple(path[::-1])))
    table = returns_table(dates, lines)
    assert table.columns == ("", "net", "hold")
    told = {row[0]: row[1] for row in table.rows}
    days = path.pct_change().dropna()
    last = path.resample("ME").last()
    months = last / last.shift(fill_value=path.iloc[0]) - 1
    assert told["Best day"] == f"+{100 * days.max():.1f}%"
    assert told["Worst month"] == f"−{-100 * months.min():.1f}%"
    assert told["Mean of months that lost"] == f"−{-100 * months[months < 0].mean():.1f}%"
    assert told["Months won"].endswith(f", {(months > 0).sum()} of {len(months)}")
    assert told["Skewness"].replace("−", "-") == f"{((days - days.mean()) ** 3).mean() / days.std(ddof=0) ** 3:.2f}"
    assert told["Kurtosis (normal: 3)"] == f"{((days - days.mean()) ** 4).mean() / days.std(ddof=0) ** 4:.2f}"
    won = (days > 0).astype(int)
    streaks = won.groupby((won != won.shift()).cumsum()).sum()
    assert told["Most days won in a row"] == str(streaks.max())
    worst = days.nsmallest(len(days) // 20)
    assert told["CVaR of a day, 95%"] == f"{-100 * worst.mean():.1f}%"


def test_what_is_undefined_is_a_dash() -> None:
    dates = [date(2020, 1, 30), date(2020, 2, 3)]
    gone = returns_table(dates, (Line(label="net", values=(100.0, 0.0)),))
    told = {row[0]: row[1] for row in gone.rows}
    assert (told["Worst day"], told["Mean of months that gained"], told["Skewness"]) == ("−100.0%", "–", "–")
    assert told["VaR of a day, 95%"] == "–"
    single = returns_table(dates[:1], (Line(label="net", values=(100.0,)),))
    assert {row[1] for row in single.rows} <= {"–", "0", "0.0%", "0.0%, 0 of 1"}
    assert longest_run(np.array([], dtype=np.bool_)) == 0
