import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from storage.bars import universe
from storage.database import connect
from storage.models import champions, promotions
from storage.models import registry as model_store
from storage.models.registry import ModelDamaged, ModelRecord, ModelState
from strategy.account.fees_and_slippage import Costs
from strategy.builtin.registry import RULES, TURBO
from strategy.market.instruments import Membership
from strategy.training.promotion_gate import PRIOR
from tasks.data.ingest import ingest
from tasks.models.challenger import challenge
from tasks.models.load import forecaster
from tasks.models.retrain import retrain, train_now
from tasks.models.training_plan import TrainingRefused
from tasks.run.answers import ModelCode
from tasks.run.job import Job
from tasks.validation.gate import validate
from testing.markets.bars import MARKET, Fault
from testing.runs.jobs import RECIPE, SIZING, UNTRAINABLE, a_job, on, policy, promote, retrain_and_promote

FIRST = date(2020, 6, 8)


def due(job: Job, every_bars: int, **recipe: int) -> Job:
    wanted = replace(RECIPE, retrain_every_bars=every_bars, **recipe)
    return replace(job, policy=policy(TURBO, wanted))


def untrainable(job: Job, max_age_bars: int) -> Job:
    recipe = replace(UNTRAINABLE, retrain_every_bars=1, model_max_age_bars=max_age_bars)
    return replace(job, policy=policy(TURBO, recipe))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A coin with bars up to ten days after FIRST, and a model that saw them up to FIRST and was promoted by hand."""
    job = due(a_job(tmp_path_factory.mktemp("trained"), ("COIN",), FIRST, TURBO), every_bars=5)
    later = on(job, FIRST + timedelta(days=10))
    ingest(later, lambda: MARKET)
    validate(later)
    assert retrain_and_promote(job).model_id is not None
    return job


@pytest.fixture
def job(shared: Job, tmp_path: Path) -> Job:
    shutil.copytree(shared.home, tmp_path / "home")
    return replace(shared, home=tmp_path / "home")


@pytest.fixture
def fresh(tmp_path: Path) -> Job:
    """The same coin in a home that holds no model."""
    job = due(a_job(tmp_path / "fresh", ("COIN",), FIRST, TURBO), every_bars=5)
    later = on(job, FIRST + timedelta(days=10))
    ingest(later, lambda: MARKET)
    validate(later)
    return job


def after(job: Job, bars: int) -> Job:
    return on(job, FIRST + timedelta(days=bars))


def known(job: Job) -> list[tuple[date, ModelState]]:
    with connect(job.home) as store:
        return [(record.trained_to, record.state) for record in model_store.records(store)]


def newest(job: Job) -> ModelRecord:
    with connect(job.home) as store:
        return model_store.records(store)[-1]


def test_a_network_that_does_not_beat_the_prior_is_refused_and_the_prior_trades(fresh: Job) -> None:
    champion = retrain(fresh)
    assert champion.model_id is None
    assert champion.warning == ""
    assert known(fresh) == [(FIRST, ModelState.REFUSED)]
    with connect(fresh.home) as store:
        (stored,) = promotions.verdicts(store, newest(fresh).model_id)
        assert promotions.in_force(store, fresh.panel, FIRST) is None
    assert (
        champion.reason
        == "the prior trades: no model is promoted; a newer one was refused: "
        + stored.verdict.reason.removeprefix("rejected: ")
    )
    assert (stored.verdict.rival, stored.verdict.figures.trials) == (PRIOR, 1)


def test_what_was_refused_is_not_fitted_again_until_it_is_due(fresh: Job) -> None:
    refused = retrain(fresh)
    assert retrain(fresh) == refused
    assert "; a newer one was refused: " in refused.reason
    assert retrain(after(fresh, 4)).reason == refused.reason, "it holds until another one is trained"
    assert known(fresh) == [(FIRST, ModelState.REFUSED)]
    retrain(after(fresh, 5))
    assert [day for day, _ in known(fresh)] == [FIRST, FIRST + timedelta(days=5)]


def test_a_retraining_is_no_other_trial_but_another_configuration_is(fresh: Job) -> None:
    retrain(fresh)
    again = challenge(after(fresh, 5), None, after(fresh, 5).as_of)
    assert again.verdict.figures.trials == 1
    other = replace(after(fresh, 6), policy=replace(fresh.policy, config='{"seed": 8}'))
    assert challenge(other, None, other.as_of).verdict.figures.trials == 2


def test_a_champion_is_kept_until_it_is_due_and_then_trained_on(job: Job) -> None:
    first = retrain(job)
    assert first.reason == "trained and promoted today"
    assert retrain(after(job, 4)) == replace(first, reason="trained 4 bars ago")
    retrain(after(job, 5))
    record = newest(job)
    config = json.loads(record.config)
    assert record.trained_to == FIRST + timedelta(days=5)
    assert (config["started_from"], config["cold_start"]) == (first.model_id, FIRST.isoformat())
    assert config["training"]["steps"] == RECIPE.warm_steps
    with connect(job.home) as store:
        (stored,) = promotions.verdicts(store, record.model_id)
    assert stored.verdict.rival == first.model_id
    assert stored.verdict.figures.margin is not None


def test_without_a_champion_the_next_training_waits_a_quarter(job: Job) -> None:
    promote(job, PRIOR)
    patient = due(job, 2, first_retry_bars=7)
    for bars in (2, 6):
        waiting = retrain(after(patient, bars))
        assert (waiting.model_id, waiting.code) == (None, ModelCode.NONE_PROMOTED)
    assert [day for day, _ in known(job)] == [FIRST]
    retrain(after(patient, 7))
    assert [day for day, _ in known(job)] == [FIRST, FIRST + timedelta(days=7)]


def test_a_model_is_trained_from_nothing_on_schedule(job: Job) -> None:
    cold = due(job, 5, cold_start_every_bars=5)
    retrain(after(cold, 5))
    config = json.loads(newest(job).config)
    assert (config["started_from"], config["cold_start"]) == (None, (FIRST + timedelta(days=5)).isoformat())
    assert config["training"]["steps"] == RECIPE.steps


def test_a_recipe_of_another_shape_is_trained_from_nothing(job: Job) -> None:
    retrain(after(due(job, 5, dimensions=4), 5))
    assert json.loads(newest(job).config)["started_from"] is None


def test_the_same_bars_and_recipe_train_the_same_model(job: Job) -> None:
    first = retrain(job)
    with connect(job.home) as store:
        for table in ("models", "promotions", "verdicts"):
            store.execute(f"DELETE FROM {table}")
    for file in (job.home / "models").iterdir():
        file.unlink()
    assert retrain_and_promote(job).model_id == first.model_id


def test_training_sees_no_bar_after_its_day(job: Job, tmp_path: Path) -> None:
    other = replace(job, home=tmp_path / "other")
    ingest(other, lambda: MARKET)
    validate(other)
    assert challenge(other, None, other.as_of).record.model_id == retrain(job).model_id


def test_a_model_that_saw_later_bars_does_not_decide_an_earlier_day(job: Job) -> None:
    first = retrain(job)
    assert retrain_and_promote(after(job, 5)).model_id != first.model_id
    assert retrain(after(job, 3)).model_id == first.model_id


def test_a_failed_training_leaves_the_champion_until_it_is_too_old(job: Job) -> None:
    first = retrain(job)
    kept = retrain(after(untrainable(job, max_age_bars=7), 7))
    assert kept.model_id == first.model_id
    assert kept.reason.startswith("trained 7 bars ago; no newer one could be trained: not enough history to train: ")
    assert kept.warning == kept.reason
    old = retrain(after(untrainable(job, max_age_bars=7), 8))
    assert old.model_id is None
    assert old.reason.startswith("the prior trades: the model is 8 bars old, above 7; ")
    assert known(job) == [(FIRST, ModelState.CHAMPION)]


def test_heads_that_do_not_divide_the_width_leave_the_champion(job: Job) -> None:
    first = retrain(job)
    kept = retrain(after(due(job, 1, heads=3), 1))
    assert kept.model_id == first.model_id
    assert kept.reason.endswith("3 heads do not divide 8 dimensions; choose a divisor")
    assert known(job) == [(FIRST, ModelState.CHAMPION)]


def test_without_history_the_prior_trades(tmp_path: Path) -> None:
    job = untrainable(a_job(tmp_path, ("COIN",), FIRST), max_age_bars=7)
    ingest(job, lambda: MARKET)
    champion = retrain(job)
    assert champion.model_id is None
    assert champion.warning == (
        "the prior trades: no model is promoted; no newer one could be trained: no bars of COIN are published up to "
        "2020-06-08; import some first"
    )
    with pytest.raises(TrainingRefused, match="import some first"):
        train_now(job)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"torn"), lambda path: path.unlink()])
def test_a_damaged_model_gives_way_to_the_prior_and_a_new_one_is_trained(
    job: Job, damage: Callable[[Path], object]
) -> None:
    first = retrain(job)
    damage(job.home / "models" / f"{first.model_id}.safetensors")
    repaired = retrain(after(job, 1))
    assert repaired.model_id is None
    assert repaired.warning == repaired.reason
    assert "; a newer one was refused: " in repaired.reason
    assert newest(job).trained_to == FIRST + timedelta(days=1)
    assert retrain(after(job, 1)) == repaired
    assert retrain(after(job, 2)).reason == repaired.reason
    assert newest(job).trained_to == FIRST + timedelta(days=1), "one training answers the damage; the next is due later"
    assert forecaster(job.home, TURBO, newest(job).model_id) is not None


def test_a_damaged_model_is_restored_by_the_training_that_made_it(job: Job) -> None:
    first = retrain(job)
    (job.home / "models" / f"{first.model_id}.safetensors").write_bytes(b"torn")
    assert retrain(job).model_id == first.model_id
    assert forecaster(job.home, TURBO, first.model_id) is not None


def test_other_strategies_ask_for_no_model(job: Job) -> None:
    rules = replace(job, policy=policy(RULES))
    assert retrain(rules).reason == "rules needs no model"


def test_the_answer_of_train_names_what_it_came_from_and_the_verdict(job: Job) -> None:
    answer = json.loads(train_now(after(job, 2)).to_json())
    assert answer["symbols"] == ["COIN"]
    assert (answer["trained_from"], answer["trained_to"]) == ("2018-01-01", "2020-06-10")
    assert answer["seed"] == RECIPE.seed
    assert set(answer["validation"]) >= {"network_sharpe", "prior_sharpe", "best_steps"}
    assert answer["rival"] == retrain(job).model_id
    assert answer["promoted"] is (newest(job).state is ModelState.CHAMPION)
    assert answer["verdict"]["sharpe"] == pytest.approx(answer["validation"]["network_sharpe"])
    assert len(answer["data_sha256"]) == len(answer["model_id"]) == 64


def test_a_model_of_an_earlier_day_does_not_take_the_champions_place(job: Job) -> None:
    early = on(job, FIRST - timedelta(days=3))
    older = challenge(early, None, early.as_of).record
    promote(early, older.model_id)
    with connect(job.home) as store:
        newest = champions.champion(store, job.panel, trained_until=FIRST)
        replayed = champions.champion(store, job.panel, trained_until=older.trained_to)
    assert newest is not None
    assert replayed is not None
    assert (newest.trained_to, newest.state) == (FIRST, ModelState.CHAMPION)
    assert replayed.model_id == older.model_id


def test_training_twice_on_the_same_bars_is_answered_from_the_register(job: Job) -> None:
    day = after(job, 2)
    first = train_now(day).json_values()
    promote(day, str(first["model_id"]))
    assert train_now(day).json_values() == first
    assert len(known(job)) == 2


def test_another_account_or_rival_is_not_answered_from_the_register(job: Job) -> None:
    day = after(job, 2)
    with connect(job.home) as store:
        champion = champions.champion(store, job.panel, trained_until=day.as_of)
    assert champion is not None
    first = challenge(day, champion, day.as_of)
    dearer = replace(day, policy=replace(day.policy, costs=Costs(fee_bps=Decimal(50))))
    bolder = replace(day, policy=replace(day.policy, sizing=replace(SIZING, target_annual_vol=0.6)))
    others = [challenge(other, champion, day.as_of) for other in (dearer, bolder)]
    assert len({challenged.record.model_id for challenged in (first, *others)}) == 3
    unrivalled = challenge(day, None, day.as_of)
    assert (first.verdict.rival, unrivalled.verdict.rival) == (champion.model_id, PRIOR)
    with connect(job.home) as store:
        universe.replace(store, job.source, {"COIN": (Membership(first=date(2019, 1, 1)),)})
    assert challenge(day, None, day.as_of).record.model_id != unrivalled.record.model_id


def test_weights_that_no_training_improved_are_another_model_of_other_bars_or_symbols(fresh: Job) -> None:
    first = challenge(fresh, None, FIRST)
    assert set(first.validation["best_steps"]) == {0}
    pair = replace(fresh, symbols=("COIN", "STOCK"))
    ingest(pair, lambda: MARKET)
    validate(pair)
    corrected = MARKET.faulty(Fault(symbol="COIN", day=date(2020, 5, 5), column="volume", value=7.0))
    of_both = challenge(pair, None, FIRST)
    ingest(fresh, lambda: corrected)
    validate(fresh)
    again = challenge(fresh, None, FIRST)
    assert set(again.validation["best_steps"]) == set(of_both.validation["best_steps"]) == {0}
    assert len({challenged.record.model_id for challenged in (first, of_both, again)}) == 3


def test_a_model_of_another_version_gives_way_to_the_prior(job: Job) -> None:
    foreign = model_store.save(
        job.home, {"embed.weight": np.zeros(3, dtype=np.float32)}, {"config": '{"shape": {"width": 8}}'}
    )
    with connect(job.home) as store:
        model_store.register(store, replace(newest(job), model_id=foreign))
    promote(job, foreign)
    champion = retrain(after(job, 1))
    assert champion.model_id is None
    assert f"model {foreign[:12]} was made by another version" in champion.warning
    with pytest.raises(ModelDamaged, match=r"was made by another version .*; run `turbodmt train`, or promote another"):
        forecaster(job.home, TURBO, foreign)
