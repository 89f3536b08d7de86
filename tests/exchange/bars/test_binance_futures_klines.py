"""Bars and funding of Binance's perpetual futures, from a server that answers as its pages say."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exchange.bars.binance_futures_klines import BinanceFutures
from exchange.bars.binance_klines import BinanceBars
from exchange.ports import BarRequest, FundingRequest, FundingSource, SourceRefused, SourceUnavailable
from strategy.market.funding_rates import FundingRate
from strategy.market.instruments import Calendar
from testing.servers.market_data import FakeBinance, Fault, daily_klines, midnight_ms

D = Decimal
NOON = datetime(2021, 1, 10, 12, tzinfo=UTC)
FIRST, EIGHT_MS = date(2021, 1, 1), 8 * 3_600_000


def payments(count: int, rate: str = "0.00010000") -> list[dict[str, Any]]:
    """Payments as the venue writes them: some milliseconds late, without a mark in its early years."""
    start = midnight_ms(FIRST)
    return [
        {
            "symbol": "BTCUSDT",
            "fundingTime": start + row * EIGHT_MS + row % 13,
            "fundingRate": rate,
            "markPrice": "" if row < 2 else "34287.54619963",
        }
        for row in range(count)
    ]


def fake(count: int = 30) -> FakeBinance:
    klines = daily_klines(FIRST, [100.0 + number for number in range(10)])
    return FakeBinance(
        klines={"BTCUSDT": klines, "BTCUSDT_210326": klines},
        server_time=NOON,
        funding={"BTCUSDT": payments(count)},
        expiring=frozenset({"BTCUSDT_210326"}),
    )


def source(server: FakeBinance) -> BinanceFutures:
    return BinanceFutures(base_url=server.url, sleep=[].append)


def asked(since: datetime | None = None, until: datetime = NOON) -> FundingRequest:
    return FundingRequest(since={"BTCUSDT": since}, until=until)


def test_bars_and_instruments_are_those_of_the_futures_market():
    with fake() as server:
        bars = source(server).fetch(BarRequest(since={"BTCUSDT": None}, until=date(2021, 1, 31), now=NOON))
        (instrument,) = source(server).instruments(("BTCUSDT",))
        paths = [path for path, _ in server.requests]
    assert len(bars) == 9
    assert paths == ["/fapi/v1/time", "/fapi/v1/klines", "/fapi/v1/exchangeInfo"]
    assert (instrument.perpetual, instrument.quote, instrument.calendar) == (True, "USDT", Calendar.ALWAYS)
    assert (instrument.lot, instrument.shortable) == (D("0.00001"), True)


@pytest.mark.parametrize(
    ("delivered", "listed_to", "status"),
    [
        (datetime(2021, 1, 8, 9, tzinfo=UTC), date(2021, 1, 8), "SETTLING"),
        (datetime(2021, 1, 9, tzinfo=UTC), date(2021, 1, 8), "SETTLING"),
        (datetime(2021, 1, 20, 9, tzinfo=UTC), date(2021, 1, 20), "TRADING"),
        (datetime(2100, 12, 25, 8, tzinfo=UTC), None, "TRADING"),
    ],
    ids=["past", "at midnight", "announced", "never"],
)
def test_a_contract_whose_delivery_is_stated_has_a_last_day(delivered, listed_to, status):
    with fake() as server:
        server.delivered_ms = {"BTCUSDT": round(delivered.timestamp() * 1000)}
        market = source(server)
        (instrument,) = market.instruments(("BTCUSDT",))
        assert market._market.listing("BTCUSDT")["status"] == status
    assert instrument.listed_to == listed_to


def test_a_delivery_that_is_no_instant_is_no_answer():
    with fake() as server:
        server.delivered_ms = {"BTCUSDT": 0}
        with pytest.raises(SourceUnavailable, match="deliveryDate of BTCUSDT"):
            source(server).instruments(("BTCUSDT",))


def test_the_spot_market_has_no_funding():
    with fake() as server:
        assert isinstance(source(server), FundingSource)
        assert not isinstance(BinanceBars(base_url=server.url), FundingSource)
        assert not BinanceBars(base_url=server.url).instruments(("BTCUSDT",))[0].perpetual


def test_symbols_that_expire_or_are_not_listed_are_refused():
    with fake() as server:
        with pytest.raises(
            SourceRefused, match=r"BTCUSDT_210326 is no perpetual future .* but CURRENT_QUARTER; name one"
        ):
            source(server).instruments(("BTCUSDT_210326",))
        with pytest.raises(SourceRefused, match=r"lists no symbol NONE; check the spelling.*`turbodmt delist`"):
            source(server).instruments(("NONE",))


def test_payments_come_with_their_marks_where_the_venue_has_them():
    with fake() as server:
        found = source(server).funding(asked(until=datetime(2021, 1, 1, 23, 59, 59, tzinfo=UTC)))["BTCUSDT"]
    start = datetime(2021, 1, 1, tzinfo=UTC)
    assert found == (
        FundingRate(at=start, rate=D("0.0001")),
        FundingRate(at=start + timedelta(hours=8, milliseconds=1), rate=D("0.0001")),
        FundingRate(at=start + timedelta(hours=16, milliseconds=2), rate=D("0.0001"), mark=D("34287.54619963")),
    )


def test_only_what_is_new_is_asked_for():
    since = datetime(2021, 1, 1, 8, 1, tzinfo=UTC)
    with fake() as server:
        found = source(server).funding(asked(since))["BTCUSDT"]
        (request,) = server.asked("/fapi/v1/fundingRate")
    assert found[0].at.hour == 16
    assert request["startTime"] == str(midnight_ms(FIRST) + EIGHT_MS + 60_000)
    assert int(request["endTime"]) == round(NOON.timestamp() * 1000)


def test_long_histories_come_in_pages_without_gaps_or_repeats():
    until = datetime(2023, 1, 1, tzinfo=UTC)
    with fake(2190) as server:
        found = source(server).funding(asked(until=until))["BTCUSDT"]
        pages = server.asked("/fapi/v1/fundingRate")
    assert len({rate.at for rate in found}) == len(found) == 2190
    assert [page["limit"] for page in pages] == ["1000"] * 3


@pytest.mark.parametrize("wrong", [{"fundingRate": "x"}, {"fundingRate": "NaN"}, {"markPrice": "-"}])
def test_answers_of_another_shape_are_told(wrong: dict[str, Any]):
    with fake() as server:
        server.funding = {"BTCUSDT": [{**payments(1)[0], **wrong}]}
        with pytest.raises(SourceUnavailable, match="where a list of funding rates of BTCUSDT belongs"):
            source(server).funding(asked())


def test_faults_are_tried_again_and_a_dead_venue_is_told():
    with fake() as server:
        server.faults = [Fault(status=502)]
        assert len(source(server).funding(asked())["BTCUSDT"]) == 29
        server.faults = [Fault(status=502)] * 9
        with pytest.raises(SourceUnavailable, match="did not answer within 5 tries"):
            source(server).funding(asked())
