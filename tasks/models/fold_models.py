"""The model of one fold: trained, judged and kept, or read back, with the signals that it foretells."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from storage.database import connect
from storage.models import folds as fold_store
from storage.models import registry as model_store
from storage.models.folds import SignalKey, StoredFold
from storage.models.registry import ModelDamaged
from strategy.market.bars import Bars
from strategy.market.instruments import Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk import RiskLimits
from tasks.models.load import ensemble
from tasks.models.training_plan import TrainingRefused, settings_of, shape_of
from tasks.run.job import Job

if TYPE_CHECKING:
    from strategy.networks.ensemble import Ensemble
    from strategy.training.candidate import Candidate

log = logging.getLogger(__name__)

#: What of a recipe says when to train, not how: no fold depends on it.
_SCHEDULE = frozenset({"warm_steps", "retrain_every_bars", "cold_start_every_bars", "model_max_age_bars"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """All bars of the job's symbols up to the last day, the account that trades them, and the days it is tested on."""

    bars: Mapping[str, Bars]
    mandate: AccountConfig
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFold:
    """One fold: its first and last day, a key for all that determines its model, and the signals that are wanted."""

    key: str
    start: date
    end: date
    fitted_to: date
    wanted: tuple[SignalKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFold:
    """A fold as it was kept, and every signal that is known of its model."""

    stored: StoredFold
    signals: Mapping[SignalKey, float]

    def lacking(self, asked: AskedFold) -> tuple[SignalKey, ...]:
        """The signals that are wanted and not known; none of a model that does not trade."""
        if not self.stored.verdict.promoted:
            return ()
        return tuple(key for key in asked.wanted if key not in self.signals)


def fold_key(job: Job, mandate: AccountConfig, fitted_to: date, bars_sha256: str) -> str:
    """The hash of all that determines a fold's model."""
    determined_by = {
        "bars": bars_sha256,
        "fitted_to": fitted_to,
        "code_version": job.code_version,
        "recipe": {name: value for name, value in asdict(job.policy.recipe).items() if name not in _SCHEDULE},
        **_account(mandate, fitted_to),
    }
    return _sha256(determined_by)


def account_sha256(mandate: AccountConfig, day: date) -> str:
    """The hash of what a training on bars up to the day takes of the account: sizing, limits, costs, instruments."""
    return _sha256(_account(mandate, day))


def _account(mandate: AccountConfig, day: date) -> dict[str, object]:
    terms = mandate.terms
    listed = {symbol: terms.instruments[symbol] for symbol in mandate.symbols}
    # Before the setting was obeyed every model was trained with its default, and such models stay as they are.
    stale = mandate.limits.stale_days
    obeyed = {} if stale == RiskLimits().stale_days else {"stale_days": stale}
    return obeyed | {
        "sizing": asdict(mandate.sizing),
        "costs": asdict(terms.costs),
        "instruments": {symbol: (one.calendar, one.shortable, _membership(one, day)) for symbol, one in listed.items()},
    }


def _sha256(values: Mapping[str, object]) -> str:
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def _membership(instrument: Instrument, day: date) -> list[tuple[date, date | None]] | None:
    """The symbol's place in the universe as the day knew it: what begins or ends later was not known."""
    if instrument.memberships is None:
        return None
    begun = [one for one in instrument.memberships if one.first <= day]
    return [(one.first, one.last if one.last and one.last < day else None) for one in begun]


def fitted(job: Job, history: History, asked: AskedFold) -> KnownFold:
    """The fold, trained and judged. Raises TrainingRefused as `tasks.backtest.walk_forward.walk` does."""
    candidate, model_id = _trained(job, history, asked)
    fold = StoredFold(
        key=asked.key,
        fitted_to=asked.fitted_to,
        model_id=model_id,
        verdict=candidate.verdict,
        created_at=job.now,
    )
    trades = candidate.model if candidate.verdict.promoted else None
    return _kept(job, fold, _foretold(history, asked.wanted, trades) if trades else {})


def extended(job: Job, history: History, asked: AskedFold, known: KnownFold) -> KnownFold:
    """A promoted fold with the signals it lacks: of days that were not asked for then, or whose bars were others.

    A model whose file is gone or damaged is trained again, to the same bytes.
    """
    assert known.stored.model_id is not None, "nothing is promoted that was not trained"
    try:
        model: Ensemble | None = ensemble(job.home, known.stored.model_id)
    except ModelDamaged as error:
        log.warning("The fold of %d is trained again: %s.", asked.start.year, error)
        model = _trained(job, history, asked)[0].model
    assert model is not None, "the same bars gave a model before"
    return _kept(job, known.stored, _foretold(history, known.lacking(asked), model))


def _kept(job: Job, fold: StoredFold, fresh: Mapping[SignalKey, float]) -> KnownFold:
    """The fold and its signals as the store has them now: what another process kept first stands."""
    with connect(job.home) as store:
        fold_store.record(store, fold, fresh)
        return KnownFold(stored=fold_store.find(store, fold.key) or fold, signals=fold_store.signals(store, fold.key))


def _trained(job: Job, history: History, asked: AskedFold) -> tuple["Candidate", str | None]:
    """The candidate of the fold, whose weights now lie on disk, and its id."""
    from strategy.networks.ensemble import keep
    from strategy.training.candidate import candidate

    shape, settings = shape_of(job.policy.recipe), settings_of(job.policy.recipe)
    if settings.device == "cuda":
        # CUDA's own products are deterministic only with this, and only if it is there before they begin.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        found = candidate(_until(history.bars, asked.fitted_to), history.mandate, shape, settings)
    except ValueError as error:
        raise TrainingRefused(str(error)) from error
    except RuntimeError as error:
        if settings.device == "cpu":
            raise
        raise TrainingRefused(f"training on {settings.device} failed: {error}; set device to cpu") from error
    if found.model is None:
        return found, None
    config = json.dumps({"shape": asdict(shape), "training": asdict(settings)}, sort_keys=True)
    metadata = {"config": config, "trained_to": asked.fitted_to.isoformat()}
    return found, model_store.save(job.home, keep(found.model.members), metadata)


def _foretold(history: History, wanted: Sequence[SignalKey], model: "Ensemble") -> dict[SignalKey, float]:
    """The signals that are wanted, each computed alone as a daily run does, from no bar after the last of them."""
    if not wanted:
        return {}
    days = [day for _, day, _ in wanted]
    seen = _until(history.bars, max(days))
    by_day = {
        symbol: dict(zip(seen[symbol].open_time.astype("M8[D]").tolist(), signals.tolist(), strict=True))
        for symbol, signals in model.forecast(seen, np.datetime64(min(days), "us")).items()
    }
    return {(symbol, day, history_sha256): by_day[symbol][day] for symbol, day, history_sha256 in wanted}


def _until(bars: Mapping[str, Bars], day: date) -> dict[str, Bars]:
    """The bars dated that day or earlier, of the symbols that have any."""
    cut = {symbol: one.until(np.datetime64(day, "us")) for symbol, one in bars.items()}
    return {symbol: one for symbol, one in cut.items() if len(one)}
