"""Retrain if due: fits a challenger on the past only and registers it; without a fresh champion the prior trades."""

import json
import logging
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from storage import bars as bar_store
from storage import instruments as instrument_store
from storage import models as model_store
from storage.database import Connection, connect, transaction
from storage.models import ModelDamaged, ModelRecord, ModelState
from strategy.market import data_sha256
from strategy.signals import Strategy
from tasks.forecast import forecaster
from tasks.job import Job

if TYPE_CHECKING:
    from strategy.network import NetworkShape
    from strategy.training import Trained, TrainingSettings
    from strategy.training_set import TrainingSet

log = logging.getLogger(__name__)


class TrainingRefused(ValueError):
    """There is too little history to train on (exit 2 when training was asked for)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that may trade, None for the prior, and why it is so in one sentence."""

    model_id: str | None
    reason: str


@task(name="retrain if due", task_run_name="retrain if due", cache_policy=NO_CACHE)
def retrain(job: Job) -> Champion:
    """The champion of the day: the newest model of these symbols that saw nothing after `as_of`, trained now if due.

    A training that fails leaves the champion as it was; one past `model_max_age_bars` gives way to the prior.
    """
    if job.policy.strategy is not Strategy.TURBO:
        return Champion(model_id=None, reason=f"{job.policy.strategy} needs no model")
    with connect(job.home) as store:
        record, age_bars = _champion(store, job)
    if record is not None and not _readable(job, record):
        record = None
    if record is not None and age_bars < job.policy.recipe.retrain_every_bars:
        return Champion(model_id=record.model_id, reason=f"trained {age_bars} bars ago")
    try:
        trained = fit(job)
    except TrainingRefused as error:
        log.warning("No model was trained: %s.", error)
        return _without_challenger(job, record, age_bars, str(error))
    return Champion(model_id=trained.model_id, reason="trained today")


def _readable(job: Job, record: ModelRecord) -> bool:
    try:
        forecaster(job.home, record.model_id)
    except (ModelDamaged, ValueError) as error:
        log.warning("Model %s cannot trade: %s.", record.model_id[:12], error)
        return False
    return True


def _without_challenger(job: Job, record: ModelRecord | None, age_bars: int, why: str) -> Champion:
    if record is None:
        return Champion(model_id=None, reason=f"the prior trades: {why}")
    limit = job.policy.recipe.model_max_age_bars
    if age_bars > limit:
        return Champion(
            model_id=None, reason=f"the prior trades: the model is {age_bars} bars old, above {limit}; {why}"
        )
    return Champion(model_id=record.model_id, reason=f"trained {age_bars} bars ago; a newer one failed: {why}")


def _champion(store: Connection, job: Job) -> tuple[ModelRecord | None, int]:
    """The newest model that saw nothing after `as_of`, and its age in account days."""
    record = model_store.champion(store, job.source, job.symbols, trained_until=job.as_of)
    if record is None:
        return None, 0
    days = bar_store.session_dates(store, job.source, job.symbols, after=record.trained_to, until=job.as_of)
    return record, len(days)


def fit(job: Job) -> ModelRecord:
    """A model trained on all bars up to `as_of`, registered as the champion. Same bars and recipe, same model.

    Raises TrainingRefused if the history is too short or the training diverges; then nothing is registered.
    """
    from strategy.network import NetworkShape
    from strategy.training import TrainingDiverged, TrainingSettings, train

    recipe = job.policy.recipe
    shape = NetworkShape(
        dimensions=recipe.dimensions, heads=recipe.heads, layers=recipe.layers, context_bars=recipe.context_bars
    )
    settings = TrainingSettings(seed=recipe.seed, steps=recipe.steps, threads=recipe.threads)
    training_set, digest = _training_set(job)
    log.info(
        "Training %s on %s up to %s.", "96/6/5" if shape == NetworkShape() else shape, ", ".join(job.symbols), job.as_of
    )
    try:
        trained = train(shape, training_set, settings)
    except (TrainingDiverged, ValueError) as error:
        raise TrainingRefused(str(error)) from error
    record = _register(job, trained, shape, settings, digest)
    log.info(
        "Model %s: net Sharpe %.2f on validation, %.2f for the prior.",
        record.model_id[:12],
        trained.validation_sharpe,
        trained.prior_validation_sharpe,
    )
    return record


def _training_set(job: Job) -> "tuple[TrainingSet, str]":
    """What the model may learn from, and the hash of those bars. Raises TrainingRefused if no symbol has enough."""
    from strategy.training_set import TrainingSet, learnable_series

    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
    costs, sizing = job.policy.costs, job.policy.sizing
    series = tuple(learnable_series(one, instruments[symbol], costs, sizing) for symbol, one in sorted(bars.items()))
    if not series:
        raise TrainingRefused(f"no bars of {', '.join(job.symbols)} are published up to {job.as_of}; import some first")
    training_set = TrainingSet(series=series, params=sizing, financing_rate=float(costs.financing_rate))
    return training_set, data_sha256(bars)


def _register(
    job: Job, trained: "Trained", shape: "NetworkShape", settings: "TrainingSettings", digest: str
) -> ModelRecord:
    """The record of the trained model, whose weights lie on disk before the store names them."""
    config = json.dumps({"shape": asdict(shape), "training": asdict(settings)}, sort_keys=True)
    validation = {
        "network_sharpe": trained.validation_sharpe,
        "prior_sharpe": trained.prior_validation_sharpe,
        "best_step": trained.best_step,
        "validation_bars": trained.validation_bars,
        "training_windows": trained.training_windows,
    }
    model_id = model_store.save(job.home, trained.arrays, {"config": config, "trained_to": job.as_of.isoformat()})
    with connect(job.home) as store:
        record = ModelRecord(
            model_id=model_id,
            source=job.source,
            symbols=job.symbols,
            trained_from=bar_store.first_published(store, job.source, job.symbols),
            trained_to=job.as_of,
            created_at=job.now,
            seed=settings.seed,
            config=config,
            code_version=job.code_version,
            data_sha256=digest,
            validation=json.dumps(validation, sort_keys=True),
            state=ModelState.CHALLENGER,
            reason="",
        )
        later = model_store.champion(store, job.source, job.symbols, trained_until=date.max)
        with transaction(store):
            if later is not None and later.trained_to > job.as_of:
                # It serves its own day and those up to the later one; a replay must not take the champion's place.
                reason = f"older than the champion {later.model_id[:12]}"
                model_store.register(store, replace(record, state=ModelState.RETIRED, reason=reason))
            else:
                model_store.register(store, record)
                model_store.promote(store, model_id, reason="newest model of these symbols", at=job.now)
    return record


@task(name="train", task_run_name="train", cache_policy=NO_CACHE)
def train_now(job: Job) -> dict[str, object]:
    """The answer of `turbodmt train`: the model, what it was trained on and how it did on validation.

    Raises TrainingRefused.
    """
    record = fit(job)
    return {
        "as_of": job.as_of.isoformat(),
        "model_id": record.model_id,
        "source": record.source,
        "symbols": list(record.symbols),
        "trained_from": record.trained_from.isoformat(),
        "trained_to": record.trained_to.isoformat(),
        "validation": json.loads(record.validation),
        "data_sha256": record.data_sha256,
        "code_version": record.code_version,
        "seed": record.seed,
    }
