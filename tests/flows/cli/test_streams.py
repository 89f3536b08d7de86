"""What the caller did with stdin, stdout and stderr is no business of a command's, and costs no data."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from flows.cli.streams import fitted
from tests.flows.cli.test_text_table import Terminal

TURBODMT = Path(sys.executable).with_name("turbodmt")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_bug_and_no_file_takes_its_place(home: Path, closed: str) -> None:
    script = f"{TURBODMT} bars {closed} && {TURBODMT} status --account UNKNOWN {closed}; echo $? >{home}.code"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("\n") <= 1
    assert (home / "turbodmt.duckdb").read_bytes()[8:12] == b"DUCK"


def test_a_terminal_shows_prose_wrapped_and_a_pipe_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    prose = f"{'word ' * 20}`turbodmt resume --account daily --reason TEXT` lets it trade again."
    row = f"A  {'word ' * 20}"
    assert fitted(f"{prose}\n{row}", StringIO()) == f"{prose}\n{row}"
    *wrapped, last = fitted(f"{prose}\n{row}", Terminal()).split("\n")
    assert last == row
    assert " ".join(wrapped) == prose
    assert max(map(len, wrapped)) <= 80
    assert any("`turbodmt resume --account daily --reason TEXT`" in line for line in wrapped)
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, fitted(prose, Terminal()).split("\n"))) <= 60
