from collections.abc import Callable

import pytest

from exchange.retries import TRIES, Transient, retried


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
