from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from exchange.retries import TRIES, Transient, retried, stated_wait_s, used_weight

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def failing(*failures: Exception | None) -> Callable[[], str]:
    left = list(failures)

    def ask() -> str:
        if failure := left.pop(0):
            raise failure
        return "taken"

    return ask


def test_a_question_is_asked_five_times_with_doubling_waits_or_those_that_were_asked_for() -> None:
    waits: list[float] = []
    failures = [Transient("busy"), Transient("busy", 0.0), Transient("busy", 3.0), Transient("busy"), None]
    assert retried(failing(*failures), waits.append) == "taken"
    assert waits == [1.0, 0.0, 3.0, 8.0]


def test_the_last_failure_is_the_one_that_is_told() -> None:
    waits: list[float] = []
    with pytest.raises(Transient, match=r"^last$") as told:
        retried(failing(*[Transient("busy")] * (TRIES - 1), Transient("last", 7.0)), waits.append)
    assert (waits, told.value.wait_s) == ([1.0, 2.0, 4.0, 8.0], 7.0)


def test_what_will_not_pass_is_not_asked_again() -> None:
    waits: list[float] = []
    with pytest.raises(LookupError, match="gone"):
        retried(failing(LookupError("gone"), None), waits.append)
    assert waits == []


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
