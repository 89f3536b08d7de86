"""A training says what it will take, from its own first steps, and then how far it is."""

from flows.training_told import Teller
from strategy.training_progress import TrainingStep, listening, taken


def test_the_expected_time_is_measured_and_lines_come_now_and_then() -> None:
    said: list[str] = []
    clock = iter(range(0, 1_000, 2))
    with listening(Teller(said.append, lambda: float(next(clock)))):
        for step in range(1, 13):
            taken(TrainingStep(step=step, most=40))
    taken(TrainingStep(step=13, most=40))
    # A step takes two seconds here, and a line comes every ten.
    assert said == [
        "Training: 40 steps at most, 0.5 steps/s here, 68 s left at most\n",
        "Training: step 7 of 40 at most, 0.5 steps/s, 66 s left at most\n",
        "Training: step 12 of 40 at most, 0.5 steps/s, 56 s left at most\n",
    ]


def test_the_next_training_is_measured_anew() -> None:
    said: list[str] = []
    clock = iter(range(100))
    teller = Teller(said.append, lambda: float(next(clock)))
    for step in [*range(1, 7), *range(1, 7)]:
        teller(TrainingStep(step=step, most=6))
    assert said == ["Training: 6 steps at most, 1.0 steps/s here, 0 s left at most\n"] * 2
