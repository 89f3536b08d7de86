"""Questions to an exchange, asked again while the failure may pass."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

Answer = TypeVar("Answer")

TRIES = 5
#: The longest wait that is obeyed; who is told to stay away longer should come back in a later run.
LONGEST_WAIT_S = 120.0
#: Binance counts the request weight of an address by the minute.
WEIGHT_WINDOW_S = 60.0


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


def stated_wait_s(headers: Mapping[str, str]) -> float:
    """The wait that an answer asks for; a weight window where it names none in seconds.

    >>> stated_wait_s({"Retry-After": "7"}), stated_wait_s({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    (7.0, 60.0)
    """
    stated = headers.get("Retry-After", "")
    return float(stated) if stated.isdigit() else WEIGHT_WINDOW_S


def _wait_s(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome is not None else None
    if isinstance(failure, Transient) and failure.wait_s is not None:
        return failure.wait_s
    return float(2 ** (state.attempt_number - 1))
