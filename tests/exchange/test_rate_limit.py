from datetime import UTC, datetime, timedelta

import pytest

from exchange.rate_limit import stated_wait_s, used_weight, wait_near_limit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"Retry-After": "7"}, 7.0), ({"Retry-After": "soon"}, 60.0), ({}, 60.0)]
)
def test_a_wait_that_is_not_stated_in_seconds_is_a_minute(headers: dict[str, str], wait_s: float) -> None:
    assert stated_wait_s(headers, "Too many requests; current limit is 6000.", NOON) == wait_s


@pytest.mark.parametrize(
    ("headers", "until", "wait_s"),
    [
        ({}, NOON + timedelta(seconds=90), 90.0),
        ({"Retry-After": "7"}, NOON + timedelta(seconds=90), 90.0),
        ({"Retry-After": "100"}, NOON + timedelta(seconds=90), 100.0),
        # A ban that is over already.
        ({}, NOON - timedelta(seconds=5), 0.0),
    ],
)
def test_the_end_of_a_ban_in_an_answers_words_is_obeyed(
    headers: dict[str, str], until: datetime, wait_s: float
) -> None:
    said = f"Way too much request weight used; IP banned until {round(until.timestamp() * 1000)}. Please use WebSocket"
    assert stated_wait_s(headers, said, NOON) == wait_s


@pytest.mark.parametrize(
    ("headers", "weight"),
    [
        ({"x-mbx-used-weight-1m": "12"}, 12),
        ({"x-mbx-used-weight-1m": "much"}, 0),
        ({"x-mbx-used-weight": "5"}, 0),
        ({}, 0),
    ],
)
def test_the_weight_that_was_used_is_that_of_the_minute_and_nothing_where_it_is_not_told(
    headers: dict[str, str], weight: int
) -> None:
    assert used_weight(headers) == weight


@pytest.mark.parametrize(("weight", "waits"), [("99", []), ("100", [60.0]), ("101", [60.0]), ("much", [])])
def test_who_has_used_the_weight_of_the_minute_waits_for_the_next(weight: str, waits: list[float]) -> None:
    waited: list[float] = []
    wait_near_limit({"x-mbx-used-weight-1m": weight}, 100, waited.append)
    assert waited == waits
