import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from storage import models as model_store
from storage.database import connect
from storage.models import ModelState
from strategy.signals import Strategy
from tasks.forecast import forecaster
from tasks.ingest import ingest
from tasks.job import Job
from tasks.train import TrainingRefused, fit, retrain, train_now
from tasks.validate import validate
from tests.fakes.bars import MARKET
from tests.fakes.jobs import RECIPE, UNTRAINABLE, a_job, on, policy

FIRST = date(2020, 6, 8)


def due(job: Job, every_bars: int, max_age_bars: int = 1_000) -> Job:
    recipe = replace(RECIPE, retrain_every_bars=every_bars, model_max_age_bars=max_age_bars)
    return replace(job, policy=policy(Strategy.TURBO, recipe))


def untrainable(job: Job, max_age_bars: int) -> Job:
    recipe = replace(UNTRAINABLE, retrain_every_bars=1, model_max_age_bars=max_age_bars)
    return replace(job, policy=policy(Strategy.TURBO, recipe))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A coin with bars up to ten days after FIRST, and a model that saw them up to FIRST."""
    job = due(a_job(tmp_path_factory.mktemp("trained"), ("COIN",), FIRST, Strategy.TURBO), every_bars=5)
    later = on(job, FIRST + timedelta(days=10))
    ingest.fn(later, lambda: MARKET)
    validate.fn(later)
    assert retrain.fn(job).reason == "trained today"
    return job


@pytest.fixture
def job(shared: Job, tmp_path: Path) -> Job:
    shutil.copytree(shared.home, tmp_path / "home")
    return replace(shared, home=tmp_path / "home")


def after(job: Job, bars: int) -> Job:
    return on(job, FIRST + timedelta(days=bars))


def known(job: Job) -> list[tuple[date, ModelState]]:
    with connect(job.home) as store:
        return [(record.trained_to, record.state) for record in model_store.records(store)]


def test_a_model_is_kept_until_it_is_due(job: Job) -> None:
    first = retrain.fn(job)
    assert retrain.fn(after(job, 4)) == replace(first, reason="trained 4 bars ago")
    newer = retrain.fn(after(job, 5))
    assert newer.reason == "trained today"
    assert newer.model_id != first.model_id
    assert known(job) == [(FIRST, ModelState.RETIRED), (FIRST + timedelta(days=5), ModelState.CHAMPION)]


def test_the_same_bars_and_recipe_train_the_same_model(job: Job) -> None:
    first = retrain.fn(job)
    with connect(job.home) as store:
        store.execute("DELETE FROM models")
    for file in (job.home / "models").iterdir():
        file.unlink()
    assert retrain.fn(job).model_id == first.model_id


def test_training_sees_no_bar_after_its_day(job: Job, tmp_path: Path) -> None:
    other = replace(job, home=tmp_path / "other")
    ingest.fn(other, lambda: MARKET)
    validate.fn(other)
    assert fit(other).model_id == retrain.fn(job).model_id


def test_a_model_that_saw_later_bars_does_not_decide_an_earlier_day(job: Job) -> None:
    first = retrain.fn(job)
    retrain.fn(after(job, 5))
    assert retrain.fn(after(job, 3)).model_id == first.model_id


def test_a_failed_training_leaves_the_champion_until_it_is_too_old(job: Job) -> None:
    first = retrain.fn(job)
    kept = retrain.fn(after(untrainable(job, max_age_bars=7), 7))
    assert kept.model_id == first.model_id
    assert kept.reason.startswith("trained 7 bars ago; a newer one failed: 1 symbols with")
    old = retrain.fn(after(untrainable(job, max_age_bars=7), 8))
    assert old.model_id is None
    assert old.reason.startswith("the prior trades: the model is 8 bars old, above 7; ")
    assert known(job) == [(FIRST, ModelState.CHAMPION)]


def test_without_history_the_prior_trades(tmp_path: Path) -> None:
    job = untrainable(a_job(tmp_path, ("COIN",), FIRST), max_age_bars=7)
    ingest.fn(job, lambda: MARKET)
    champion = retrain.fn(job)
    assert (champion.model_id, champion.reason.split(";")[0]) == (
        None,
        "the prior trades: no bars of COIN are published up to 2020-06-08",
    )
    with pytest.raises(TrainingRefused, match="import some first"):
        train_now.fn(job)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"torn"), lambda path: path.unlink()])
def test_a_damaged_model_is_replaced_by_a_new_one(job: Job, damage: Callable[[Path], object]) -> None:
    first = retrain.fn(job)
    damage(job.home / "models" / f"{first.model_id}.safetensors")
    repaired = retrain.fn(after(job, 1))
    assert repaired.reason == "trained today"
    assert forecaster(job.home, repaired.model_id) is not None


def test_a_damaged_model_is_restored_by_the_training_that_made_it(job: Job) -> None:
    first = retrain.fn(job)
    (job.home / "models" / f"{first.model_id}.safetensors").write_bytes(b"torn")
    assert retrain.fn(job).model_id == first.model_id
    assert forecaster(job.home, first.model_id) is not None


def test_other_strategies_ask_for_no_model(job: Job) -> None:
    rules = replace(job, policy=policy(Strategy.RULES))
    assert retrain.fn(rules).reason == "rules needs no model"


def test_the_answer_of_train_names_what_it_came_from(job: Job) -> None:
    answer = json.loads(json.dumps(train_now.fn(after(job, 2))))
    assert answer["symbols"] == ["COIN"]
    assert (answer["trained_from"], answer["trained_to"]) == ("2018-01-01", "2020-06-10")
    assert answer["seed"] == RECIPE.seed
    assert set(answer["validation"]) >= {"network_sharpe", "prior_sharpe"}
    assert len(answer["data_sha256"]) == len(answer["model_id"]) == 64


def test_a_model_of_an_earlier_day_does_not_take_the_champions_place(job: Job) -> None:
    older = fit(on(job, FIRST - timedelta(days=3)))
    with connect(job.home) as store:
        newest = model_store.champion(store, job.source, job.symbols, trained_until=FIRST)
        replayed = model_store.champion(store, job.source, job.symbols, trained_until=older.trained_to)
    assert newest is not None
    assert replayed is not None
    assert (newest.trained_to, newest.state) == (FIRST, ModelState.CHAMPION)
    assert replayed.model_id == older.model_id
