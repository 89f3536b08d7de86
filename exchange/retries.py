"""Retries of requests to an exchange on transient failures, and its rate limits."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

Answer = TypeVar("Answer")

TRIES = 5
#: Longest wait that is accepted; if the exchange requests a longer one, try again in a later run.
LONGEST_WAIT_S = 120.0
#: Binance counts the request weight of an IP address by the minute.
WEIGHT_WINDOW_S = 60.0
#: The end of a ban in the message of -1003, in milliseconds: "Way too much request weight used; IP banned until %s."
#: https://github.com/binance/binance-spot-api-docs/blob/master/errors.md
_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


class Transient(Exception):
    """A transient failure: its message, and the wait requested in seconds (None: not stated)."""

    def __init__(self, said: str, wait_s: float | None = None) -> None:
        super().__init__(said)
        self.wait_s = wait_s


def retried(ask: Callable[[], Answer], sleep: Callable[[float], None]) -> Answer:
    """Return the result of `ask`, after at most five tries; waits are those requested, else 1, 2, 4, 8 seconds.

    Raises Transient if the last try fails too, and any other exception of `ask` at once.

    >>> waits, answers = [], [Transient("busy", 3.0), Transient("busy"), None]
    >>> def ask():
    ...     failure = answers.pop(0)
    ...     if failure: raise failure
    ...     return "taken"
    >>> retried(ask, waits.append), waits
    ('taken', [3.0, 2.0])
    """
    retrying = Retrying(
        stop=stop_after_attempt(TRIES),
        retry=retry_if_exception_type(Transient),
        wait=_wait_s,
        sleep=sleep,
        reraise=True,
    )
    answer: Answer = retrying(ask)
    return answer


def stated_wait_s(headers: Mapping[str, str], said: str, now: datetime) -> float:
    """Return the wait that an answer requests, by its header or by the end of a ban in its message, if that is longer.

    It is a weight window if the answer states neither. `now` is the time to which the end of the ban is compared.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> stated_wait_s({"Retry-After": "7"}, "", noon)
    7.0
    >>> stated_wait_s({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Too many requests", noon)
    60.0
    >>> stated_wait_s({"Retry-After": "7"}, "Way too many requests; IP banned until 1767268890000.", noon)
    90.0
    """
    waits = []
    if headers.get("Retry-After", "").isdigit():
        waits.append(float(headers["Retry-After"]))
    if (banned := _BANNED_UNTIL.search(said)) is not None:
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(banned[1]))
        waits.append(max(0.0, (until - now).total_seconds()))
    return max(waits, default=WEIGHT_WINDOW_S)


def used_weight(headers: Mapping[str, str]) -> int:
    """Return the request weight that the IP address has used within the minute, by the answer's header; 0 without one.

    >>> used_weight({"x-mbx-used-weight-1m": "12"}), used_weight({"x-mbx-used-weight-1m": "?"}), used_weight({})
    (12, 0, 0)
    """
    stated = headers.get("x-mbx-used-weight-1m", "")
    return int(stated) if stated.isdigit() else 0


def _wait_s(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome is not None else None
    if isinstance(failure, Transient) and failure.wait_s is not None:
        return failure.wait_s
    return float(2 ** (state.attempt_number - 1))
