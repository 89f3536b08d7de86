from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from exchange.bars.yahoo import YahooBars
from exchange.rates.yahoo_bills import SYMBOL, bills, yearly
from strategy.account.dated_rates import DatedRate


def quoted(symbol: str, since: date | None) -> pd.DataFrame:
    """Two sessions of the index as yfinance gives them, in single precision."""
    assert symbol == SYMBOL
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], tz="America/New_York")
    closes = [5.235000133514404, -0.05000000074505806]
    values = dict.fromkeys(("Open", "High", "Low", "Close", "Adj Close"), closes)
    frame = pd.DataFrame({**values, "Volume": 0, "Stock Splits": 0.0}, index=days)
    return frame if since is None else frame[frame.index.date >= since]


def test_a_discount_yield_in_percent_becomes_a_simple_yearly_rate() -> None:
    # 100 less 5.235 % × 91 / 360 is 98.6767: it grows by 1.3411 % in 91 days, 5.3789 % in 365.
    price = 1 - 0.05235 * 91 / 360
    assert float(yearly(Decimal("5.235"))) == pytest.approx((1 / price - 1) * 365 / 91, abs=5e-7)
    source, now = YahooBars(quoted), datetime(2024, 1, 5, tzinfo=UTC)
    assert bills(source, None, date(2024, 1, 4), now) == (
        DatedRate(day=date(2024, 1, 2), rate=Decimal("0.053789")),
        DatedRate(day=date(2024, 1, 3), rate=Decimal("-0.000507")),
    )
    assert [one.day for one in bills(source, date(2024, 1, 3), date(2024, 1, 4), now)] == [date(2024, 1, 3)]
    assert [one.day for one in bills(source, None, date(2024, 1, 2), now)] == [date(2024, 1, 2)]
