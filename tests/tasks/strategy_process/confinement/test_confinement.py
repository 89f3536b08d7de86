"""Compiled code opens no file either: the kernel refuses it, or the file's words for such readers are refused."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from strategy.signals.evaluation import evaluate
from strategy.signals.faults import Check, StrategyRefused
from tasks.strategy_process.child_process import end_children
from tasks.strategy_process.confinement.landlock import version
from tasks.strategy_process.confinement.native_readers import refuse_native_readers
from tasks.strategy_process.opening import open_strategy
from tasks.strategy_process.outside_world import Guard
from testing.markets.panels import market, walk

BARS = market(walk("A", 1, 80))
confined = pytest.mark.skipif(not version(), reason="this kernel has no Landlock")
ROOT = str(Path(__file__).resolve().parents[4])
CSV, PARQUET = "eps.csv", "eps.parquet"
READERS = [
    ("pyarrow.csv", f"pyarrow.csv.open_csv(FOLDER + '/{CSV}')"),
    ("pyarrow.fs", f"pyarrow.fs.LocalFileSystem().open_input_stream(FOLDER + '/{CSV}')"),
    ("pyarrow", f"pyarrow.memory_map(FOLDER + '/{CSV}')"),
    ("pyarrow", f"pyarrow.OSFile(FOLDER + '/{CSV}')"),
    ("pyarrow.parquet", f"pyarrow.parquet.read_table(FOLDER + '/{PARQUET}')"),
    ("pandas", f"pandas.read_parquet(FOLDER + '/{PARQUET}')"),
]


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    end_children()


def file(module: str, *lines: str) -> bytes:
    """A file that imports the module on line 1, and whose signal runs these lines from 4 on."""
    body = "\n".join(f"    {line}" for line in (*lines, "return bars.close * 0"))
    return (
        f"import {module}\nfrom turbodmt import Strategy\ndef signal(bars):\n{body}\n"
        "strategy = Strategy(name='mine', signal=signal, history_bars=1)\n"
    ).encode()


@confined
@pytest.mark.parametrize(("module", "line"), READERS)
def test_a_reader_in_compiled_code_is_refused_with_its_line(module: str, line: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"eps": [1.0, 2.0]})
    table.to_csv(tmp_path / CSV)
    table.to_parquet(tmp_path / PARQUET)
    reads = line.replace("FOLDER", repr(str(tmp_path)))
    fault = evaluate(open_strategy(file(module, "", "", reads), "mine.py"), BARS).faults["A"]
    assert fault.check is Check.OUTSIDE_WORLD, fault
    assert fault.message.startswith("mine.py, line 6: "), fault


@confined
def test_a_reader_in_compiled_code_is_refused_while_the_file_is_loaded(tmp_path: Path) -> None:
    pd.DataFrame({"eps": [1.0, 2.0]}).to_parquet(tmp_path / PARQUET)
    source = file("pandas").replace(b"def signal", f"pandas.read_parquet('{tmp_path}/{PARQUET}')\ndef signal".encode())
    with pytest.raises(StrategyRefused, match=r"refused \(outside_world\): mine.py, line 3: "):
        open_strategy(source, "mine.py")


@confined
def test_a_link_of_the_kernel_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / CSV).write_text("1\n")
    source = file("os", f"open('/proc/self/root{tmp_path}/{CSV}').read()")
    fault = evaluate(open_strategy(source, "mine.py"), BARS).faults["A"]
    assert fault.check is Check.OUTSIDE_WORLD, fault


COMPILED = """
from tasks.strategy_process.confinement.readable import confine_to_packages
from tasks.strategy_process.outside_world import Guard

guard = Guard("mine.py")
confine_to_packages(guard.packages, guard.editable)

import numba, numpy, pandas, pyarrow.compute, scipy.optimize

assert numba.njit(lambda values: values.sum())(numpy.ones(3)) == 3
assert abs(scipy.optimize.minimize(lambda x: (x - 1) ** 2, 0.0).x[0] - 1) < 1e-3
assert pandas.Series([1.0, 2.0], dtype="float64[pyarrow]").mean() == 1.5
assert pandas.Timestamp("2020-01-01", tz="Europe/Berlin").utcoffset().seconds == 3600
"""


def test_compiled_packages_work_confined() -> None:
    """Numba compiles with LLVM, SciPy, pandas and PyArrow load their libraries when they are first used."""
    subprocess.run([sys.executable, "-c", COMPILED], check=True, env={**os.environ, "PYTHONPATH": ROOT})


@pytest.mark.parametrize(("module", "line"), READERS)
def test_without_the_kernel_the_words_for_such_readers_are_refused(module: str, line: str) -> None:
    with pytest.raises(StrategyRefused, match=r"refused \(outside_world\): mine.py, line \d: opens files with "):
        refuse_native_readers(Guard("mine.py"), ast.parse(file(module, line)))


def test_without_the_kernel_other_words_are_granted() -> None:
    refuse_native_readers(Guard("mine.py"), ast.parse(file("pandas", "pandas.Series(bars.close).rolling(3).mean()")))
    refuse_native_readers(Guard("mine.py"), ast.parse(file("pyarrow", "pyarrow.compute.mean(pyarrow.array([1]))")))


def test_the_process_of_a_killed_run_ends_without_a_word(tmp_path: Path) -> None:
    """It writes progress to a run that is gone, and nobody reads a traceback of it."""
    source = file("time", "time.sleep(0.4)")
    (tmp_path / "run.py").write_text(
        "from tasks.strategy_process.opening import open_strategy\n"
        "from strategy.signals.evaluation import evaluate\n"
        "from testing.markets.panels import market, walk\n"
        f"mine = open_strategy({source!r}, 'mine.py')\n"
        "print('loaded', flush=True)\n"
        "evaluate(mine, market(*(walk(name, 1, 80) for name in 'ABCDEFGH')))\n"
    )
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT},
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline() == b"loaded\n"
        run.send_signal(signal.SIGKILL)
        # Its child holds the stream until it ends.
        assert run.stderr.read() == b""
