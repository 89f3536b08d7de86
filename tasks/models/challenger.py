"""Challenger: a model trained on the history of a job's symbols, registered, and judged by the promotion gate."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from time import monotonic
from typing import Any

from storage.database import Connection, connect, transaction
from storage.models import promotions, trials
from storage.models import registry as model_store
from storage.models.promotions import Promoter, Promotion, StoredVerdict
from storage.models.registry import ModelDamaged, ModelRecord
from storage.models.trials import Trial
from strategy.market.data_hash import data_sha256
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.faults import StrategyRefused
from strategy.signals.forecaster import Forecaster
from strategy.training.candidate import first_verdict, refresh_verdict
from strategy.training.promotion_gate import PRIOR, GateRules, Verdict
from strategy.training.trainer import Learned, NotTrained, Past
from tasks.models.fold_models import account_sha256
from tasks.models.load import stored_model
from tasks.models.training_cost import foretell, took
from tasks.models.training_plan import (
    TrainingPlan,
    TrainingRefused,
    demand_trainable,
    past_of,
    training_on,
    training_plan,
)
from tasks.run.job import Job
from tasks.run.trial_key import configuration

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenged:
    """A challenger as registered, its validation figures, and the verdict of the promotion gate."""

    record: ModelRecord
    validation: Mapping[str, Any]
    verdict: Verdict


def challenge(job: Job, champion: ModelRecord | None, since: date) -> Challenged:
    """Train the challenger of the job's day and judge it against the champion, or the prior if there is none.

    If promoted, it decides from the day `since`. The same bars, account, recipe and champion give the same model and
    verdict, so one judged before is answered from the registry. Raises TrainingRefused if the history is too short, the
    training fails or a symbol is a perpetual future, and StrategyRefused if there is no champion
    and the model looks ahead; nothing is registered.
    """
    with connect(job.home) as store:
        past = past_of(store, job)
        plan = training_plan(store, job, champion)
    demand_trainable(past.config.terms, past.bars)
    if (known := _known(job, champion, past)) is not None:
        return known
    start = stored_model(job.home, job.policy.strategy, champion.model_id) if champion and plan.warm else None
    log.info(
        "Training %s on %s up to %s%s.",
        *(plan.trainer.summary, ", ".join(job.symbols), job.as_of),
        f", going on from {champion.model_id[:12]}" if start and champion else "",
    )
    learned = _learned(job, past, plan, start)
    record, validation = _record(job, plan, learned, past)
    with connect(job.home) as store:
        model_store.register(store, record)
        rules = GateRules(days_per_year=learned.gate.days_per_year, trials=_trials(store, job, learned))
    verdict = _judged(job, past, plan, learned, rules)
    return Challenged(record=record, validation=validation, verdict=_settled(job, record, verdict, since))


def _known(job: Job, champion: ModelRecord | None, past: Past) -> Challenged | None:
    """Return the challenger judged on the same day, bars, account, recipe, code and rival, if its weights are there.

    One that is the champion by now was judged against the previous champion.
    """
    rival = champion.model_id if champion else PRIOR
    with connect(job.home) as store:
        stored = model_store.judged_on(store, job.panel, job.as_of)
        record = model_store.find(store, stored.model_id) if stored else None
    if stored is None or record is None or rival not in (stored.verdict.rival, record.model_id):
        return None
    if (record.data_sha256, record.code_version) != (
        _digest(past),
        job.code_version,
    ):
        return None
    config, account = json.loads(record.config), account_sha256(past.config, job.as_of)
    if (config.get("recipe"), config.get("account_sha256")) != (asdict(job.policy.recipe), account):
        return None
    try:
        stored_model(job.home, job.policy.strategy, record.model_id)
    except ModelDamaged:
        return None
    return Challenged(record=record, validation=json.loads(record.validation), verdict=stored.verdict)


def _digest(past: Past) -> str:
    return data_sha256(past.bars, past.config.terms.costs.currencies.fx)


def _learned(job: Job, past: Past, plan: TrainingPlan, start: Forecaster | None) -> Learned:
    foretell(job, plan.trainer)
    try:
        begun_s = monotonic()
        with training_on(job.policy.recipe.device):
            learned = plan.trainer.train(past, start)
    except NotTrained as error:
        raise TrainingRefused(str(error)) from error
    except StrategyRefused as error:
        # A champion passed when it was trained, and goes on.
        if plan.champion is None:
            raise
        raise TrainingRefused(str(error)) from error
    took(job, plan.trainer, job.as_of, monotonic() - begun_s)
    return learned


def _record(job: Job, plan: TrainingPlan, learned: Learned, past: Past) -> tuple[ModelRecord, Mapping[str, Any]]:
    """Save the trained model, then return its record and its validation figures."""
    config = _config(job, plan, past.config)
    validation = {
        "network_sharpe": learned.gate.sharpe,
        "prior_sharpe": learned.prior_gate.sharpe,
        "validation_bars": len(learned.gate.net),
        **learned.figures,
    }
    digest = _digest(past)
    # The same arrays for another registry, other symbols or other bars are another model, with a verdict of its own;
    # and weights that no training improved are equal for all of them.
    metadata = {
        "config": config,
        "trained_to": job.as_of.isoformat(),
        "registry": job.registry,
        "symbols": job.symbols,
        "data_sha256": digest,
    }
    model_id = model_store.save(job.home, learned.model.to_arrays(), metadata)
    record = ModelRecord(
        model_id=model_id,
        source=job.registry,
        symbols=job.symbols,
        strategy=job.policy.strategy.name,
        strategy_sha256=job.policy.strategy.version or None,
        trained_from=min(series.open_time[0] for series in past.bars.values()).astype("M8[D]").item(),
        trained_to=job.as_of,
        created_at=job.now,
        seed=job.policy.recipe.seed,
        config=config,
        code_version=job.code_version,
        data_sha256=digest,
        validation=json.dumps(validation, sort_keys=True),
    )
    return record, validation


def _config(job: Job, plan: TrainingPlan, config: AccountConfig) -> str:
    """Return the training's inputs other than bars, as canonical JSON."""
    given = {
        **plan.trainer.config(),
        "recipe": asdict(job.policy.recipe),
        "account_sha256": account_sha256(config, job.as_of),
        "cold_start": plan.cold_start.isoformat(),
        "started_from": plan.champion.model_id if plan.champion and plan.warm else None,
    }
    return json.dumps(given, sort_keys=True)


