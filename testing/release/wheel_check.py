"""Check a wheel in an environment of its own, outside the clone: a day, `up`, the Python package, the notebooks.

Run by `make release`: python -m testing.release.wheel_check dist/turbodmt-….whl requirements.lock notebooks dist
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from testing.release.sbom import write_sbom

#: The last lines that `up` says once all runs.
RUNS = "Ctrl-C"
UP_TIMEOUT_S = 240
SCRIPT = """
import turbodmt as td

tested = td.backtest("sample", "rules", start="2017-01-03", end="2018-12-31")
assert tested.stats["sharpe"] is not None
print(tested)
"""


def main(wheel: Path, lock: Path, notebooks: Path, folder: Path) -> None:
    """Install the wheel with the locked packages into a fresh environment and use it as a user does."""
    with TemporaryDirectory(prefix="turbodmt-release-") as place:
        root = Path(place)
        environment = root / "environment"
        _tell("Installing the wheel into a fresh environment; this takes minutes.")
        _run([sys.executable, "-m", "venv", str(environment)], root)
        python = environment / "bin" / "python"
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*install, "--no-deps", "--require-hashes", "--requirement", str(lock)], root)
        _run([*install, "--requirement", str(lock.with_name("requirements-torch.lock"))], root)
        _run([*install, "--no-deps", str(wheel)], root)
        _run([str(python), "-m", "pip", "check"], root)
        _use(environment / "bin", root)
        _notebooks(python, notebooks, root)
        write_sbom(python, folder / f"{wheel.stem}.cdx.json")
    _tell(f"The wheel works on its own; {folder / wheel.stem}.cdx.json lists its parts.")


def _use(bin_folder: Path, root: Path) -> None:
    turbodmt, home = str(bin_folder / "turbodmt"), root / "home"
    _run([turbodmt, "daily", "--account", "demo", "--as-of", "2018-12-31", "--home", str(home)], root)
    script = root / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    # What lies beside a user's script must not shadow our packages.
    for name in ("strategy.py", "tasks.py"):
        (root / name).write_text("raise ImportError('a file of the user')\n", encoding="utf-8")
    _run([str(bin_folder / "python"), str(script)], root)
    _up(turbodmt, home, root)


def _up(turbodmt: str, home: Path, root: Path) -> None:
    """Start `up`, wait until it says that all runs, and stop it as a user does."""
    command = [turbodmt, "up", "--port", "4291", "--home", str(home)]
    _tell(" ".join(command[1:3]))
    process = subprocess.Popen(
        command, cwd=root, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None, "it was given a pipe"
    said, began = [], monotonic()
    for line in process.stdout:
        said.append(line)
        if RUNS in line:
            process.send_signal(signal.SIGINT)
        if monotonic() - began > UP_TIMEOUT_S:
            process.kill()
    if process.wait() != 130 or not any(RUNS in line for line in said):
        raise SystemExit(f"`turbodmt up` ended with {process.returncode} and said: {''.join(said)}")


def _notebooks(python: Path, notebooks: Path, root: Path) -> None:
    for notebook in sorted(notebooks.glob("*.ipynb")):
        copy = root / "notebooks" / notebook.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(notebook, copy)
        execute = (
            "import nbformat, sys; from nbclient import NotebookClient; "
            "NotebookClient(nbformat.read(sys.argv[1], 4), timeout=600).execute()"
        )
        _run([str(python), "-c", execute, str(copy)], copy.parent)


def _run(command: list[str], root: Path) -> None:
    _tell(" ".join(Path(word).name if word.startswith("/") else word for word in command)[:100])
    done = subprocess.run(command, cwd=root, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )


def _environment() -> Mapping[str, str]:
    """Return the environment without what would lead back to the clone."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def _tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:5]))
