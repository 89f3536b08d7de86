"""Processes that are kept running: what they start ends with them, whoever of them has ended before."""

import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flows.server import supervisor
from flows.server.supervisor import ManagedProcess, Program
from testing.servers.prefect_server import until
from testing.servers.up_server import alive

#: Starts a child that ignores SIGTERM, writes its number, and ends.
PARENT = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(120)"]).pid, flush=True)
"""


def test_what_a_process_left_running_ends_when_its_successor_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "parent.log"
    process = ManagedProcess(
        Program(name="parent", command=(sys.executable, "-S", "-c", PARENT), environment={}, log=log)
    )
    try:
        until(lambda: process.ended == 0 or None, "the end of the first parent", 20)
        left = psutil.Process(int(log.read_text()))
        # From here on a log of any size is set aside before a start.
        monkeypatch.setattr(supervisor, "MOST_LOG_BYTES", 0)
        process.again()
        until(lambda: process.ended == 0 or None, "the end of the second parent", 20)
        assert alive(left)
        assert (tmp_path / "parent.log.1").read_text() == f"{left.pid}\n"
    finally:
        process.stop()
        with suppress(ValueError, psutil.NoSuchProcess):
            psutil.Process(int(log.read_text())).kill()
    until(lambda: not alive(left) or None, "the end of what the first one left", 20)
