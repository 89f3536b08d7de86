"""What the caller did with stdin, stdout and stderr is no business of a command's, and costs no data."""

import subprocess
import sys
from pathlib import Path

import pytest

TURBODMT = Path(sys.executable).with_name("turbodmt")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_bug_and_no_file_takes_its_place(home: Path, closed: str) -> None:
    script = f"{TURBODMT} bars {closed} && {TURBODMT} status --account UNKNOWN {closed}; echo $? >{home}.code"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("\n") <= 1
    assert (home / "turbodmt.duckdb").read_bytes()[8:12] == b"DUCK"
