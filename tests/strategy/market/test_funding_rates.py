import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from re import escape

import pytest

from strategy.exit_codes import Exit
from strategy.market.funding_rates import (
    NO_FUNDING,
    Funding,
    FundingFault,
    FundingMissing,
    FundingRate,
    FundingRefused,
    FundingSeries,
    demand_unbroken,
    minute_of,
    sound_rates,
    told,
)

D = Decimal
START = datetime(2024, 1, 2, tzinfo=UTC)
HOURS, MILLISECOND = timedelta(hours=1), timedelta(milliseconds=1)


def rate(hours: float, value: str = "0.0001", mark: str | None = None) -> FundingRate:
    return FundingRate(at=START + hours * HOURS, rate=D(value), mark=None if mark is None else D(mark))


def test_payments_are_sorted_at_full_minutes_and_those_within_the_jitter_are_one() -> None:
    late = FundingRate(at=START + 8 * HOURS + 3 * MILLISECOND, rate=D("-0.0002"), mark=D("42000.5"))
    early = FundingRate(at=START + 8 * HOURS - 3 * MILLISECOND, rate=D("-0.0002"), mark=D("42000.5"))
    found = sound_rates("f.csv", "BTCUSDT", [late, rate(0), early])
    assert found == (rate(0), rate(8, "-0.0002", "42000.5"))


PERCENT = "a rate is a fraction, 0.0001 for 0.01 %; divide rates in percent by 100"


@pytest.mark.parametrize(
    ("rates", "fault", "said"),
    [
        (
            [rate(0, "0.0501")],
            FundingFault.LEVEL,
            f"f.csv has the funding rate 0.0501 of BTCUSDT at 2024-01-02 00:00 UTC, beyond 0.05 a payment; {PERCENT}",
        ),
        (
            [rate(8, "-1")],
            FundingFault.LEVEL,
            f"f.csv has the funding rate -1 of BTCUSDT at 2024-01-02 08:00 UTC, beyond 0.05 a payment; {PERCENT}",
        ),
        (
            [rate(0), rate(0, "0.0002")],
            FundingFault.TWICE,
            "f.csv has two different payments of BTCUSDT at 2024-01-02 00:00 UTC: rates 0.000100000000 and 0.0002; "
            "keep one of them",
        ),
        (
            [rate(0, mark="100"), rate(0, mark="101")],
            FundingFault.TWICE,
            "f.csv has two different payments of BTCUSDT at 2024-01-02 00:00 UTC: rates 0.000100000000 and 0.0001; "
            "keep one of them",
        ),
        (
            [rate(0, mark="0")],
            FundingFault.MARK,
            "f.csv has the mark 0 of BTCUSDT at 2024-01-02 00:00 UTC; a mark price is above 0; leave it empty where it "
            "is not known",
        ),
        (
            [rate(8 * row, "-0.0050001") for row in range(21)],
            FundingFault.PERCENT,
            f"the usual funding rate of BTCUSDT in f.csv is 0.005000100000, above 0.005 a payment; {PERCENT}",
        ),
    ],
)
def test_what_no_venue_pays_is_refused(rates: list[FundingRate], fault: FundingFault, said: str) -> None:
    with pytest.raises(FundingRefused, match=f"^{escape(said)}$") as caught:
        sound_rates("f.csv", "BTCUSDT", rates)
    assert (caught.value.fault, caught.value.exit_code) == (fault, Exit.DATA)


def test_instants_are_rounded_and_told_in_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        tokyo = datetime(2024, 1, 2, 17, 0, 29, 999_999, tzinfo=timezone(9 * HOURS))
        (found,) = sound_rates("f.csv", "BTCUSDT", [FundingRate(at=tokyo, rate=D(0))])
        assert (found.at, found.at.tzinfo) == (START + 8 * HOURS, UTC)
        assert minute_of(tokyo + timedelta(microseconds=1)) == START + 8 * HOURS + timedelta(minutes=1)
        assert minute_of(START) == START
        assert told(tokyo) == "2024-01-02 08:00 UTC"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_rates_and_marks_have_twelve_decimals_and_any_mark_above_zero_passes() -> None:
    fine = FundingRate(at=START, rate=D("0.0001000000004"), mark=D("0.0000000000016"))
    (found,) = sound_rates("f.csv", "BTCUSDT", [fine])
    assert (found.rate, found.mark) == (D("0.0001"), D("0.000000000002"))


