"""A training in a Prefect run: an artifact with its percentage, lines in the log, no harm from a failing server."""

import logging

import pytest

from flows.runs.tracked_training import TrackedTraining
from strategy.training.training_progress import TrainingStep, also_listening, listening, one_of, taken


def test_the_artifact_follows_the_training_and_ends_whole(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[tuple[float, str]] = []
    created: list[str] = []
    clock = iter(range(1_000))

    def create() -> "object":
        created.append("artifact")
        return lambda percentage, words: shown.append((percentage, words))

    tracked = TrackedTraining(create, lambda: float(next(clock)))  # type: ignore[arg-type]
    heard: list[object] = []
    with caplog.at_level(logging.INFO, "flows.training"), listening(heard.append), also_listening(tracked):
        for training in (1, 2):
            with one_of(training, 2):
                for step in range(1, 13):
                    taken(TrainingStep(step=step, most=20))
    tracked.ended()
    assert (len(heard), created) == (24, ["artifact"])
    percentages = [percentage for percentage, _ in shown]
    assert percentages == sorted(percentages)
    assert (percentages[-1], shown[-1][1]) == (100.0, "Trained.")
    assert 50.0 < percentages[-2] < 100.0
    assert "Training 2 of 2: step" in shown[-2][1]
    assert 1 <= len(caplog.records) <= 3


def test_a_server_that_fails_leaves_the_training_alone() -> None:
    calls: list[int] = []
    clock = iter(range(0, 1_000, 5))

    def create() -> "object":
        calls.append(1)
        raise RuntimeError("no server")

    tracked = TrackedTraining(create, lambda: float(next(clock)))  # type: ignore[arg-type]
    for step in range(1, 9):
        tracked(TrainingStep(step=step, most=20))
    tracked.ended()
    assert calls == [1]
