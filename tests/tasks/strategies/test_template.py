"""The files that `turbodmt strategies new` writes: their test imports and passes, whatever the name."""

import subprocess
import sys
from pathlib import Path

import pytest

from strategy.exit_codes import UsageError
from tasks.strategies.catalogue import of_file
from tasks.strategies.template import write_template


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("2x", "strategy_2x.py"),
        ("my-trend", "my_trend.py"),
        ("class", "strategy_class.py"),
        ("signal", "strategy_signal.py"),
        ("numpy", "strategy_numpy.py"),
    ],
)
def test_its_test_runs_whatever_the_name(tmp_path: Path, name: str, file: str) -> None:
    written = write_template(name, tmp_path).files
    assert written == (str(tmp_path / file), str(tmp_path / f"test_{file}"))
    assert of_file(written[0], {}).name == name
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", written[1]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_name_that_is_not_allowed_says_which_would_be(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"NAME is 'My_trend'; it must be up to 64 .* a dash not first; my-trend would do"
    ):
        write_template("My_trend", tmp_path)
    write_template("trend", tmp_path)
    with pytest.raises(UsageError, match="exists already; choose another name or folder"):
        write_template("trend", tmp_path)
