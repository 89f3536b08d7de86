"""Another time of day for whole processes, which a small preloaded library tells them instead of the machine's.

libfaketime 0.9.10 would not do: where it leaves the monotonic clock alone `time.sleep` fails, and where it shifts that
too a clock that is moved on ends every wait.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedClock:
    """A clock that goes as fast as the machine's, so far ahead or behind as the file says."""

    library: Path
    file: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what makes a process and all that it starts go by this clock."""
        return {"LD_PRELOAD": str(self.library), "SHIFTED_CLOCK": str(self.file)}

    def set(self, instant: datetime) -> None:
        """Set the clock to that instant, for running processes too."""
        ahead_ns = (instant - datetime.now(tz=UTC)) // timedelta(microseconds=1) * 1_000
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", ahead_ns))


def shifted_clock(folder: Path) -> ShiftedClock:
    """One that tells the right time; where it cannot be built the test is skipped, or fails if REQUIRE_CLOCK=1."""
    compiler = shutil.which("cc")
    if compiler is None:
        if os.environ.get("REQUIRE_CLOCK") == "1":
            pytest.fail("REQUIRE_CLOCK=1, but there is no C compiler on PATH to build the clock; install gcc")
        pytest.skip("there is no C compiler on PATH to build the shifted clock")
    clock = ShiftedClock(library=folder / "shifted_clock.so", file=folder / "clock")
    clock.file.write_bytes(struct.pack("=q", 0))
    source = Path(__file__).with_name("shifted_clock.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", clock.library, source], check=True, timeout=60)
    return clock
