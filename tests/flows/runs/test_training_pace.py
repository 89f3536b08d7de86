"""A training says what it will take, from its own first steps, and how far it is; a walk-forward says it of all."""

import pytest

from flows.runs.durations import Expected
from flows.runs.training_pace import TrainingPace
from flows.runs.work_progress import WorkLines
from strategy.work_progress import TrainingAhead, TrainingStep, listening, one_of, told


def test_the_expected_time_is_measured_and_lines_come_now_and_then() -> None:
    said: list[str] = []
    clock = iter(range(0, 1_000, 2))
    with listening(WorkLines(said.append, lambda: float(next(clock)))):
        for step in range(1, 13):
            told(TrainingStep(step=step, most=40))
    told(TrainingStep(step=13, most=40))
    # A step takes two seconds here, and a line comes every ten.
    assert said == [
        "Training: 40 steps at most, 0.5 steps/s here, about 68 s left at most\n",
        "Training: step 7 of 40 at most, 0.5 steps/s, about 66 s left at most\n",
        "Training: step 12 of 40 at most, 0.5 steps/s, about 56 s left at most\n",
    ]


def test_what_lies_ahead_is_told_before_the_first_step() -> None:
    said: list[str] = []
    with listening(WorkLines(said.append, lambda: 0.0)), one_of(1, 2):
        told(TrainingAhead(trainings=2, seconds=600.0))
        told(TrainingStep(step=1, most=4))
    told(TrainingAhead(trainings=1, seconds=None))
    assert said == ["The 2 trainings will take about 10 min in all, as the last ones like them did here.\n"]


def test_the_next_training_is_measured_anew() -> None:
    said: list[str] = []
    clock = iter(range(100))
    teller = WorkLines(said.append, lambda: float(next(clock)))
    for step in [*range(1, 7), *range(1, 7)]:
        teller(TrainingStep(step=step, most=6))
    assert said == ["Training: 6 steps at most, 1.0 steps/s here, about 0 s left at most\n"] * 2


def test_a_walk_forward_tells_the_time_for_all_its_trainings() -> None:
    said: list[str] = []
    clock = iter(range(0, 10_000, 10))
    with listening(WorkLines(said.append, lambda: float(next(clock)))):
        for training in (1, 2, 3):
            with one_of(training, 3):
                for step in range(1, 8 if training == 1 else 4):
                    told(TrainingStep(step=step, most=100))
    assert said[0] == "Training 1 of 3: step 2 of 100 at most, 0.1 steps/s, about 50 min left at most in all\n"
    assert said[4] == "Training 1 of 3: 100 steps at most, 0.1 steps/s here, about 49 min left at most in all\n"
    # From its first step to the first of the next the first took 70 s, the second 30 s, so one usually takes 50 s.
    assert said[6] == "Training 2 of 3: step 2 of 100 at most, 0.1 steps/s, about 2 min left in all\n"
    assert said[-1] == "Training 3 of 3: step 3 of 100 at most, 0.1 steps/s, about 30 s left in all\n"


def test_a_member_that_stopped_early_does_not_make_the_rest_look_fast() -> None:
    pace = TrainingPace()
    for now_s, step in enumerate([1, 2, 3, 51, 52]):
        pace.heard(TrainingStep(step=step, most=100), float(now_s))
    assert pace.rate == pytest.approx(1.0)
    assert pace.left == "about 48 s left at most"


def test_what_the_first_of_some_units_took_says_what_the_others_take() -> None:
    said: list[str] = []
    clock = iter([0.0, 7.0])
    heard = Expected("account", said.append, lambda: next(clock))
    for done in range(4):
        heard(done, 3)
    heard = Expected("account", said.append, lambda: 0.0)
    heard(0, 1)
    heard(1, 1)
    assert said == ["Account 1 of 3 took 7.0 s, so the others take about 14 s."]