def test_equal_funding_is_one_key() -> None:
    series = FundingSeries(symbol="BTCUSDT", rates=(rate(0), rate(8)))
    same, other = replace(series, rates=(rate(0), rate(8))), replace(series, rates=(rate(0), rate(8, "0.0002")))
    assert hash(series) == hash(same)
    assert len({Funding(series={"BTCUSDT": each}) for each in (series, same, other)}) == 2
    assert hash(replace(series, symbol="ETHUSDT")) != hash(series) != hash(replace(series, rates=()))
    known = Funding(series={"BTCUSDT": series})
    assert hash(known) != hash(NO_FUNDING)
    assert (bool(known), bool(NO_FUNDING)) == (True, False)
    assert repr(series) == "FundingSeries('BTCUSDT', 2 rates)"


def test_a_few_high_rates_and_the_highest_pass() -> None:
    sound_rates("f.csv", "BTCUSDT", [rate(8 * row, "0.01") for row in range(20)])
    sound_rates("f.csv", "BTCUSDT", [rate(8 * row, "0.005") for row in range(21)])
    sound_rates("f.csv", "BTCUSDT", [rate(0, "0.05"), rate(8, "-0.05")])


def test_a_gap_of_more_than_eight_hours_is_refused_and_one_of_eight_is_not() -> None:
    # A minute more is the jitter of two stamps.
    demand_unbroken("f.csv", "BTCUSDT", [rate(0), rate(1), rate(9), rate(17 + 1 / 60)])
    said = (
        "f.csv has no funding rate of BTCUSDT for 16 hours, from 2024-01-02 08:00 UTC to 2024-01-03 00:00 UTC, and 8 "
        "are allowed; add the missing rates, or remove those before the gap"
    )
    with pytest.raises(FundingRefused, match=f"^{escape(said)}$") as caught:
        demand_unbroken("f.csv", "BTCUSDT", [rate(0), rate(8), rate(24)])
    assert caught.value.fault is FundingFault.GAP
    with pytest.raises(FundingRefused, match=r"for 8\.03"):
        demand_unbroken("f.csv", "BTCUSDT", [rate(0), rate(8 + 2 / 60)])


def test_a_series_is_sorted_and_gives_whole_days() -> None:
    for wrong in ((rate(8), rate(0)), (rate(8), rate(8))):
        with pytest.raises(ValueError, match=r"^the funding rates of BTCUSDT must be sorted, each instant once$"):
            FundingSeries(symbol="BTCUSDT", rates=wrong)
    series = FundingSeries(symbol="BTCUSDT", rates=tuple(rate(8 * row) for row in range(6)))
    day = START.date()
    assert series.paid(day, day) == series.rates[:3]
    assert series.paid(day, day + timedelta(days=1)) == series.rates
    with pytest.raises(FundingMissing, match="from 2024-01-03 16:00 UTC to 2024-01-05 00:00 UTC"):
        series.paid(day, day + timedelta(days=2))
    # The jitter of a minute, at the end of the day and between two payments.
    late = FundingSeries(symbol="BTCUSDT", rates=(rate(0), rate(8), rate(16 - 1 / 60)))
    assert Funding(series={"BTCUSDT": late}).paid("BTCUSDT", day, day) == late.rates
    wide = FundingSeries(symbol="BTCUSDT", rates=(rate(0), rate(8 + 1 / 60), rate(16)))
    assert wide.paid(day, day) == wide.rates
    said = (
        "ETHUSDT lacks a funding rate from 2024-01-02 00:00 UTC to 2024-01-03 00:00 UTC, and a perpetual pays every 8 "
        "hours or more often; add what is missing to the file of the setting funding, or choose other days"
    )
    with pytest.raises(FundingMissing, match=f"^{escape(said)}$"):
        Funding(series={"BTCUSDT": late}).paid("ETHUSDT", day, day)
    # Payments at 04:00, 12:00 and 20:00 make a day, too.
    odd = FundingSeries(symbol="BTCUSDT", rates=(rate(4), rate(12), rate(20)))
    assert len(odd.paid(day, day)) == 3
