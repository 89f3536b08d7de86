"""A training in a Prefect run: an artifact with its percentage, lines in the log, no harm from a failing server."""

import logging

import pytest

from flows.runs.tracked_work import TrackedWork
from strategy.work_progress import TrainingStep, WorkName, WorkStep, also_listening, listening, one_of, told


def test_the_artifact_follows_the_training_and_ends_whole(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[tuple[float, str]] = []
    created: list[str] = []
    clock = iter(range(1_000))

    def create() -> "object":
        created.append("artifact")
        return lambda percentage, words: shown.append((percentage, words))

    tracked = TrackedWork(create, lambda: float(next(clock)))  # type: ignore[arg-type]
    heard: list[object] = []
    with caplog.at_level(logging.INFO, "flows.work"), listening(heard.append), also_listening(tracked):
        for training in (1, 2):
            with one_of(training, 2):
                for step in range(1, 13):
                    told(TrainingStep(step=step, most=20))
    tracked.ended()
    assert (len(heard), created) == (24, ["artifact"])
    percentages = [percentage for percentage, _ in shown]
    assert percentages == sorted(percentages)
    assert (percentages[-1], shown[-1][1]) == (100.0, "Done.")
    assert 50.0 < percentages[-2] < 100.0
    assert "Training 2 of 2: step" in shown[-2][1]
    assert 1 <= len(caplog.records) <= 3


def test_long_counted_work_is_tracked_and_short_work_is_not() -> None:
    shown: list[tuple[float, str]] = []
    now_s = 0.0
    tracked = TrackedWork(lambda: lambda percentage, words: shown.append((percentage, words)), lambda: now_s)
    replay = WorkName(name="Replay", unit="days")
    for step_s in (0.1, 1.0):
        for done in range(5):
            tracked(WorkStep(work=replay, done=done, total=4))
            now_s += step_s
    assert shown == [
        (50.0, "Replay: 2 of 4 days, 1.0 days/s, about 2 s left"),
        (100.0, "Replay: 4 of 4 days, 1.0 days/s, about 0 s left"),
    ]


def test_a_server_that_fails_leaves_the_training_alone() -> None:
    calls: list[int] = []
    clock = iter(range(0, 1_000, 5))

    def create() -> "object":
        calls.append(1)
        raise RuntimeError("no server")

    tracked = TrackedWork(create, lambda: float(next(clock)))  # type: ignore[arg-type]
    for step in range(1, 9):
        tracked(TrainingStep(step=step, most=20))
    tracked.ended()
    assert calls == [1]