def _trials(store: Connection, job: Job, learned: Learned) -> int:
    """Count the configurations tried on these symbols and gate dates, with this one; a retraining is no new trial."""
    config = configuration(json.loads(job.policy.config), job.policy.strategy, job.symbols)
    first, last = (day.astype("M8[D]").item() for day in learned.gate_dates[[0, -1]])
    trial = Trial(symbols=job.symbols, start=first, end=last, config=config, recorded_at=job.now)
    return trials.record(store, trial)


def _judged(job: Job, past: Past, plan: TrainingPlan, learned: Learned, rules: GateRules) -> Verdict:
    """Return the promotion gate's verdict on the challenger, on dates that it did not learn from.

    A champion that was trained with other shares may know some of these dates, which is to its advantage.
    """
    if plan.champion is None:
        return first_verdict(learned, rules)
    rival = stored_model(job.home, job.policy.strategy, plan.champion.model_id)
    champion = plan.trainer.returns(past, rival, learned.gate_span)
    return refresh_verdict(learned, champion.net, plan.champion.model_id, rules)


def _settled(job: Job, record: ModelRecord, verdict: Verdict, since: date) -> Verdict:
    """Record the verdict, and the promotion if it means one; return the verdict on record."""
    with connect(job.home) as store, transaction(store):
        stands = promotions.record_verdict(
            store, StoredVerdict(model_id=record.model_id, as_of=job.as_of, verdict=verdict, created_at=job.now)
        )
        if stands.promoted:
            promotion = Promotion(
                source=job.registry,
                symbols=job.symbols,
                strategy=record.strategy,
                strategy_sha256=record.strategy_sha256,
                model_id=record.model_id,
                as_of=since,
                by=Promoter.GATE,
                reason=stands.reason,
                at=job.now,
            )
            promotions.promote(store, promotion)
    log.info("Model %s is %s: %s.", record.model_id[:12], "promoted" if stands.promoted else "refused", stands.reason)
    return stands
