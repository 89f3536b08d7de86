"""What the worker of `turbodmt up` keeps of each run: `.venv/bin/python benchmarks/worker_memory.py [--runs 60]`.

Prefect's worker runs in a process of its own under a server on loopback, and is given runs whose process ends at once,
so that what grows is the worker's alone. Prints its resident memory, what malloc has handed out and what it holds free
(`mallinfo2`), and the objects that Python's collector knows; at the end malloc gives back what is free. Linux with
glibc only.
"""

import argparse
import asyncio
import ctypes
import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from testing.servers.prefect_server import prefect_server

MB = 1e6
POOL = "memory"
PAUSE_S = 0.25
#: Between two lines.
STEP = 10
_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
_LIBC = ctypes.CDLL(None)


class MallocInfo(ctypes.Structure):
    """The struct of `mallinfo2`."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS.split()]


_LIBC.mallinfo2.restype = MallocInfo


def told(when: str) -> None:
    """Print a line of figures."""
    gc.collect()
    heap = _LIBC.mallinfo2()
    resident = psutil.Process().memory_info().rss
    cells = "".join(f"{value / MB:12.1f}" for value in (resident, heap.uordblks, heap.fordblks))
    print(f"{when:>8}{cells}{len(gc.get_objects()):12,}", flush=True)


def _tasks(worker: Any) -> int:
    """What the worker is busy with, its runs among it."""
    group = worker._runs_task_group
    return 0 if group is None else len(group._tasks) + len(worker._submitting_flow_run_ids)


async def work(runs: int) -> None:
    """Give a worker the runs, one after the other."""
    from prefect.client.orchestration import get_client
    from prefect.workers.process import ProcessWorker

    print("    runs    resident      in use        free     objects  (MB)")
    async with get_client() as client:
        flow = await client.create_flow_from_name("ends-at-once")
        worker = ProcessWorker(work_pool_name=POOL, create_pool_if_not_found=True)
        working = asyncio.create_task(worker.start())
        while not _tasks(worker):
            await asyncio.sleep(PAUSE_S)
        idle = _tasks(worker)
        commands: dict[str, Any] = {"command": "true"}
        made = await client.create_deployment(
            flow_id=flow, name="memory", work_pool_name=POOL, job_variables=commands, path="/", entrypoint="no.py:flow"
        )
        for number in range(1, runs + 1):
            await client.create_flow_run_from_deployment(made)
            taken = False
            while not taken or _tasks(worker) > idle:
                await asyncio.sleep(PAUSE_S)
                taken = taken or _tasks(worker) > idle
            if number % STEP == 0:
                told(f"{number}")
        _LIBC.malloc_trim(0)
        told("trimmed")
        working.cancel()
    # The worker would wait for its server.
    os._exit(0)


def main() -> None:
    """Start the server, and the worker's process under it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        asyncio.run(work(given.runs))
        return
    with tempfile.TemporaryDirectory() as folder, prefect_server(Path(folder)) as server:
        environment = {**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_LOGGING_LEVEL": "ERROR"}
        command = [sys.executable, __file__, "--inside", "--runs", str(given.runs)]
        subprocess.run(command, env=environment, cwd=folder, check=True)


if __name__ == "__main__":
    main()
