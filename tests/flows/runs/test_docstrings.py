"""Help and forms are there without docstrings too."""

import os
import subprocess
import sys
from pathlib import Path

TURBODMT = Path(sys.executable).with_name("turbodmt")


def test_a_python_without_docstrings_shows_the_same_help() -> None:
    def helped(optimised: str, *command: str) -> str:
        environment = {**os.environ, "PYTHONOPTIMIZE": optimised, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [TURBODMT, *command, "-h"], check=True, capture_output=True, env=environment, timeout=60, text=True
        )
        return done.stdout

    assert helped("2") == helped("")
    assert helped("2", "daily") == helped("", "daily")
    assert "Run one day: ingest" in helped("2", "daily")
    assert "A daily trading system" in helped("2")
