"""The two programs that `turbodmt up` keeps running: Prefect's server with its page, and a worker."""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from flows.server import password as server_password
from flows.server.supervisor import Program


def server(home: Path, bound: socket.socket, environment: Mapping[str, str]) -> Program:
    """Return the program of Prefect's server on the socket, with the home's reports beside its page."""
    descriptor = bound.fileno()
    return Program(
        name="server",
        command=(sys.executable, "-P", "-m", "flows.server.socket_server", str(descriptor), str(home)),
        environment=environment,
        log=home / "prefect" / "server.log",
        descriptors=(descriptor,),
    )


def worker(home: Path, environment: Mapping[str, str]) -> Program:
    """Return the program of a worker of the pool, for runs in the home."""
    from flows.scheduling.deployments import POOL

    # The worker and its runs are clients: they get the password to send, not the one the server demands.
    asking = {name: value for name, value in environment.items() if name != server_password.DEMANDED}
    # Neither takes a module from the folder in which `up` was started: a user's strategy.py or tasks.py may lie there.
    asking["PYTHONSAFEPATH"] = "1"
    command = (sys.executable, "-P", "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process")
    return Program(name="worker", command=command, environment=asking, log=home / "prefect" / "worker.log")
