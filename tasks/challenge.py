"""A challenger: trained on the past of a job's symbols, registered, judged by the gate and promoted or refused."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from storage import bars as bar_store
from storage import instruments as instrument_store
from storage import models as model_store
from storage import promotions, trials
from storage.database import Connection, connect, transaction
from storage.models import ModelRecord
from storage.promotions import Promoter, Promotion, StoredVerdict
from storage.trials import Trial
from strategy.bars import Bars
from strategy.decision import Mandate
from strategy.market import data_sha256
from strategy.selection import GateRules, Verdict, judge_first, judge_refresh
from strategy.signals import Strategy
from tasks.forecast import ensemble
from tasks.job import Job, Recipe

if TYPE_CHECKING:
    from strategy.network import NetworkShape
    from strategy.training import Trained
    from strategy.training_settings import TrainingSettings

log = logging.getLogger(__name__)


class TrainingRefused(ValueError):
    """There is too little history to train on, or the training diverged (exit 2 when training was asked for)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenged:
    """A challenger as it was registered, how it was trained, and what the gate said."""

    record: ModelRecord
    validation: Mapping[str, Any]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is trained: shape, settings, the champion to go on from if any, and the day of the last cold start."""

    shape: "NetworkShape"
    settings: "TrainingSettings"
    champion: ModelRecord | None
    warm: bool
    cold_start: date


def challenge(job: Job, champion: ModelRecord | None) -> Challenged:
    """The challenger of the job's day, judged against the champion, or against the prior where None rules.

    Same bars, recipe and champion: the same model and verdict. Raises TrainingRefused if the history is too short or
    the training diverges; then nothing is registered.
    """
    from strategy.fitting import fitted
    from strategy.training import TrainingDiverged

    with connect(job.home) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
        plan = _plan(store, job, champion)
    if not bars:
        raise TrainingRefused(f"no bars of {', '.join(job.symbols)} are published up to {job.as_of}; import some first")
    mandate = job.policy.mandate(job.account, job.symbols, instruments)
    start = ensemble(job.home, champion.model_id) if champion and plan.warm else None
    log.info(
        "Training %d networks %d/%d/%d on %s up to %s%s.",
        *(plan.settings.members, plan.shape.dimensions, plan.shape.heads, plan.shape.layers),
        *(", ".join(job.symbols), job.as_of, f", going on from {champion.model_id[:12]}" if start and champion else ""),
    )
    try:
        trained = fitted(bars, mandate, plan.shape, plan.settings, start)
    except (TrainingDiverged, ValueError) as error:
        raise TrainingRefused(str(error)) from error
    record, validation = _record(job, plan, trained, bars)
    with connect(job.home) as store:
        model_store.register(store, record)
        rules = GateRules(days_per_year=trained.gate.days_per_year, trials=_trials(store, job, trained))
    verdict = _judged(job, (bars, mandate), plan, trained, rules)
    return Challenged(record=record, validation=validation, verdict=_settled(job, record, verdict))


def _plan(store: Connection, job: Job, champion: ModelRecord | None) -> _Plan:
    """A warm start from a champion of the same build whose own cold start is recent enough, else a cold one."""
    recipe = job.policy.recipe
    shape, settings = shape_of(recipe), settings_of(recipe)
    if champion is not None:
        config = json.loads(champion.config)
        cold = date.fromisoformat(config.get("cold_start", date.min.isoformat()))
        bars = bar_store.session_dates(store, job.source, job.symbols, after=cold, until=job.as_of)
        same = config["shape"] == asdict(shape) and config["training"].get("members") == settings.members
        if same and len(bars) < recipe.cold_start_every_bars:
            warm = replace(
                settings, steps=recipe.warm_steps, warmup_steps=min(settings.warmup_steps, recipe.warm_steps // 4)
            )
            return _Plan(shape=shape, settings=warm, champion=champion, warm=True, cold_start=cold)
    return _Plan(shape=shape, settings=settings, champion=champion, warm=False, cold_start=job.as_of)


def shape_of(recipe: Recipe) -> "NetworkShape":
    """The shape of a recipe's networks. Raises TrainingRefused where there can be no such network."""
    from strategy.network import NetworkShape

    try:
        return NetworkShape(
            dimensions=recipe.dimensions, heads=recipe.heads, layers=recipe.layers, context_bars=recipe.context_bars
        )
    except ValueError as error:
        raise TrainingRefused(str(error)) from error


