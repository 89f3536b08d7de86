"""Retraining if due: a challenger is trained on the past only, and the promotion gate decides whether it trades."""

import logging
from dataclasses import asdict, dataclass, replace
from datetime import date

import numpy as np

from storage.bars import published as bar_store
from storage.bars.own_columns import with_columns
from storage.database import Connection, connect
from storage.models import champions, promotions
from storage.models import registry as model_store
from storage.models.registry import ModelDamaged, ModelRecord
from strategy.market.bars import Bars
from strategy.signals.faults import Fault
from strategy.signals.fitted_model import refused_in_words
from strategy.signals.forecaster import Forecaster
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import look_back
from tasks.models.challenger import Challenged, challenge
from tasks.models.load import stored_model
from tasks.models.training_plan import TrainingRefused
from tasks.run.answers import MODEL_FAULTS, Answer, DayAnswer, ModelCode
from tasks.run.job import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that may trade (None: the prior), with the reason in words and as a code (None in an audit)."""

    model_id: str | None
    reason: str
    code: ModelCode | None = None

    @property
    def warning(self) -> str:
        """Return the reason if it is a fault; else an empty string."""
        return self.reason if self.code in MODEL_FAULTS else ""


def champion_of(answer: DayAnswer) -> Champion:
    """Return the champion that decided in an earlier run of the day, by its answer."""
    code = ModelCode(answer.model_code) if answer.model_code else None
    return Champion(model_id=answer.model_id, reason=answer.model_reason or "", code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Registry:
    """The registry on the job's day: the champion, and account days since its and since any training (None: never).

    `damage` says why there is no champion although one is promoted: its file cannot be used. `model` is the champion's.
    """

    champion: ModelRecord | None
    champion_age_bars: int
    trained_age_bars: int | None
    damage: str = ""
    model: Forecaster | None = None


def retrain(job: Job) -> Champion:
    """Return the champion of the day, None for the prior, after training a challenger if one is due.

    If the training fails or the challenger is rejected, the champion stays; one past `model_max_age_bars` gives way to
    the prior.
    """
    if not job.policy.strategy.learner:
        return Champion(model_id=None, reason=f"{job.policy.strategy} needs no model", code=ModelCode.NOT_NEEDED)
    known = _known(job)
    age = known.trained_age_bars
    recipe = job.policy.recipe
    # A champion that is damaged is replaced as soon as it may be.
    ruled = known.champion is not None or known.damage
    if age is not None and age < (recipe.retrain_every_bars if ruled else recipe.without_champion_bars):
        return _ruling(job, known, _refusal(job, known))
    try:
        challenge(job, known.champion, job.as_of)
    except TrainingRefused as error:
        log.warning("No model was trained: %s.", error)
        champion = _ruling(job, known, f"; no newer one could be trained: {error}")
        return replace(champion, code=ModelCode.NOT_TRAINED)
    return ruling(job)


def ruling(job: Job) -> Champion:
    """Return the champion of the day as the registry has it, without training."""
    if not job.policy.strategy.learner:
        return Champion(model_id=None, reason=f"{job.policy.strategy} needs no model", code=ModelCode.NOT_NEEDED)
    known = _known(job)
    return _ruling(job, known, _refusal(job, known))


def _known(job: Job) -> _Registry:
    """Return the registry on the job's day; a champion with an unusable file counts as none and is replaced at once."""
    with connect(job.home) as store:
        champion = champions.champion(store, job.panel, trained_until=job.as_of)
        trained = model_store.last_trained(store, job.panel, until=job.as_of)
        known = _Registry(
            champion=champion,
            champion_age_bars=_age_bars(store, job, champion.trained_to) if champion else 0,
            trained_age_bars=_age_bars(store, job, trained) if trained else None,
        )
    if champion is None:
        return known
    try:
        model = stored_model(job.home, job.policy.strategy, champion.model_id)
    except ModelDamaged as error:
        log.warning("Model %s cannot trade: %s.", champion.model_id[:12], error)
        answered = trained is not None and trained > champion.trained_to
        return replace(
            known, champion=None, damage=str(error), trained_age_bars=known.trained_age_bars if answered else None
        )
    return replace(known, model=model)


def _age_bars(store: Connection, job: Job, since: date) -> int:
    return len(bar_store.session_dates(store, job.source, job.symbols, after=since, until=job.as_of))


