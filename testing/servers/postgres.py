"""A PostgreSQL server on loopback with an empty database, in a folder of its own, and nothing left of it at the end."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testing.servers.prefect_server import free_port

#: PostgreSQL refuses to run as root; then it runs as this user.
_USER = "nobody"
_START_S = 60


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None if none are installed."""
    found = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)
    return None if found is None else Path(found).resolve().parent


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yield the address of an empty database, as PREFECT_API_DATABASE_CONNECTION_URL takes it.

    The folder must be one that other users may reach, as those below /tmp are.
    """
    found = programs()
    assert found is not None, "PostgreSQL is not installed"
    user = pwd.getpwnam(_USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    data, port = folder / "postgres", free_port()
    data.mkdir(mode=0o700, parents=True)
    os.chown(data, user.pw_uid, user.pw_gid)

    def call(name: str, *arguments: str) -> None:
        subprocess.run(
            [found / name, "-D", data, *arguments],
            cwd=data,
            user=user.pw_uid if os.geteuid() == 0 else None,
            group=user.pw_gid if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=2 * _START_S,
        )

    call("initdb", "--auth=trust", "--username=prefect", "--no-sync", "--encoding=UTF8", "--locale=C")
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
    call("pg_ctl", "--wait", f"--timeout={_START_S}", f"--options={options}", f"--log={data / 'log'}", "start")
    try:
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "--wait", "--mode=immediate", "stop")
