"""Ctrl-C and SIGTERM: a run records that it was ended, and between two steps finishes the current one first."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Set once Ctrl-C has come.
_CTRL_C = threading.Event()


def remember_ctrl_c() -> None:
    """Have Ctrl-C noted before it raises KeyboardInterrupt, in the main thread of a process that is a command."""

    def noted(number: int, frame: FrameType | None) -> None:
        _CTRL_C.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, noted)


def ctrl_c_came() -> bool:
    """Return whether Ctrl-C has come: a library that it interrupts may raise an error of its own."""
    return _CTRL_C.is_set()


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


class TerminationSignal(BaseException):
    """SIGTERM came; the name is that of Prefect's, so that runs record the same with and without it."""


@contextmanager
def unwinding() -> Iterator[None]:
    """Let SIGTERM unwind the block, as Ctrl-C does, before it has its usual effect on the process.

    Outside the main thread signals are left alone.
    """

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise TerminationSignal

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except TerminationSignal:
        signal.signal(signal.SIGTERM, before)
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
