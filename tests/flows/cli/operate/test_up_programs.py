"""The programs of `turbodmt up`: where they take their modules from."""

import subprocess
from pathlib import Path

from flows.cli.operate.up_programs import worker
from testing.servers.prefect_server import clean_environment


def test_the_worker_and_its_runs_take_no_module_from_the_working_directory(tmp_path: Path) -> None:
    for name in ("strategy", "tasks", "flows", "prefect"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')", encoding="utf-8")
    program = worker(tmp_path / "home", {**clean_environment(), "PREFECT_HOME": str(tmp_path / "home")})
    asked = subprocess.run(
        [*program.command, "--help"],
        cwd=tmp_path,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    # A run is started by the worker in this way, and not with its options.
    started = [program.command[0], "-c", "import prefect, strategy, tasks, flows; print(strategy.__file__)"]
    run = subprocess.run(
        started, cwd=tmp_path, env=program.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, str(tmp_path) in run.stdout) == (0, False), run.stderr
