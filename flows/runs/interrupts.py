"""Ctrl-C and SIGTERM between two steps: the current step finishes, and the same command resumes from there."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Yield a function to call between steps: it raises KeyboardInterrupt once a signal has asked the process to stop.

    A second signal has its usual effect at once. Outside the main thread signals are left alone.
    """
    asked = threading.Event()
    before: dict[int, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, before[number])
        sys.stderr.write("Stopping after this step; once more stops at once.\n")

    def stop_if_asked() -> None:
        if asked.is_set():
            raise KeyboardInterrupt("asked to stop")

    # Python lets only the main thread set a handler.
    if threading.current_thread() is threading.main_thread():
        before |= {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
