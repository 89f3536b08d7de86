"""Retries of requests to an exchange on transient failures."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

Answer = TypeVar("Answer")

TRIES = 5


class Transient(Exception):
    """A transient failure: its message, and the wait requested in seconds (None: not stated)."""

    def __init__(self, said: str, wait_s: float | None = None) -> None:
        super().__init__(said)
        self.wait_s = wait_s


def retried(ask: Callable[[], Answer], sleep: Callable[[float], None], tries: int = TRIES) -> Answer:
    """Return the result of `ask`, after at most this many tries; waits are those requested, else 1, 2, 4, 8 seconds.

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
        stop=stop_after_attempt(tries),
        retry=retry_if_exception_type(Transient),
        wait=_wait_s,
        sleep=sleep,
        reraise=True,
    )
    answer: Answer = retrying(ask)
    return answer


def _wait_s(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome is not None else None
    if isinstance(failure, Transient) and failure.wait_s is not None:
        return failure.wait_s
    return float(2 ** (state.attempt_number - 1))
