"""Supervisor of processes: restarted when they end, stopped together, and ended with the process that started them."""

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

import psutil

from strategy.exit_codes import Exit

#: How long a process may take to end after SIGTERM.
END_S = 20.0
#: Waits before each restart of a process; after a life of STEADY_S they start over.
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
STEADY_S = 600.0
#: A log larger than this is renamed when its process starts; one older log is kept.
MOST_LOG_BYTES = 10_000_000
_POLL_S = 0.5
_SET_PARENT_DEATH_SIGNAL = 1


class GaveUp(Exception):
    """A process that ended again and again (exit 4)."""

    exit_code = Exit.UNREACHABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run: its display name, command, environment, log file for its output, and inherited descriptors."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    descriptors: tuple[int, ...] = ()


class ManagedProcess:
    """A program that is running, with restart and stop."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._deaths = 0
        self._left: set[psutil.Process] = set()
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
                # Ctrl-C must reach only us; we stop the processes one by one.
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 (no thread of ours holds a lock here)
            )

    @property
    def ended(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.poll()

    def pause_s(self) -> float:
        """Return how long to wait before the restart, in seconds. Raises GaveUp if it has ended too often."""
        self._deaths = 1 if time.monotonic() - self._since_s > STEADY_S else self._deaths + 1
        if self._deaths > len(PAUSES_S):
            raise GaveUp(f"the {self.program.name} ended {self._deaths} times; the reason stands in {self.program.log}")
        return PAUSES_S[self._deaths - 1]

    def again(self) -> None:
        """Start a new process. Children of the old one keep running, and end with `stop` at the latest."""
        self._left |= _of_group(self._process.pid)
        self._begin()

    def stop(self) -> None:
        """Stop the process and all its descendants: first SIGTERM, then SIGKILL."""
        family = self._left | descendants(self._process.pid)
        if self.ended is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
        for process in family:
            # psutil refuses to signal a later process with the same number.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self.ended is None:
            self._process.kill()
        self._process.wait()


def supervise(processes: Sequence[ManagedProcess], stop: Event, notify: Callable[[str], None]) -> None:
    """Restart processes that end, until `stop` is set. Raises GaveUp."""
    while not stop.wait(_POLL_S):
        for process in processes:
            code = process.ended
            if code is None:
                continue
            pause_s = process.pause_s()
            notify(f"The {process.program.name} ended with code {code}; it starts again in {pause_s:.0f} s.")
            if stop.wait(pause_s):
                return
            process.again()


def descendants(process: int) -> set[psutil.Process]:
    """Return all processes started by a process, directly or indirectly; none if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return set(psutil.Process(process).children(recursive=True))
    return set()


def _of_group(group: int) -> set[psutil.Process]:
    """Return the processes of a group, which outlives its leader."""
    found = set()
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group:
                found.add(process)
    return found


def _set_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _end_with_parent() -> None:
    """Have the kernel send the new process SIGTERM when ours ends, in whatever way. Works only on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
