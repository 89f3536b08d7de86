"""Deadline for a whole request, however slowly its answer arrives.

The time-out of requests bounds each wait for the socket, not their sum: a server that sends a byte every nine seconds
never exceeds it. https://requests.readthedocs.io/en/latest/user/quickstart/#timeouts
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

Answer = TypeVar("Answer")

#: Longest total duration of a request, as a multiple of the longest single wait.
WHOLE = 3.0


class PunctualAdapter(HTTPAdapter):
    """Adapter with a deadline: the whole request, from name look-up to last byte, must end within `total_s`."""

    def __init__(self, total_s: float) -> None:
        super().__init__()
        self._total_s = total_s

    def send(  # noqa: PLR0913 - what requests calls
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as above
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002 - as above
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Return the answer with all of its content. Raises ReadTimeout, and whatever the library raises."""

        def whole() -> requests.Response:
            response = super(PunctualAdapter, self).send(request, stream, timeout, verify, cert, proxies)
            # Read it here: the library itself reads it only after the adapter has returned.
            response.content  # noqa: B018 - it is kept
            return response

        return within(self._total_s, whole)


def within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """Return the result of the call, or raise its exception; raises ReadTimeout if it does not end in time.

    A late call continues in its own thread, and its result is discarded.

    >>> within(5.0, lambda: 7)
    7
    """
    told: SimpleQueue[tuple[Answer | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            told.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            told.put((None, error))

    threading.Thread(target=run, name="request", daemon=True).start()
    try:
        answer, failure = told.get(timeout=seconds)
    except Empty:
        raise requests.ReadTimeout(f"no whole answer within {seconds:g} s") from None
    if failure is not None:
        raise failure
    return answer  # type: ignore[return-value]
