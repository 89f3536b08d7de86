from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from exchange.bars.yahoo import YahooBars
from exchange.ports import SourceUnavailable
from exchange.retries import Transient
from strategy.account.dated_rates import RatesRefused
from strategy.account.interest_rates import LackingRates, RateSeries, RatesMissing
from strategy.exit_codes import Exit, UsageError
from tasks.data.rates import RatesWanted, dollar_rates, rate_series

D = Decimal


def wanted(home: Path, source: str, currency: str = "USD", as_of: date = date(2016, 3, 1)) -> RatesWanted:
    return RatesWanted(home=home, source=source, currency=currency, as_of=as_of, now=datetime(2016, 6, 1, tzinfo=UTC))


def yahoo(days: Sequence[str], percent: float = 0.25) -> YahooBars:
    """Yahoo with the index on these days."""

    def history(symbol: str, since: date | None) -> pd.DataFrame:
        values = dict.fromkeys(("Open", "High", "Low", "Close", "Adj Close"), percent)
        frame = pd.DataFrame({**values, "Volume": 0, "Stock Splits": 0.0}, index=pd.DatetimeIndex(list(days)))
        return frame if since is None else frame[frame.index.date >= since]

    return YahooBars(history)


def silent() -> YahooBars:
    def history(symbol: str, since: date | None) -> pd.DataFrame:
        raise Transient(f"no answer for {symbol} from {since}")

    return YahooBars(history, sleep=lambda seconds: None)


def test_the_shipped_bills_are_stored_and_end_in_2018(tmp_path: Path) -> None:
    for _ in range(2):
        bills = rate_series(wanted(tmp_path, "bills", as_of=date(2019, 3, 1)))
        assert bills.at(date(2018, 12, 31)) == D("0.021815128251")
    with pytest.raises(
        RatesMissing, match=r"the rates of bills have none between 2018-11-30 and 2019-02-28.*constant:"
    ):
        bills.at(date(2019, 2, 28))


def test_bills_are_those_of_dollars(tmp_path: Path) -> None:
    for currency in ("", "USD", "USDT"):
        assert rate_series(wanted(tmp_path, "bills", currency)).name == "bills"
    for source in ("bills", "yahoo"):
        with pytest.raises(RatesMissing, match=f"prices are in EUR, and the rates of {source} are .*--financing-rate"):
            rate_series(wanted(tmp_path, source, "EUR"))


def test_a_file_passes_the_gate_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("date,rate\n2015-12-31,-0.003\n2016-01-31,-0.004\n", encoding="utf-8")
    assert rate_series(wanted(tmp_path, f"file:{path}", "EUR")).at(date(2016, 2, 1)) == D("-0.004")
    percent = tmp_path / "percent.csv"
    percent.write_text("date,rate\n2015-12-31,5\n", encoding="utf-8")
    with pytest.raises(RatesRefused, match="has the rate 5 on 2015-12-31") as refused:
        rate_series(wanted(tmp_path, f"file:{percent}"))
    assert refused.value.exit_code is Exit.DATA
    empty = tmp_path / "empty.csv"
    empty.write_text("date,rate\n", encoding="utf-8")
    with pytest.raises(RatesRefused, match=r"empty\.csv has no rate"):
        rate_series(wanted(tmp_path, f"file:{empty}"))


def test_a_constant_needs_neither_file_nor_store(tmp_path: Path) -> None:
    assert rate_series(wanted(tmp_path, "constant:-0.005", "EUR")).at(date(1950, 1, 1)) == D("-0.005")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"rates is 'constant:5'; the rate must lie between -0\.05 and 0\.5"):
        rate_series(wanted(tmp_path, "constant:5"))
    with pytest.raises(UsageError, match="constant: takes a yearly fraction"):
        rate_series(wanted(tmp_path, "constant:much"))


def test_yahoo_is_asked_for_what_the_store_lacks_and_may_be_silent_for_45_days(tmp_path: Path) -> None:
    first = wanted(tmp_path, "yahoo", as_of=date(2016, 1, 5))
    asked = rate_series(first, lambda: yahoo(["2016-01-04", "2016-01-05", "2016-01-06"]))
    assert asked.dates == (date(2016, 1, 4), date(2016, 1, 5))
    # The day is stored: nobody is asked.
    assert rate_series(first, silent) == asked
    later = rate_series(wanted(tmp_path, "yahoo", as_of=date(2016, 1, 6)), lambda: yahoo(["2016-01-05", "2016-01-06"]))
    assert later.dates[-1] == date(2016, 1, 6)
    assert rate_series(wanted(tmp_path, "yahoo", as_of=date(2016, 2, 20)), silent) == later
    with pytest.raises(SourceUnavailable, match="yahoo did not answer for"):
        rate_series(wanted(tmp_path, "yahoo", as_of=date(2016, 2, 21)), silent)


def test_a_rate_of_yahoo_that_the_gate_refuses_names_what_a_person_can_do(tmp_path: Path) -> None:
    first = wanted(tmp_path, "yahoo", as_of=date(2016, 1, 5))
    with pytest.raises(RatesRefused, match=r"yahoo has the rate .* on 2016-01-04, .*; try again later, or name other"):
        rate_series(first, lambda: yahoo(["2016-01-04"], percent=90.0))


def test_the_dollars_rates_of_a_coin_are_asked_for_once_and_may_be_lacking(tmp_path: Path) -> None:
    asked = 0

    def history(symbol: str, since: date | None) -> pd.DataFrame:
        nonlocal asked
        asked += 1
        raise Transient(f"no answer for {symbol} from {since}")

    first = wanted(tmp_path, "yahoo", "USDT", as_of=date(2016, 1, 5))
    assert dollar_rates(first, lambda: YahooBars(history, tries=1)) == LackingRates(name="yahoo", last=None)
    assert asked == 1
    known = dollar_rates(first, lambda: yahoo(["2016-01-04", "2016-01-05"]))
    assert isinstance(known, RateSeries)
    # The newest rate stands for 45 days, and is then lacking, as is one that the gate refuses.
    assert dollar_rates(wanted(tmp_path, "yahoo", "USDT", date(2016, 2, 19)), silent) == known
    lacking = LackingRates(name="yahoo", last=date(2016, 1, 5))
    assert dollar_rates(wanted(tmp_path, "yahoo", "USDT", date(2016, 2, 20)), silent) == lacking
    wrong = wanted(tmp_path, "yahoo", "USDT", date(2016, 2, 20))
    assert dollar_rates(wrong, lambda: yahoo(["2016-02-19"], percent=90.0)) == lacking


def test_a_coins_own_series_is_refused_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "percent.csv"
    path.write_text("date,rate\n2015-12-31,5\n", encoding="utf-8")
    with pytest.raises(RatesRefused, match="has the rate 5 on 2015-12-31"):
        dollar_rates(wanted(tmp_path, f"file:{path}", "USDT"))
