import os
from pathlib import Path

import numpy as np
import pytest

from tasks.parallel.processes import Processes
from tasks.parallel.runner import Here, Runner, WorkerLost
from testing.runs.shared_work import endless, lost, lost_once, reciprocal, scaled, threads
from testing.servers.prefect_server import until


@pytest.mark.parametrize("runner", [Here(threads=2), Processes(workers=2)])
def test_every_runner_gives_the_same_bytes_in_the_order_of_the_tasks(runner: Runner) -> None:
    expected = [scaled(2.0, number).tobytes() for number in range(5)]
    assert [found.tobytes() for found in runner.map(scaled, range(5), 2.0)] == expected


@pytest.mark.parametrize("runner", [Here(threads=1), Here(threads=2), Processes(workers=2)])
def test_an_error_is_raised_where_its_result_is_asked_for(runner: Runner) -> None:
    found = runner.map(reciprocal, [1, 2, 0, 4], None)
    assert [next(found), next(found)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        next(found)


def test_a_lost_process_costs_its_task_alone(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    assert list(Processes(workers=2).map(lost_once, names, str(tmp_path))) == names
    assert {(tmp_path / name).read_text() for name in names} == {"begun\nbegun\n"}


def test_a_task_that_ends_every_process_is_given_up() -> None:
    with pytest.raises(WorkerLost, match="lost 3 times, the last time as its process ended with -9; if that"):
        list(Processes(workers=1).map(lost, [1], None))


def test_a_worker_computes_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert list(Processes(workers=1).map(threads, [0], None)) == ["1"]


def test_what_still_runs_ends_with_the_generator(tmp_path: Path) -> None:
    found = Processes(workers=2).map(endless, [0, 1, 2], str(tmp_path))
    assert next(found) == 0
    until(lambda: len(list(tmp_path.iterdir())) == 2 or None, "both workers at their tasks", 30)
    found.close()
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError, match="No such process"):
            os.kill(int(path.name), 0)


def test_no_task_needs_no_process() -> None:
    assert np.array(list(Processes(workers=2).map(scaled, [], 1.0))).size == 0
