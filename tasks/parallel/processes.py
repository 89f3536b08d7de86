"""Worker processes of this machine, of which a lost one costs no more than its task."""

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from tasks.parallel.runner import RETRIES, Result, Shared, Task, WorkerLost

#: A worker's libraries compute with one thread: the workers share the cores.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
#: Seconds that a worker has to end when it is told to, before it is killed.
END_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """So many processes of this machine, started anew for each map: each imports what the work needs, a second or two.

    A script that uses them keeps its own work under `if __name__ == "__main__"`, as each process imports it.
    """

    workers: int

    def map(
        self, function: Callable[[Shared, Task], Result], tasks: Sequence[Task], shared: Shared
    ) -> Generator[Result, None, None]:
        """Yield the results as `Runner.map` does."""
        # Pickled once for all workers, and only ever read by processes that this one has started.
        crew = _Crew(pickle.dumps((function, shared), protocol=pickle.HIGHEST_PROTOCOL))
        try:
            yield from crew.results(tasks, min(self.workers, len(tasks)))
        finally:
            crew.end()


class _Worker:
    """A process, the pipe to it, and the number of the task that it is at."""

    def __init__(self, process: BaseProcess, pipe: Connection, number: int) -> None:
        self.process, self.pipe, self.number = process, pipe, number


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raised:
    error: BaseException


class _Crew:
    """The workers of one map, each of them with a task; `common` is the function and what is shared."""

    def __init__(self, common: bytes) -> None:
        self.common = common
        self.busy: list[_Worker] = []

    def results(self, tasks: Sequence[Any], most: int) -> Iterator[Any]:
        waiting, losses, known = deque(range(len(tasks))), [0] * len(tasks), dict[int, Any]()
        while waiting and len(self.busy) < most:
            self._start(waiting.popleft(), tasks)
        for position in range(len(tasks)):
            while position not in known:
                for worker in self._heard_from():
                    try:
                        known[worker.number] = worker.pipe.recv()
                    except (EOFError, ConnectionError):
                        self._dismiss(worker)
                        losses[worker.number] += 1
                        if losses[worker.number] > RETRIES:
                            raise WorkerLost(_lost(worker, losses[worker.number])) from None
                        self._start(worker.number, tasks)
                        continue
                    if waiting:
                        worker.number = waiting.popleft()
                        _send(worker, tasks)
                    else:
                        self._dismiss(worker)
            result = known.pop(position)
            if isinstance(result, _Raised):
                raise result.error
            yield result

    def end(self) -> None:
        """End all workers, whatever they are at."""
        for worker in self.busy:
            worker.process.terminate()
        for worker in list(self.busy):
            self._dismiss(worker)

    def _heard_from(self) -> list[_Worker]:
        ready = set(wait([worker.pipe for worker in self.busy]))
        return [worker for worker in self.busy if worker.pipe in ready]

    def _start(self, number: int, tasks: Sequence[Any]) -> None:
        context = get_context("spawn")
        pipe, far_end = context.Pipe()
        process = context.Process(target=_serve, args=(far_end,), name="turbodmt-worker")
        process.start()
        # Only the worker holds the other end: when it is lost, the pipe ends.
        far_end.close()
        worker = _Worker(process, pipe, number)
        self.busy.append(worker)
        with suppress(ConnectionError):
            pipe.send_bytes(self.common)
        _send(worker, tasks)

    def _dismiss(self, worker: _Worker) -> None:
        self.busy.remove(worker)
        worker.pipe.close()
        worker.process.join(END_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _send(worker: _Worker, tasks: Sequence[Any]) -> None:
    """Send the worker its task; if it is lost by now, the end of its pipe says so."""
    with suppress(ConnectionError):
        worker.pipe.send(tasks[worker.number])


def _lost(worker: _Worker, times: int) -> str:
    return (
        f"a task was lost {times} times, the last time as its process ended with {worker.process.exitcode}; if that "
        "is -9 the memory may not suffice for so many at a time: use fewer workers"
    )


def _serve(pipe: Connection) -> None:
    """Answer the tasks that come through the pipe, until it ends."""
    # Ctrl-C reaches every process of a terminal; it is the first that ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ONE_THREAD)
    with suppress(EOFError, ConnectionError):
        function, shared = pickle.loads(pipe.recv_bytes())  # noqa: S301
        while True:
            task = pipe.recv()
            try:
                result = function(shared, task)
            except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
                result = _Raised(error=_sendable(error))
            pipe.send(result)


def _sendable(error: Exception) -> Exception:
    """Return the error, or one of the same words where it does not survive the way to another process."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:  # noqa: BLE001 - an error's own constructor may raise anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
