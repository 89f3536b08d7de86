"""Workers of a Dask cluster."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

from strategy.exit_codes import Exit, UsageError
from tasks.parallel.runner import Result, Shared, Task, WorkerLost
from tasks.run.code_version import code_version

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds within which a scheduler and its first worker must answer.
ANSWER_S = 10


class ClusterUnreachable(Exception):
    """No Dask scheduler, or none of its workers, answers (exit 4)."""

    exit_code = Exit.UNREACHABLE


class OtherCode(RuntimeError):
    """A worker runs another version of the code, whose results may differ (exit 2)."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskCluster:
    """The workers of the scheduler at this address, each with the code of this process."""

    address: str

    def __post_init__(self) -> None:
        """Raise UsageError without the extra that it needs."""
        if find_spec("distributed") is None:
            raise UsageError('--dask needs Dask; run: pip install -e ".[scale]"')

    def map(
        self, function: Callable[[Shared, Task], Result], tasks: Sequence[Task], shared: Shared
    ) -> Generator[Result, None, None]:
        """Yield the results as `Runner.map` does; what is shared reaches each worker once, by its hash.

        The tasks of a lost worker run again on the others. Raises ClusterUnreachable, OtherCode.
        """
        from distributed.scheduler import KilledWorker

        with _client(self.address) as client:
            # As a task of its own it is sent once, and made again where the worker that holds it is lost; what is
            # scattered is not, and waits for every worker that hangs.
            common = _sent(client, shared)
            version = code_version()
            futures = [client.submit(_of_this_code, version, function, common, task, pure=False) for task in tasks]
            try:
                for future in futures:
                    yield future.result()
            except KilledWorker as error:
                raise WorkerLost(f"a task was lost with each Dask worker that it was given to: {error}") from error
            finally:
                client.cancel(futures)


def _client(address: str) -> "Client":
    """Return a client of a scheduler that has a worker. Raises ClusterUnreachable."""
    from distributed import Client

    client = None
    try:
        client = Client(address, timeout=ANSWER_S)
        client.wait_for_workers(1, timeout=ANSWER_S)
    except (OSError, ValueError, TimeoutError) as error:
        if client is not None:
            client.close()
        raise ClusterUnreachable(
            f"no Dask worker answers at {address} within {ANSWER_S} s; start `dask scheduler` and `dask worker` there"
        ) from error
    return client


def _sent(client: "Client", shared: Shared) -> "Future":
    with catch_warnings():
        simplefilter("ignore", UserWarning)  # It warns of what is large, and the bars are.
        return client.submit(_itself, shared)


def _itself(shared: Shared) -> Shared:
    return shared


def _of_this_code(version: str, function: Callable[[Shared, Task], Result], shared: Shared, task: Task) -> Result:
    if _version() != version:
        raise OtherCode(f"a Dask worker has version {_version()} and this is {version}; install the same there")
    return function(shared, task)


#: The version of what this process has imported, whatever lies in the files since.
_version = cache(code_version)
