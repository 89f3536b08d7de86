"""The tables of a backtest: months that compound, and shades that follow the size."""

from datetime import date

import pytest

from tasks.report.backtest_tables import monthly_returns, monthly_table
from tasks.report.charts import Line

DATES = (date(2019, 11, 29), date(2019, 12, 31), date(2020, 1, 31), date(2020, 3, 2))


def test_monthly_returns_compound_to_the_whole() -> None:
    returns = monthly_returns(DATES, [100.0, 110.0, 99.0, 120.0])
    assert list(returns) == [(2019, 11), (2019, 12), (2020, 1), (2020, 3)]
    growth = 1.0
    for value in returns.values():
        growth *= 1 + value
    assert growth == pytest.approx(1.2)


def test_a_month_is_shaded_by_its_return_and_a_year_stands_beside_the_benchmark() -> None:
    lines = (Line(label="net", values=(100.0, 110.0, 109.0, 112.27)), Line(label="hold", values=(5.0, 5.0, 4.0, 4.0)))
    months = monthly_table(DATES, lines)
    assert months.columns[-2:] == ("Year", "hold")
    assert months.rows[0][-4:] == ("0.0%", "+10.0%", "+10.0%", "0.0%")
    assert months.tones[0][-4:] == ("", "up3", "", "")
    assert months.rows[1][:4] == ("2020", "−0.9%", "–", "+3.0%")
    assert months.tones[1][:4] == ("", "down1", "", "up2")
    assert months.rows[1][-2:] == ("+2.1%", "−20.0%")


def test_without_a_benchmark_the_year_stands_alone() -> None:
    months = monthly_table(DATES, (Line(label="net", values=(100.0, 110.0, 109.0, 112.27)),))
    assert months.columns[-1] == "Year"
