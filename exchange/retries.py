"""Questions to an exchange, asked again while the failure may pass."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

Answer = TypeVar("Answer")

TRIES = 5
#: The longest wait that is obeyed; who is told to stay away longer should come back in a later run.
LONGEST_WAIT_S = 120.0
#: Binance counts the request weight of an address by the minute.
WEIGHT_WINDOW_S = 60.0
#: How -1003 tells the end of a ban, in milliseconds: "Way too much request weight used; IP banned until %s."
#: https://github.com/binance/binance-spot-api-docs/blob/master/errors.md
_BANNED_UNTIL = re.compile(r"banned until (\d{13})\b")


class Transient(Exception):
    """A failure that may pass: what was said, and the wait asked for, in seconds (None: not said)."""

    def __init__(self, said: str, wait_s: float | None = None) -> None:
        super().__init__(said)
        self.wait_s = wait_s


def retried(ask: Callable[[], Answer], sleep: Callable[[float], None]) -> Answer:
    """What `ask` returns, after at most five tries; the waits are those asked for, else 1, 2, 4, 8 seconds.

    Raises Transient where the last try failed too, and at once whatever else `ask` raises.

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
    """Return the wait that an answer asks for, by its header or by the end of a ban in its words, whichever is longer.

    A weight window where it names neither. `now` is the time by which the ban is told.

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
    """Return the request weight that an answer says the address has used within the minute; 0 where it says none.

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
