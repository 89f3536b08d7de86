import builtins
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exchange.bars.yahoo import YahooBars
from exchange.ports import BAR_COLUMNS, BarRequest, SourceRefused, SourceUnavailable
from exchange.retries import Transient
from strategy.market.instruments import Calendar

#: Monday to Friday of a week in which the share splits four for one on Wednesday, as yfinance 1.7 tells it on Friday.
WEEK = pd.DataFrame(
    {
        "Open": [100.0, 101.25, 103.0, 102.0, 104.0],
        "High": [102.0, 103.0, 104.0, 105.0, 106.0],
        "Low": [99.0, 100.0, 101.0, 101.0, 103.0],
        "Close": [101.25, 102.5, 102.0, 104.0, 105.0],
        "Adj Close": [100.75, 102.0, 101.5, 104.0, 105.0],
        "Volume": [4_000, 8_000, 5_000, 6_000, 7_000],
        "Dividends": [0.0, 0.0, 0.0, 0.5, 0.0],
        "Stock Splits": [0.0, 0.0, 4.0, 0.0, 0.0],
    },
    index=pd.date_range("2020-08-24", periods=5, freq="D", tz="America/New_York"),
)
FRIDAY_NIGHT = datetime(2020, 8, 28, 22, tzinfo=UTC)


def told(*answers: pd.DataFrame | Exception) -> Callable[[str, date | None], pd.DataFrame]:
    """Yahoo, which gives these answers in turn."""
    left = list(answers)

    def history(symbol: str, since: date | None) -> pd.DataFrame:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return history


def source(*answers: pd.DataFrame | Exception, waits: list[float] | None = None) -> YahooBars:
    return YahooBars(told(*answers), (waits if waits is not None else []).append)


def request(
    since: date | None = None, now: datetime = FRIDAY_NIGHT, until: date = date(2020, 8, 31), symbol: str = "SPLIT"
) -> BarRequest:
    return BarRequest(since={symbol: since}, until=until, now=now)


def test_bars_come_back_at_the_prices_that_were_traded() -> None:
    bars = source(WEEK).fetch(request())
    assert tuple(bars.columns) == BAR_COLUMNS
    assert (str(bars["symbol"].dtype), str(bars["open_time"].dtype)) == ("str", "datetime64[us]")
    assert bars["close"].tolist() == [405.0, 410.0, 102.0, 104.0, 105.0]
    assert bars["open"].tolist() == [400.0, 405.0, 103.0, 102.0, 104.0]
    assert bars["volume"].tolist() == [1_000.0, 2_000.0, 5_000.0, 6_000.0, 7_000.0]
    assert bars["adj_close"].tolist() == [100.75, 102.0, 101.5, 104.0, 105.0]


def test_a_later_split_restates_no_bar() -> None:
    before = WEEK.iloc[:2].copy()
    # As single precision gave it before the split, and a quarter of that after it.
    before[["Open", "High", "Low", "Close"]] = (before[["Open", "High", "Low", "Close"]] * 4).astype("float32")
    before["Volume"] /= 4
    after = WEEK.copy()
    after[["Open", "High", "Low", "Close"]] = after[["Open", "High", "Low", "Close"]].astype("float32")
    names = ["open", "high", "low", "close", "volume"]
    then = source(before).fetch(request(now=datetime(2020, 8, 25, 22, tzinfo=UTC)))
    now = source(after).fetch(request()).iloc[:2]
    assert np.array_equal(then[names].to_numpy(), now[names].to_numpy())


def test_a_split_after_the_window_still_tells_the_traded_price() -> None:
    bars = source(WEEK).fetch(request(until=date(2020, 8, 25)))
    assert bars["close"].tolist() == [405.0, 410.0]


def test_a_session_that_is_not_over_stays_out() -> None:
    bars = source(WEEK).fetch(request(now=datetime(2020, 8, 28, 19, 59, tzinfo=UTC)))
    assert bars["open_time"].iloc[-1].date() == date(2020, 8, 27)


def test_since_is_included_and_nothing_new_is_an_empty_frame() -> None:
    assert len(source(WEEK).fetch(request(since=date(2020, 8, 26)))) == 3
    nothing = source(pd.DataFrame()).fetch(request(since=date(2020, 8, 29)))
    assert (len(nothing), tuple(nothing.columns), str(nothing["open_time"].dtype)) == (0, BAR_COLUMNS, "datetime64[us]")