def settings_of(recipe: Recipe) -> "TrainingSettings":
    """How a recipe's networks are trained from nothing."""
    from strategy.training_settings import TrainingSettings

    return TrainingSettings(
        seed=recipe.seed,
        members=recipe.members,
        steps=recipe.steps,
        twins=recipe.twins,
        validation_share=recipe.validation_share,
        threads=recipe.threads,
        device=recipe.device,
    )


def _record(
    job: Job, plan: _Plan, trained: "Trained", bars: Mapping[str, Bars]
) -> tuple[ModelRecord, Mapping[str, Any]]:
    """The record of the trained model, whose weights lie on disk before the store names them."""
    from strategy.ensemble import keep

    config = json.dumps(
        {
            "shape": asdict(plan.shape),
            "training": asdict(plan.settings),
            "cold_start": plan.cold_start.isoformat(),
            "started_from": plan.champion.model_id if plan.champion and plan.warm else None,
        },
        sort_keys=True,
    )
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
    model_id = model_store.save(job.home, keep(networks), {"config": config, "trained_to": job.as_of.isoformat()})
    record = ModelRecord(
        model_id=model_id,
        source=job.source,
        symbols=job.symbols,
        trained_from=min(one.open_time[0] for one in bars.values()).astype("M8[D]").item(),
        trained_to=job.as_of,
        created_at=job.now,
        seed=plan.settings.seed,
        config=config,
        code_version=job.code_version,
        data_sha256=data_sha256(bars),
        validation=json.dumps(validation, sort_keys=True),
    )
    return record, validation


def _trials(store: Connection, job: Job, trained: "Trained") -> int:
    """The configurations tried on these symbols and the dates that judge, this one included; a retraining is none."""
    config = json.dumps({**json.loads(job.policy.config), "strategy": str(Strategy.TURBO)})
    first, last = (day.astype("M8[D]").item() for day in trained.gate_dates[[0, -1]])
    trial = Trial(symbols=job.symbols, start=first, end=last, config=config, recorded_at=job.now)
    return trials.record(store, trial)


def _judged(
    job: Job, market: tuple[Mapping[str, Bars], Mandate], plan: _Plan, trained: "Trained", rules: GateRules
) -> Verdict:
    """What the gate says of the challenger, on dates that neither it nor its rival learned from."""
    prior = trained.prior_gate.net
    if plan.champion is None:
        return judge_first(trained.gate.net, prior, rules)
    from strategy.fitting import rival_returns

    rival = ensemble(job.home, plan.champion.model_id)
    champion = rival_returns(*market, rival, trained.gate_span, plan.settings)
    return judge_refresh(trained.gate.net, champion.net, plan.champion.model_id, rules, prior)


def _settled(job: Job, record: ModelRecord, verdict: Verdict) -> Verdict:
    """The verdict that stands, with the promotion that it means."""
    with connect(job.home) as store, transaction(store):
        stands = promotions.record_verdict(
            store, StoredVerdict(model_id=record.model_id, as_of=job.as_of, verdict=verdict, created_at=job.now)
        )
        if stands.promoted:
            promotion = Promotion(
                source=job.source,
                symbols=job.symbols,
                model_id=record.model_id,
                as_of=job.as_of,
                by=Promoter.GATE,
                reason=stands.reason,
                at=job.now,
            )
            promotions.promote(store, promotion)
    log.info("Model %s is %s: %s.", record.model_id[:12], "promoted" if stands.promoted else "refused", stands.reason)
    return stands
