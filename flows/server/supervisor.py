"""Processes that are kept running: started again when they end, stopped together, gone with whoever started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

#: How long a process may take to end by itself when it is asked to.
END_S = 20.0
#: Waits before a process that ended is started again; who lived for STEADY_S begins anew.
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
STEADY_S = 600.0
#: A log that has grown past this is set aside when its process starts; one older log is kept.
MOST_LOG_BYTES = 10_000_000
_POLL_S = 0.5
_SET_PARENT_DEATH_SIGNAL = 1


class GaveUp(Exception):
    """A process ended again and again (exit 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is to run: its name for people, command, environment, the file that takes what it prints, and open files."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    descriptors: tuple[int, ...] = ()


class ManagedProcess:
    """A running program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._deaths = 0
        self._left: set[_Process] = set()
        self._begin()

    def _begin(self) -> None:
        _set_aside(self.program.log)
        self._since_s = time.monotonic()
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own commands)
                self.program.command,
                env=self.program.environment,
                pass_fds=self.program.descriptors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C must reach us alone, who stop one after the other.
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 (no thread of ours holds a lock here)
            )

    @property
    def ended(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def pause_s(self) -> float:
        """How long to wait before it is started again; raises GaveUp if it has ended too often."""
        self._deaths = 1 if time.monotonic() - self._since_s > STEADY_S else self._deaths + 1
        if self._deaths > len(PAUSES_S):
            raise GaveUp(f"the {self.program.name} ended {self._deaths} times; the reason stands in {self.program.log}")
        return PAUSES_S[self._deaths - 1]

    def again(self) -> None:
        """None; a new process runs. What the old one had started goes on, and ends with `stop` at the latest."""
        self._left |= {one for one in _processes().values() if one.group == self._process.pid}
        self._begin()

    def stop(self) -> None:
        """None; the process and all that it has started are gone, first asked, then made to."""
        there = _processes()
        family = self._left | {there[one] for one in descendants(self._process.pid) if one in there}
        if self.ended is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        still = set(_processes().values())
        for process in family & still:
            with suppress(ProcessLookupError):
                os.kill(process.number, signal.SIGKILL)
        if self.ended is None:
            self._process.kill()
        self._process.wait()


def supervise(kept: Sequence[ManagedProcess], stop: Event, tell: Callable[[str], None]) -> None:
    """None, once `stop` is set; until then what ends is started again. Raises GaveUp."""
    while not stop.wait(_POLL_S):
        for one in kept:
            code = one.ended
            if code is None:
                continue
            pause_s = one.pause_s()
            tell(f"The {one.program.name} ended with code {code}; it starts again in {pause_s:.0f} s.")
            if stop.wait(pause_s):
                return
            one.again()


def descendants(process: int) -> list[int]:
    """The processes that a process has started, and those that they have; none where /proc does not tell."""
    there = _processes().values()
    found, left = list[int](), [process]
    while left:
        above = left.pop()
        below = [one.number for one in there if one.parent == above]
        found += below
        left += below
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """A process of this machine; `began` tells it from a later one of the same number."""

    number: int
    parent: int = field(compare=False)
    group: int = field(compare=False)
    began: str


def _processes() -> dict[int, _Process]:
    """All of them by their number; none where there is no /proc."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold blanks; state, parent and group follow it, and the start is the 20th.
            told = place.read_text().rpartition(")")[2].split()
            number = int(place.parent.name)
            found[number] = _Process(number=number, parent=int(told[1]), group=int(told[2]), began=told[19])
    return found


def _set_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _end_with_parent() -> None:
    """None; the new process is asked to end when ours does, however that ends. Linux alone can do so."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
