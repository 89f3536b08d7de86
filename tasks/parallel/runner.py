"""Runner: where independent pieces of heavy work are carried out; wherever that is, the results are the same bytes."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from strategy.exit_codes import Exit

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")

#: How often a task is begun again whose worker was lost.
RETRIES = 2


class WorkerLost(RuntimeError):
    """The workers that a task was given to ended one after another, without an answer (exit 4)."""

    exit_code = Exit.UNREACHABLE


class Runner(Protocol):
    """A place where pieces of work are carried out.

    The function stands in a module and is pure: each result depends on `shared` and its task alone, so that a lost
    worker loses nothing. Shared is what is large, and is sent to each worker once; tasks are small.
    """

    def map(
        self, function: Callable[[Shared, Task], Result], tasks: Sequence[Task], shared: Shared
    ) -> Generator[Result, None, None]:
        """Yield the results in the order of the tasks, each as soon as it and all before it are known.

        What is still running ends when the generator is closed: close it, so that no worker outlives an error. Raises
        what the function raises, and WorkerLost.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This process, with so many threads: more than one is faster only where the work is compiled."""

    threads: int = 1

    def map(
        self, function: Callable[[Shared, Task], Result], tasks: Sequence[Task], shared: Shared
    ) -> Generator[Result, None, None]:
        """Yield the results as `Runner.map` does.

        >>> list(Here().map(pow, [1, 2, 3], 2))
        [2, 4, 8]
        """
        if self.threads == 1:
            yield from (function(shared, task) for task in tasks)
            return
        with ThreadPoolExecutor(max_workers=self.threads) as pool:
            futures = [pool.submit(function, shared, task) for task in tasks]
            try:
                for future in futures:
                    yield future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