def test_tiny_prices_keep_seven_digits() -> None:
    coin = WEEK.copy()
    coin[["Open", "High", "Low", "Close"]] *= 1e-7
    coin["Stock Splits"] = 0.0
    assert source(coin).fetch(request(symbol="PEPE-USD"))["close"].iloc[0] == pytest.approx(1.0125e-5, rel=1e-12)


def test_what_passes_is_asked_again() -> None:
    waits: list[float] = []
    bars = source(Transient("YFRateLimitError: Too Many Requests"), WEEK, waits=waits).fetch(request())
    assert (len(bars), waits) == (5, [1.0])


def test_no_answer_after_five_tries_is_one_sentence() -> None:
    waits: list[float] = []
    with pytest.raises(SourceUnavailable, match=r"SPLIT within 5 tries \(last: YFTzMissingError.*spelling"):
        source(*[Transient("YFTzMissingError: no timezone found")] * 5, waits=waits).fetch(request())
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_known_symbol_without_an_answer_does_not_keep_the_others_from_theirs() -> None:
    """Yahoo says the same of a ticker that is gone and of a network that is down: then no symbol has an answer."""
    monday = date(2020, 8, 24)
    both = BarRequest(since={"GONE": monday, "SPLIT": monday}, until=FRIDAY_NIGHT.date(), now=FRIDAY_NIGHT)
    bars = source(*[Transient("404")] * 5, WEEK).fetch(both)
    assert set(bars["symbol"]) == {"SPLIT"}
    waits: list[float] = []
    with pytest.raises(SourceUnavailable, match=r"for GONE within 5 tries .*; if it is delisted, `turbodmt delist`"):
        source(*[Transient("404")] * 6, waits=waits).fetch(both)
    assert len(waits) == 4
    new = BarRequest(since={"NEW": None, "SPLIT": monday}, until=FRIDAY_NIGHT.date(), now=FRIDAY_NIGHT)
    with pytest.raises(SourceUnavailable, match=r"for NEW within 5 tries .*try again later$"):
        source(*[Transient("404")] * 5, WEEK).fetch(new)


def test_a_symbol_without_any_bar_is_refused() -> None:
    with pytest.raises(SourceRefused, match="yahoo has no bar of SPLIT; check the spelling"):
        source(pd.DataFrame()).fetch(request())


def test_an_answer_of_another_shape_is_told() -> None:
    with pytest.raises(SourceUnavailable, match="lacks Adj Close, Stock Splits"):
        source(WEEK.drop(columns=["Adj Close", "Stock Splits"])).fetch(request())


@pytest.mark.parametrize(
    ("symbol", "calendar"),
    [("SPY", Calendar.XNYS), ("BRK-B", Calendar.XNYS), ("BTC-USD", Calendar.ALWAYS), ("BARC.L", Calendar.WEEKDAYS)],
)
def test_the_spelling_tells_the_calendar(symbol: str, calendar: Calendar) -> None:
    assert source().instruments((symbol,))[0].calendar is calendar


def test_the_newest_session_is_that_of_any_symbol() -> None:
    noon = datetime(2020, 8, 30, 12, tzinfo=UTC)
    assert source().last_session(("SPY",), noon) == date(2020, 8, 28)
    assert source().last_session(("SPY", "BTC-USD"), noon) == date(2020, 8, 29)


def test_without_yfinance_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("yfinance"):
            raise ImportError(name)
        return found(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SourceRefused, match=r'pip install -e "\.\[equities\]"'):
        YahooBars().fetch(request())


@pytest.mark.parametrize(
    ("symbol", "stated", "currency"),
    [("SPY", None, "USD"), ("BARC.L", None, "GBp"), ("VUSD.L", "USD", "USD"), ("A.UNHEARD", None, None)],
)
def test_what_yahoo_tells_of_the_currency_counts_before_the_suffix(
    symbol: str, stated: str | None, currency: str | None
) -> None:
    week = WEEK.copy()
    week.attrs["currency"] = stated
    yahoo = source(week)
    yahoo.fetch(request(symbol=symbol))
    assert yahoo.instruments((symbol,))[0].currency == currency
