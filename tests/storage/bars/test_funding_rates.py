from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from storage.bars import funding_rates as funding_store
from storage.bars import instruments as instrument_store
from storage.database import connect
from strategy.market.funding_rates import NO_FUNDING, FundingRate, FundingRefused
from strategy.market.instruments import Calendar, Instrument

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
EIGHT = timedelta(hours=8)


def rate(row: int, value: str = "0.0001", mark: str | None = None) -> FundingRate:
    return FundingRate(at=START + row * EIGHT, rate=D(value), mark=None if mark is None else D(mark))


def test_payments_come_back_as_they_were_kept_and_keeping_them_again_changes_nothing(tmp_path: Path) -> None:
    kept = {"BTCUSDT": [rate(0, "-0.0003"), rate(1, mark="42000.5")], "ETHUSDT": [rate(1)]}
    with connect(tmp_path) as store:
        assert funding_store.load(store, "file", ["BTCUSDT"]) == NO_FUNDING
        for _ in range(2):
            funding_store.keep(store, "file", kept)
        funding_store.keep(store, "other", {"BTCUSDT": [rate(5)]})
        found = funding_store.load(store, "file", ["BTCUSDT", "ETHUSDT", "NONE"])
        assert {symbol: list(series.rates) for symbol, series in found.series.items()} == kept
        newest = funding_store.newest(store, "file", ["BTCUSDT", "NONE"])
        assert newest == {"BTCUSDT": START + EIGHT}


def test_a_payment_that_changed_is_refused_and_a_mark_that_is_left_out_is_not(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        funding_store.keep(store, "file", {"BTCUSDT": [rate(0), rate(1, mark="42000.5")]})
        funding_store.keep(store, "file", {"BTCUSDT": [rate(1)]})
        for changed, told in (
            (rate(0, "0.0002"), r"0\.0001 of BTCUSDT at 2024-01-02 00:00 UTC and now has 0\.0002;"),
            (rate(0, mark="7"), r"now has 0\.0001 at the mark 7;"),
        ):
            with pytest.raises(FundingRefused, match=told):
                funding_store.keep(store, "file", {"ETHUSDT": [rate(0)], "BTCUSDT": [changed]})
        assert "ETHUSDT" not in funding_store.load(store, "file", ["ETHUSDT"]).series


def test_a_new_payment_among_stored_ones_is_refused_and_an_older_history_is_not(tmp_path: Path) -> None:
    with connect(tmp_path) as store:
        funding_store.keep(store, "file", {"BTCUSDT": [rate(2), rate(4)]})
        with pytest.raises(FundingRefused, match="a new funding rate of BTCUSDT at 2024-01-03 00:00 UTC, before"):
            funding_store.keep(store, "file", {"BTCUSDT": [rate(3)]})
        funding_store.keep(store, "file", {"BTCUSDT": [rate(0), rate(1), rate(2), rate(4), rate(5)]})
        assert len(funding_store.load(store, "file", ["BTCUSDT"]).series["BTCUSDT"].rates) == 5


def test_whether_an_instrument_is_a_perpetual_is_kept(tmp_path: Path) -> None:
    swap = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS, perpetual=True)
    coin = Instrument(symbol="ETHUSDT", calendar=Calendar.ALWAYS)
    with connect(tmp_path) as store:
        instrument_store.save(store, "file", [swap, coin])
        known = instrument_store.load(store, "file", ["BTCUSDT", "ETHUSDT"])
        assert (known["BTCUSDT"].perpetual, known["ETHUSDT"].perpetual) == (True, False)
