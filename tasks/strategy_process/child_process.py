"""Processes that run strategy files: started when first needed, shared by threads, ended when too slow or at exit.

A process is up and has loaded its file in about 0.2 s on one of two cores, in 0.6 s if the file imports pandas.
"""

import atexit
import os
import selectors
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np

from strategy.signals.faults import Check, Fault, StrategyRefused
from tasks.strategy_process import frames
from tasks.strategy_process.calls import REPORT_S
from tasks.strategy_process.frames import BrokenFrame, Message, unpacked_fault

#: Processes kept for further requests; beyond, the one that was idle longest is ended.
MOST_PROCESSES = 8
_PIECE = 1 << 20
_ROOT = Path(__file__).resolve().parents[2]
#: The packages of ours come after the standard library and before all else, as they did in this process.
_START = (
    "import os, sys\n"
    "library = os.path.dirname(os.__file__)\n"
    "standard = [i for i, p in enumerate(sys.path) if p in (library, library + '/lib-dynload')]\n"
    "sys.path.insert(max(standard, default=-1) + 1, sys.argv[1])\n"
    "from tasks.strategy_process.child import main\n"
    "main(int(sys.argv[2]))\n"
)
#: What a child gets of this process's environment: nothing secret, only where libraries and the user's packages lie.
_KEPT = ("HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONUSERBASE")
#: The same bits on any machine: one thread for matrices, one order of sets, one time zone.
_FIXED = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds that one call of a strategy may take, a learner's fit, and loading the file with all that it imports."""

    call_s: float = 30.0
    fit_s: float = 600.0
    loading_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFile:
    """A strategy's file: its bytes, the sha256 that they must have, its path as shown, and which strategy in it."""

    source: bytes
    sha256: str
    origin: str
    name: str | None = None
    limits: TimeLimits = TimeLimits()


class ChildLost(Exception):
    """A process that was too slow, or ended, while it worked on `symbol` (empty: before any)."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


Heard = Callable[[Message], None]


class ChildProcess:
    """A process that has loaded a strategy's file and answers requests, one at a time."""

    def __init__(self, file: StrategyFile) -> None:
        """Start it and load the file. Raises StrategyRefused, also if loading is too slow or ends the process."""
        self.file, self.users, self.lost = file, 0, False
        self._buffer = bytearray()
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-P", "-B", "-c", _START, str(_ROOT), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, **_FIXED},
            # Ctrl-C is for this process, which ends the other.
            start_new_session=True,
        )
        content = {"sha256": file.sha256, "origin": file.origin, "name": file.name}
        source = np.ndarray(len(file.source), dtype=np.uint8, buffer=file.source)
        try:
            self.exchange(Message(kind="load", content=content, arrays={"source": source}), file.limits.loading_s)
        except ChildLost as error:
            raise StrategyRefused(file.origin, error.fault) from error
        except StrategyRefused:
            self.end()
            raise

    def exchange(self, request: Message, limit_s: float, heard: Heard | None = None) -> Message:
        """Return the last answer to the request; hand those before it to `heard`.

        Raises StrategyRefused, and ChildLost if nothing is heard for `limit_s` or the process ends; it is over then.
        """
        symbol, loading = "", request.kind == "load"
        try:
            with suppress(BrokenPipeError):
                assert self._process.stdin is not None, "it was started with a pipe"
                frames.write(self._process.stdin, request)
            while True:
                answer = self._next(limit_s + REPORT_S)
                if answer.kind == "done":
                    return answer
                if answer.kind == "refused":
                    fault = unpacked_fault(answer.content["fault"])
                    break
                symbol = answer.content["symbol"] if answer.kind == "tick" else symbol
                if heard is not None:
                    heard(answer)
        except TimeoutError:
            self.end()
            what = f"{'loading it' if loading else 'one call'} took longer than {limit_s:g} s"
            raise ChildLost(self._fault(Check.TOO_SLOW, f"{what} and was stopped", symbol)) from None
        except (BrokenFrame, EOFError):
            raise ChildLost(self._fault(Check.RAISES, self._ending(), symbol)) from None
        except BaseException:
            # What it would still say would be taken for the answer to the next request.
            self.end()
            raise
        raise StrategyRefused(answer.content["strategy"], fault)

    def _fault(self, check: Check, what: str, symbol: str) -> Fault:
        return Fault(check=check, message=f"{self.file.origin}: {what}", symbol=symbol)

    def _next(self, limit_s: float) -> Message:
        """Return the next message. Raises TimeoutError, EOFError and BrokenFrame."""
        assert self._process.stdout is not None, "it was started with a pipe"
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            until = time.monotonic() + limit_s
            while (message := frames.cut(self._buffer)) is None:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                piece = os.read(self._process.stdout.fileno(), _PIECE)
                if not piece:
                    raise EOFError
                self._buffer += piece
                until = time.monotonic() + limit_s
        return message

    def _ending(self) -> str:
        """Return how the process ended, in words."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.poll()
        self.end()
        if code is None:
            return "its process closed the connection"
        if code < 0:
            memory = ", perhaps for want of memory" if -code == Signals.SIGKILL else ""
            return f"its process was ended by {Signals(-code).name}{memory}"
        return f"its process ended with exit code {code}; a strategy must not end it"

    def end(self) -> None:
        """End the process at once."""
        self.lost = True
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


_Key = tuple[int, StrategyFile]
_children: OrderedDict[_Key, ChildProcess] = OrderedDict()
_turns: WeakValueDictionary[_Key, Lock] = WeakValueDictionary()
_lock = Lock()


@contextmanager
def child_of(file: StrategyFile) -> Iterator[ChildProcess]:
    """Lend the process of the file, started if there is none, to one thread at a time.

    A process that was forked from this one has processes of its own.
    """
    key = (os.getpid(), file)
    with _lock:
        turn = _turns.setdefault(key, Lock())
    with turn:
        child = _known(key) or _started(key)
        try:
            yield child
        finally:
            with _lock:
                child.users -= 1
                if child.lost and _children.get(key) is child:
                    del _children[key]


def _known(key: _Key) -> ChildProcess | None:
    with _lock:
        child = _children.get(key)
        if child is not None:
            _children.move_to_end(key)
            child.users += 1
    return child


def _started(key: _Key) -> ChildProcess:
    child = ChildProcess(key[1])
    with _lock:
        child.users += 1
        _children[key] = child
        idle = [other for other, each in _children.items() if not each.users]
        for other in idle[: max(0, len(_children) - MOST_PROCESSES)]:
            _children.pop(other).end()
    return child


def end_children() -> None:
    """End all processes of strategies that this process started."""
    with _lock:
        own = [key for key in _children if key[0] == os.getpid()]
        for key in own:
            _children.pop(key).end()


atexit.register(end_children)
