from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from strategy.exit_codes import Exit
from strategy.market.funding_rates import (
    FundingFault,
    FundingMissing,
    FundingRate,
    FundingRefused,
    FundingSeries,
    demand_unbroken,
    sound_rates,
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


@pytest.mark.parametrize(
    ("rates", "fault", "match"),
    [
        ([rate(0, "0.0501")], FundingFault.LEVEL, "the funding rate 0.0501 of BTCUSDT at 2024-01-02 00:00 UTC, beyond"),
        ([rate(0, "-1")], FundingFault.LEVEL, "0.0001 for 0.01 %; divide rates in percent by 100"),
        ([rate(0), rate(0, "0.0002")], FundingFault.TWICE, "rates 0.0001.* and 0.0002; keep one"),
        ([rate(0, mark="100"), rate(0, mark="101")], FundingFault.TWICE, "two different payments of BTCUSDT"),
        ([rate(0, mark="0")], FundingFault.MARK, "the mark 0 of BTCUSDT"),
        ([rate(8 * row, "0.01") for row in range(21)], FundingFault.PERCENT, "the usual funding rate .* is 0.01"),
    ],
)
def test_what_no_venue_pays_is_refused(rates: list[FundingRate], fault: FundingFault, match: str) -> None:
    with pytest.raises(FundingRefused, match=match) as caught:
        sound_rates("f.csv", "BTCUSDT", rates)
    assert (caught.value.fault, caught.value.exit_code) == (fault, Exit.DATA)


def test_a_few_high_rates_and_the_highest_pass() -> None:
    sound_rates("f.csv", "BTCUSDT", [rate(8 * row, "0.01") for row in range(20)])
    sound_rates("f.csv", "BTCUSDT", [rate(0, "0.05"), rate(8, "-0.05")])


def test_a_gap_of_more_than_eight_hours_is_refused_and_one_of_eight_is_not() -> None:
    demand_unbroken("f.csv", "BTCUSDT", [rate(0), rate(1), rate(9), rate(17)])
    with pytest.raises(FundingRefused, match="for 16 hours, from 2024-01-02 08:00 UTC to 2024-01-03 00:00 UTC, and 8"):
        demand_unbroken("f.csv", "BTCUSDT", [rate(0), rate(8), rate(24)])


def test_a_series_is_sorted_and_gives_whole_days() -> None:
    with pytest.raises(ValueError, match="must be sorted"):
        FundingSeries(symbol="BTCUSDT", rates=(rate(8), rate(0)))
    series = FundingSeries(symbol="BTCUSDT", rates=tuple(rate(8 * row) for row in range(6)))
    day = START.date()
    assert series.paid(day, day) == series.rates[:3]
    assert series.paid(day, day + timedelta(days=1)) == series.rates
    with pytest.raises(FundingMissing, match="from 2024-01-03 16:00 UTC to 2024-01-05 00:00 UTC"):
        series.paid(day, day + timedelta(days=2))
    # Payments at 04:00, 12:00 and 20:00 make a day, too.
    odd = FundingSeries(symbol="BTCUSDT", rates=(rate(4), rate(12), rate(20)))
    assert len(odd.paid(day, day)) == 3
