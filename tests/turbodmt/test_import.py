"""`import turbodmt`: quick, whole, and from where it is installed, whatever lies beside the script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import turbodmt
from turbodmt.own_packages import PACKAGES

ROOT = Path(turbodmt.__file__).parents[1]
#: Bars of a hundred weekdays, as a script would make them.
SCRIPT = """
import numpy as np
import pandas as pd
import turbodmt as td

close = 100 * 1.001 ** np.arange(300)
frame = pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=300), "open": close, "high": close * 1.01,
                      "low": close * 0.99, "close": close})
strategy = td.Strategy(name="long", signal=lambda bars: bars.close * 0 + 1, history_bars=1, sizing="direct")
print(len(td.backtest(frame, strategy, symbols="ACME").equity))
"""


def run_script(script: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in its folder; what it leaves among the temporary files is a failure."""
    temporary = script.parent / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=script.parent,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert list(temporary.glob("turbodmt-*")) == []
    assert not Path(os.environ["TURBODMT_HOME"]).exists()
    return done


def test_it_loads_nothing_heavy_before_it_is_needed() -> None:
    code = (
        "import sys; import turbodmt as td; td.Strategy; td.SizingParams; td.detect_market_regime; "
        "print([name for name in ('prefect', 'torch', 'duckdb', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"


def test_every_public_name_is_there_and_no_other() -> None:
    for name in turbodmt.__all__:
        assert getattr(turbodmt, name) is getattr(turbodmt, name)
    assert sorted(turbodmt.__all__) == sorted(turbodmt._MODULES)
    assert set(turbodmt.__all__) <= set(dir(turbodmt))
    with pytest.raises(AttributeError, match="module 'turbodmt' has no attribute 'backtests_'"):
        _ = turbodmt.backtests_


def test_it_is_typed() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in ("turbodmt", *PACKAGES))


def test_files_beside_a_script_do_not_stand_for_our_packages(tmp_path: Path) -> None:
    for name in PACKAGES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file was imported')\n")
    (tmp_path / "study.py").write_text(SCRIPT)
    done = run_script(tmp_path / "study.py")
    assert (done.returncode, done.stdout) == (0, "300\n"), done.stderr
    for name in PACKAGES:
        assert f"{tmp_path / name}.py has the name of a package of TurboDMT" in done.stderr


def test_a_script_may_have_the_name_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "strategy.py").write_text(SCRIPT)
    done = run_script(tmp_path / "strategy.py")
    assert (done.returncode, done.stdout) == (0, "300\n"), done.stderr


def test_nothing_is_said_where_no_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(SCRIPT)
    # A folder without an __init__.py hides no package.
    (tmp_path / "tasks").mkdir()
    done = run_script(tmp_path / "study.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "300\n", "")


def test_a_module_of_the_users_that_is_in_use_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("TODO = ['buy']\n")
    (tmp_path / "study.py").write_text("import tasks\nimport turbodmt\n")
    done = run_script(tmp_path / "study.py")
    assert done.returncode == 1
    last = done.stderr.rstrip().splitlines()[-1]
    assert last == (
        f"ImportError: {tmp_path / 'tasks.py'} was imported as `tasks`, the name of a package of TurboDMT; "
        "rename that file"
    )
