"""When the bars of a day are closed, as a schedule needs it."""

from datetime import UTC, datetime

import pytest

from exchange.sessions.closing_times import Daily, daily_after
from strategy.market.instruments import Calendar

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendars", "cron", "zone"),
    [
        (["24/7"], "5 0 * * *", "UTC"),
        (["XNYS"], "30 16 * * 1-5", "America/New_York"),
        (["XTKS"], "0 16 * * 1-5", "Asia/Tokyo"),
        # A bar of Friday is closed on Saturday.
        (["weekdays"], "5 0 * * 2-6", "UTC"),
        (["sun-thu"], "5 0 * * 1-5", "UTC"),
        (["24/5"], "30 0 * * 2-6", "UTC"),
        # Nobody knows their days beforehand.
        (["observed-5"], "5 0 * * *", "UTC"),
        # Whoever closes last, on the days of all.
        (["XTKS", "XNYS"], "30 16 * * 1-5", "America/New_York"),
        (["XNYS", "24/7"], "5 0 * * *", "UTC"),
    ],
)
def test_a_day_is_run_after_the_last_of_its_bars_is_closed(calendars: list[str], cron: str, zone: str) -> None:
    assert daily_after([Calendar(calendar) for calendar in calendars], NOW) == Daily(cron=cron, zone=zone)


def test_the_time_is_the_same_in_summer_and_winter() -> None:
    summer = daily_after([Calendar.XNYS], datetime(2026, 7, 1, tzinfo=UTC))
    assert summer == daily_after([Calendar.XNYS], datetime(2026, 1, 2, tzinfo=UTC))


def test_a_time_reads_as_a_person_says_it() -> None:
    assert Daily(cron="5 0 * * *", zone="UTC").in_words == "00:05 UTC, every day"
    assert Daily(cron="0 9 * * 0-2,4", zone="UTC").in_words == "09:00 UTC, Sunday to Tuesday, Thursday"
