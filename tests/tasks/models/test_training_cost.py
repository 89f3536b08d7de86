"""A training says what it will cost before it begins, from earlier ones of its kind in the home."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from examples import ridge
from storage.database import connect
from storage.models import durations
from strategy.work_progress import Said, TrainingAhead, WorkStep, listening
from tasks.backtest.run import Window, backtest
from tasks.models.training_cost import foretell, took
from tasks.models.training_plan import trainer_for
from tasks.run.job import Job
from testing.runs.jobs import RECIPE, a_job, policy
from testing.runs.sown_bars import SOWN, SownBars

END = date(2000, 2, 29)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    recipe = replace(RECIPE, validation_share=0.4)
    return replace(a_job(tmp_path, tuple(SOWN), END), policy=policy(ridge.strategy, recipe))


def test_the_median_of_the_newest_trainings_of_a_kind_is_foretold(job: Job) -> None:
    trainer = trainer_for(job)
    said: list[Said] = []
    with listening(said.append):
        foretell(job, trainer, 3)
        for day, seconds in enumerate((900.0, 4.0, 6.0, 5.0, 8.0, 9.0), start=1):
            took(job, trainer, date(2000, 1, day), seconds)
        foretell(job, trainer, 3)
        foretell(replace(job, symbols=("S00",)), trainer)
        foretell(job, trainer_for(replace(job, policy=policy(ridge.strategy, replace(RECIPE, seed=9)))))
    assert said == [
        TrainingAhead(trainings=3, seconds=None),
        TrainingAhead(trainings=3, seconds=18.0),
        TrainingAhead(trainings=1, seconds=None),
        TrainingAhead(trainings=1, seconds=None),
    ]


def test_a_backtest_foretells_the_folds_that_it_lacks_and_measures_them(job: Job) -> None:
    said: list[Said] = []
    window = Window(strategies=(ridge.strategy,), start=date(2000, 1, 3))
    with listening(lambda step: None if isinstance(step, WorkStep) else said.append(step)):
        backtest(job, window, lambda: SownBars(bars=SOWN), lambda text: None)
        assert said == [TrainingAhead(trainings=1, seconds=None)]
        backtest(job, window, lambda: SownBars(bars=SOWN), lambda text: None)
        assert len(said) == 1
        backtest(job, replace(window, start=date(1999, 1, 4)), lambda: SownBars(bars=SOWN), lambda text: None)
    assert isinstance(said[-1], TrainingAhead)
    assert said[-1].trainings == 1
    assert (said[-1].seconds or 0.0) > 0.0
    with connect(job.home) as store:
        assert durations.usual_s(store, "another kind") is None
