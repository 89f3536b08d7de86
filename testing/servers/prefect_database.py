"""Prefect's database as its server makes it, made once for a version of Prefect: that takes 5 s of processor time."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch

from testing.servers.prefect_server import ROOT, clean_environment

_MAKE = "import asyncio, prefect.server.database as it; asyncio.run(it.provide_database_interface().create_db())"


def put_database(folder: Path, name: str = "prefect.db") -> None:
    """Put an empty database into the folder, which is made if need be, unless it has one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / name).exists():
        shutil.copyfile(_made(), folder / name)
        (folder / name).chmod(0o600)


@contextmanager
def prefect_harness() -> Iterator[None]:
    """Prefect's own harness for tests, on such a database."""
    from prefect.testing import utilities

    def with_database() -> str:
        folder = mkdtemp()
        put_database(Path(folder), "prefect-test.db")
        return folder

    with patch.object(utilities, "mkdtemp", with_database), utilities.prefect_test_harness(server_startup_timeout=60):
        yield


def _made() -> Path:
    """Return the path of the database in build/, after making it if it is not there."""
    folder = ROOT / "build" / "prefect" / version("prefect")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        # All processes of the tests want it at once.
        flock(lock, LOCK_EX)
        made = folder / "made"
        if not made.exists():
            shutil.rmtree(folder / "home", ignore_errors=True)
            environment = {**clean_environment(), "PREFECT_HOME": str(folder / "home")}
            command = [sys.executable, "-W", "ignore", "-c", _MAKE]
            subprocess.run(command, cwd=folder, env=environment, check=True, timeout=250)
            (folder / "home" / "prefect.db").rename(made)
    return made
