from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.bars import rates as rate_store
from storage.database import connect
from strategy.account.dated_rates import DatedRate, RatesRefused

D = Decimal
JANUARY, FEBRUARY, MARCH = date(2016, 1, 1), date(2016, 2, 1), date(2016, 3, 1)


def rate(day: date, value: str = "0.01") -> DatedRate:
    return DatedRate(day=day, rate=D(value))


def test_a_series_comes_back_as_it_was_kept_and_keeping_it_again_changes_nothing(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        assert (rate_store.load(store, "a"), rate_store.newest_published(store, "a")) == (None, None)
        for _ in range(2):
            rate_store.keep(store, "a", [rate(JANUARY, "-0.004"), rate(FEBRUARY)])
        rate_store.keep(store, "b", [rate(MARCH)])
        found = rate_store.load(store, "a")
        assert found is not None
        assert (found.name, found.dates, found.rates) == ("a", (JANUARY, FEBRUARY), (D("-0.004"), D("0.01")))
        assert rate_store.newest_published(store, "a") == FEBRUARY


def test_a_stored_rate_that_changed_is_refused(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        rate_store.keep(store, "a", [rate(JANUARY), rate(FEBRUARY)])
        with pytest.raises(RatesRefused, match=r"a had the rate 0\.01 on 2016-01-01 and now has 0\.02; .* restore it"):
            rate_store.keep(store, "a", [rate(JANUARY, "0.02")])


def test_a_new_rate_among_stored_ones_is_refused_and_an_older_history_is_not(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        rate_store.keep(store, "a", [rate(FEBRUARY), rate(MARCH)])
        with pytest.raises(RatesRefused, match="a has a new rate on 2016-02-15, before 2016-03-01"):
            rate_store.keep(store, "a", [rate(date(2016, 2, 15))])
        rate_store.keep(store, "a", [rate(JANUARY), rate(FEBRUARY), rate(MARCH)])
        found = rate_store.load(store, "a")
        assert found is not None
        assert found.dates == (JANUARY, FEBRUARY, MARCH)


def test_a_rate_known_after_a_day_was_settled_applies_from_that_day_on(tmp_path: Path) -> None:
    settled = date(2016, 2, 10)
    with connect(tmp_path) as store:
        rate_store.keep(store, "a", [rate(JANUARY)])
        store.execute(
            "INSERT INTO account_snapshots (account, as_of, pass, cash, equity, drawdown, positions) "
            "VALUES ('daily', ?, 1, 1, 1, 0, '{}')",
            [settled],
        )
        late = [rate(JANUARY), rate(FEBRUARY, "0.02"), rate(date(2016, 2, 5), "0.03")]
        for _ in range(2):
            rate_store.keep(store, "a", late)
        found = rate_store.load(store, "a")
        assert found is not None
        assert (found.at(date(2016, 2, 9)), found.at(settled)) == (D("0.01"), D("0.03"))
        # A series that is new has no rate that a day was settled by.
        rate_store.keep(store, "b", late)
        fresh = rate_store.load(store, "b")
        assert fresh is not None
        assert fresh.at(FEBRUARY) == D("0.02")