def _refusal(job: Job, known: _Registry) -> str:
    """Return the rejection of the newest challenger as a text; empty unless it was rejected and not promoted by hand.

    It holds, and is said, on every day until another one is trained.
    """
    with connect(job.home) as store:
        trained = model_store.last_trained(store, job.panel, until=job.as_of)
        stored = model_store.judged_on(store, job.panel, trained) if trained else None
    if stored is None or stored.verdict.promoted or (known.champion and known.champion.model_id == stored.model_id):
        return ""
    return f"; a newer one was refused: {stored.verdict.reason.removeprefix('rejected: ')}"


def _ruling(job: Job, known: _Registry, newer: str) -> Champion:
    """Return the model that trades by the registry; `newer` is the text on the newest challenger."""
    age, limit = known.champion_age_bars, job.policy.recipe.model_max_age_bars
    if known.champion is None:
        why = known.damage or "no model is promoted"
        reason = f"the prior trades: {why}{newer}"
        code = ModelCode.DAMAGED if known.damage else ModelCode.NONE_PROMOTED
        return Champion(model_id=None, reason=reason, code=code)
    if age > limit:
        reason = f"the prior trades: the model is {age} bars old, above {limit}{newer}"
        return Champion(model_id=None, reason=reason, code=ModelCode.TOO_OLD)
    reason = (f"trained {age} bars ago" if age else "trained and promoted today") + newer
    refused = _refusals(job, known.model) if known.model else ()
    if refused:
        strategy = job.policy.strategy
        symbols = ", ".join(dict.fromkeys(fault.symbol for fault in refused))
        words = f"the prior trades {symbols}: {refused_in_words(strategy, refused[0])}; {reason}"
        return Champion(model_id=known.champion.model_id, reason=words, code=ModelCode.REFUSED)
    return Champion(model_id=known.champion.model_id, reason=reason, code=ModelCode.IN_USE)


def _refusals(job: Job, model: Forecaster) -> tuple[Fault, ...]:
    """Return why the champion's signals of the day are refused."""
    with connect(job.home) as store:

        def newest(count: int) -> dict[str, Bars]:
            known = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=count)
            return with_columns(store, job.source, known, job.policy.strategy.columns)

        bars = look_back(newest, job.policy.strategy, model, VolatilityEstimator.EWMA)
    return model.refusals(bars, np.datetime64(job.as_of, "us"))


class ValidationAnswer(Answer):
    """The figures of a challenger on dates that it neither learned from nor stopped at, and of its training."""

    network_sharpe: float | None
    prior_sharpe: float | None
    validation_bars: int
    best_steps: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    training_windows: int = 0
    twins: int = 0


class VerdictAnswer(Answer):
    """The verdict of the promotion gate, and the figures behind it."""

    trials: int
    days: int
    margin: float | None
    sharpe: float | None
    rival_sharpe: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_deflated: float | None
    reason: str


class TrainAnswer(Answer):
    """The answer of `turbodmt train`: the challenger, its figures on dates used for nothing else, the verdict.

    `report` is the path of the model's page; null if it could not be written.
    """

    as_of: date
    model_id: str
    strategy: str
    strategy_sha256: str | None
    source: str
    symbols: tuple[str, ...]
    trained_from: date
    trained_to: date
    validation: ValidationAnswer
    promoted: bool
    rival: str
    verdict: VerdictAnswer
    data_sha256: str
    code_version: str
    seed: int
    report: str | None = None
    warnings: tuple[str, ...] = ()


def train_now(job: Job) -> TrainAnswer:
    """Return the answer of `turbodmt train`, without warnings of the data.

    If promoted, it decides from the first day that is not decided yet. Raises TrainingRefused.
    """
    with connect(job.home) as store:
        since = promotions.first_open_day(store, job.panel, job.as_of)
    return _answer(challenge(job, _known(job).champion, since))


def _answer(challenged: Challenged) -> TrainAnswer:
    record, verdict = challenged.record, challenged.verdict
    return TrainAnswer.model_validate(
        {
            **asdict(record),
            **asdict(verdict),
            "as_of": record.trained_to,
            "validation": ValidationAnswer.model_validate(dict(challenged.validation), extra="ignore"),
            "verdict": {**asdict(verdict.figures), "reason": verdict.reason},
        },
        extra="ignore",
    )
