"""Challenger: a model trained on the history of a job's symbols, registered, and judged by the promotion gate."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import Connection, connect, transaction
from storage.models import promotions, trials
from storage.models import registry as model_store
from storage.models.promotions import Promoter, Promotion, StoredVerdict
from storage.models.registry import ModelDamaged, ModelRecord
from storage.models.trials import Trial
from strategy.builtin.registry import TURBO
from strategy.market.bars import Bars
from strategy.market.data_hash import data_sha256
from strategy.portfolio.account_config import AccountConfig
from strategy.training.promotion_gate import PRIOR, GateRules, Verdict, judge_first, judge_refresh
from tasks.models.fold_models import account_sha256
from tasks.models.load import ensemble
from tasks.models.training_plan import TrainingPlan, TrainingRefused, training_on, training_plan
from tasks.run.job import Job
from tasks.run.trial_key import configuration

if TYPE_CHECKING:
    from strategy.networks.ensemble import Ensemble
    from strategy.training.loop import Trained

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
    verdict, so one judged before is answered from the registry. Raises TrainingRefused if the history is too short or
    the training fails; then nothing is registered.
    """
    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
        plan = training_plan(store, job, champion)
    if not bars:
        raise TrainingRefused(f"no bars of {', '.join(job.symbols)} are published up to {job.as_of}; import some first")
    config = job.policy.account_config(job.account, job.symbols, instruments)
    if (known := _known(job, champion, (bars, config))) is not None:
        return known
    start = ensemble(job.home, champion.model_id) if champion and plan.warm else None
    log.info(
        "Training %d networks %d/%d/%d on %s up to %s%s.",
        *(plan.settings.members, plan.shape.dimensions, plan.shape.heads, plan.shape.layers),
        *(", ".join(job.symbols), job.as_of, f", going on from {champion.model_id[:12]}" if start and champion else ""),
    )
    trained = _trained(bars, config, plan, start)
    record, validation = _record(job, plan, trained, (bars, config))
    with connect(job.home) as store:
        model_store.register(store, record)
        rules = GateRules(days_per_year=trained.gate.days_per_year, trials=_trials(store, job, trained))
    verdict = _judged(job, (bars, config), plan, trained, rules)
    return Challenged(record=record, validation=validation, verdict=_settled(job, record, verdict, since))


def _known(
    job: Job, champion: ModelRecord | None, market: tuple[Mapping[str, Bars], AccountConfig]
) -> Challenged | None:
    """Return the challenger judged on the same day, bars, account, recipe, code and rival, if its weights are there.

    One that is the champion by now was judged against the previous champion.
    """
    bars, account_config = market
    rival = champion.model_id if champion else PRIOR
    with connect(job.home) as store:
        stored = model_store.judged_on(store, job.registry, job.symbols, job.as_of)
        record = model_store.find(store, stored.model_id) if stored else None
    if stored is None or record is None or rival not in (stored.verdict.rival, record.model_id):
        return None
    if (record.data_sha256, record.code_version) != (data_sha256(bars), job.code_version):
        return None
    config, account = json.loads(record.config), account_sha256(account_config, job.as_of)
    if (config.get("recipe"), config.get("account_sha256")) != (asdict(job.policy.recipe), account):
        return None
    try:
        ensemble(job.home, record.model_id)
    except ModelDamaged:
        return None
    return Challenged(record=record, validation=json.loads(record.validation), verdict=stored.verdict)


def _trained(
    bars: Mapping[str, Bars], config: AccountConfig, plan: TrainingPlan, start: "Ensemble | None"
) -> "Trained":
    from strategy.training.fit import fitted
    from strategy.training.loop import TrainingDiverged

    try:
        with training_on(plan.settings.device):
            return fitted(bars, config, plan.shape, plan.settings, start)
    except TrainingDiverged as error:
        raise TrainingRefused(str(error)) from error


def _record(
    job: Job, plan: TrainingPlan, trained: "Trained", market: tuple[Mapping[str, Bars], AccountConfig]
) -> tuple[ModelRecord, Mapping[str, Any]]:
    """Save the trained weights, then return the model's record and its validation figures."""
    from strategy.networks.ensemble import keep

    bars, account_config = market
    config = _config(job, plan, account_config)
    validation = {
        "network_sharpe": trained.gate.sharpe,
        "prior_sharpe": trained.prior_gate.sharpe,
        "validation_bars": len(trained.gate.net),
        "best_steps": [member.best_step for member in trained.members],
        "steps": [len(member.losses) for member in trained.members],
        "training_windows": trained.training_windows,
        "twins": trained.twins,
    }
    networks = [member.network for member in trained.members]
    digest = data_sha256(bars)
    # The same weights for another registry, other symbols or other bars are another model, with a verdict of its own;
    # and weights that no training improved are equal for all of them.
    metadata = {
        "config": config,
        "trained_to": job.as_of.isoformat(),
        "registry": job.registry,
        "symbols": job.symbols,
        "data_sha256": digest,
    }
    model_id = model_store.save(job.home, keep(networks), metadata)
    record = ModelRecord(
        model_id=model_id,
        source=job.registry,
        symbols=job.symbols,
        trained_from=min(series.open_time[0] for series in bars.values()).astype("M8[D]").item(),
        trained_to=job.as_of,
        created_at=job.now,
        seed=plan.settings.seed,
        config=config,
        code_version=job.code_version,
        data_sha256=digest,
        validation=json.dumps(validation, sort_keys=True),
    )
    return record, validation


def _config(job: Job, plan: TrainingPlan, config: AccountConfig) -> str:
    """Return the training's inputs other than bars, as canonical JSON."""
    given = {
        "shape": asdict(plan.shape),
        "training": asdict(plan.settings),
        "recipe": asdict(job.policy.recipe),
        "account_sha256": account_sha256(config, job.as_of),
        "cold_start": plan.cold_start.isoformat(),
        "started_from": plan.champion.model_id if plan.champion and plan.warm else None,
    }
    return json.dumps(given, sort_keys=True)


def _trials(store: Connection, job: Job, trained: "Trained") -> int:
    """Count the configurations tried on these symbols and gate dates, with this one; a retraining is no new trial."""
    config = configuration(json.loads(job.policy.config), TURBO, job.symbols)
    first, last = (day.astype("M8[D]").item() for day in trained.gate_dates[[0, -1]])
    trial = Trial(symbols=job.symbols, start=first, end=last, config=config, recorded_at=job.now)
    return trials.record(store, trial)


def _judged(
    job: Job, market: tuple[Mapping[str, Bars], AccountConfig], plan: TrainingPlan, trained: "Trained", rules: GateRules
) -> Verdict:
    """Return the promotion gate's verdict on the challenger, on dates that it did not learn from.

    A champion that was trained with other shares may know some of these dates, which is to its advantage.
    """
    prior = trained.prior_gate.net
    if plan.champion is None:
        return judge_first(trained.gate.net, prior, rules)
    from strategy.training.fit import rival_returns

    rival = ensemble(job.home, plan.champion.model_id)
    champion = rival_returns(*market, rival, trained.gate_span, plan.settings)
    return judge_refresh(trained.gate.net, champion.net, plan.champion.model_id, rules, prior)


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
                model_id=record.model_id,
                as_of=since,
                by=Promoter.GATE,
                reason=stands.reason,
                at=job.now,
            )
            promotions.promote(store, promotion)
    log.info("Model %s is %s: %s.", record.model_id[:12], "promoted" if stands.promoted else "refused", stands.reason)
    return stands
