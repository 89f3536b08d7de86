"""The model of one walk-forward fold: trained, judged and stored, or read back, with its signals."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from time import monotonic

import numpy as np

from storage.database import connect
from storage.models import folds as fold_store
from storage.models import registry as model_store
from storage.models.folds import SignalKey, StoredFold
from storage.models.registry import ModelDamaged
from strategy.account.fees_and_slippage import Costs
from strategy.market.bars import Bars, bars_until
from strategy.market.currencies import FxSeries
from strategy.market.instruments import Instrument
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import Allocation, SizingParams
from strategy.signals.forecaster import Forecaster
from strategy.training.candidate import Candidate, candidate
from strategy.training.learners import determined_by
from strategy.training.trainer import Past
from tasks.models.load import stored_model
from tasks.models.training_cost import took
from tasks.models.training_plan import trainer_for, training_on
from tasks.run.job import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """All bars of the job's symbols up to the last day, the account that trades them, and the days tested."""

    bars: Mapping[str, Bars]
    config: AccountConfig
    start: date
    end: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRequest:
    """A requested fold: first and last day, a key for everything that determines its model, and the signals needed."""

    key: str
    start: date
    end: date
    fitted_to: date
    wanted: tuple[SignalKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFold:
    """A fold as stored, and every known signal of its model."""

    stored: StoredFold
    signals: Mapping[SignalKey, float]

    def lacking(self, fold: FoldRequest) -> tuple[SignalKey, ...]:
        """Return the signals that are requested and not known; none for a model that does not trade."""
        if not self.stored.verdict.promoted:
            return ()
        return tuple(key for key in fold.wanted if key not in self.signals)


def fold_key(job: Job, config: AccountConfig, fitted_to: date, bars_sha256: str) -> str:
    """Return the hash of everything that determines a fold's model."""
    return _sha256(
        {
            "bars": bars_sha256,
            "fitted_to": fitted_to,
            "code_version": job.code_version,
            **determined_by(job.policy.strategy, job.policy.recipe),
            **_account(config, fitted_to),
        }
    )


def account_sha256(config: AccountConfig, day: date) -> str:
    """Return the hash of what training up to the day uses of the account: sizing, limits, costs, instruments."""
    return _sha256(_account(config, day))


def _account(config: AccountConfig, day: date) -> dict[str, object]:
    terms = config.terms
    listed = {symbol: terms.instruments[symbol] for symbol in config.symbols}
    # Models trained before this setting was respected used its default: leave it out of their hash at the default.
    stale = config.limits.stale_days
    obeyed = {} if stale == RiskLimits().stale_days else {"stale_days": stale}
    return obeyed | {
        "sizing": _sizing(config),
        "costs": _costs(terms.costs, day),
        "instruments": {
            symbol: (instrument.calendar, instrument.shortable, _membership(instrument, day))
            for symbol, instrument in listed.items()
        },
    }


def _costs(costs: Costs, day: date) -> dict[str, object]:
    """Return what determines the costs up to the day: of dated rates, the hash of those known by then."""
    terms, rate = costs.financing, costs.financing.flat_rate
    traded: dict[str, object] = {
        "fee_bps": costs.fee_bps,
        "slippage_bps": costs.slippage_bps,
        "multiplier": costs.multiplier,
    }
    if costs.instruments:
        named = (*costs.instruments.symbols.items(), *costs.instruments.classes.items())
        traded["stated"] = {str(name): asdict(terms) for name, terms in named}
    if costs.currencies.fx:
        traded["fx"] = {unit: _closes(series, day) for unit, series in sorted(costs.currencies.fx.items())}
    if rate is not None:
        return {**traded, "financing_rate": rate}
    spreads = (terms.borrow_spread, terms.cash_spread, terms.short_fee)
    return {**traded, "spreads": spreads, "rates": [terms.rates.sha256(day), terms.risk_free.sha256(day)]}


def _closes(series: FxSeries, day: date) -> list[str]:
    return [f"{dated} {rate.normalize()}" for dated, rate in series.used(date.min, day)]


def _sizing(config: AccountConfig) -> dict[str, object]:
    """Return what training uses of the sizing, as before there were allocations where there is one symbol or theirs.

    The same goes for the estimator of volatility, and for a rebalance band and frequency, with which models are judged.
    """
    names = ("volatility_estimator", "rebalance_band", "rebalance_every", "caps")
    unset = {name for name in names if getattr(config.sizing, name) == getattr(SizingParams(), name)}
    if len(config.symbols) == 1 or config.sizing.allocation is Allocation.INVERSE_VOL:
        unset |= {"allocation"}
    return {name: value for name, value in asdict(config.sizing).items() if name not in unset}


def _sha256(values: Mapping[str, object]) -> str:
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def _membership(instrument: Instrument, day: date) -> list[tuple[date, date | None]] | None:
    """Return the symbol's universe membership as known on that day: later starts and ends are left out."""
    if instrument.memberships is None:
        return None
    begun = [span for span in instrument.memberships if span.first <= day]
    return [(span.first, span.last if span.last and span.last < day else None) for span in begun]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A fold's candidate, the signals of its days if it is promoted, and the seconds that its training took."""

    candidate: Candidate
    signals: Mapping[SignalKey, float]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitting:
    """What the folds of a walk-forward share: the job, and all bars."""

    job: Job
    history: History


def fit(shared: Fitting, fold: FoldRequest) -> Fit:
    """Train and judge the model of the fold, which any worker may do: nothing is written.

    Raises TrainingRefused as `tasks.backtest.walk_forward.walk` does.
    """
    begun_s = monotonic()
    found = _candidate(shared.job, shared.history, fold)
    seconds = monotonic() - begun_s
    trades = found.model if found.verdict.promoted else None
    signals = _foretold(shared.history, fold.wanted, trades) if trades else {}
    return Fit(candidate=found, signals=signals, seconds=seconds)


def kept(job: Job, requested: FoldRequest, made: Fit) -> KnownFold:
    """Store the fold with its model, and return what the store holds of it."""
    found = made.candidate
    fold = StoredFold(
        key=requested.key,
        fitted_to=requested.fitted_to,
        model_id=None if found.model is None else _saved(job, requested, found.model),
        verdict=found.verdict,
        created_at=job.now,
    )
    if found.model is not None:
        took(job, trainer_for(job), requested.fitted_to, made.seconds)
    return _kept(job, fold, made.signals)


def extended(job: Job, history: History, fold: FoldRequest, known: KnownFold) -> KnownFold:
    """Add the signals that a promoted fold lacks: of days not requested before, or whose bars have changed.

    A model whose file is missing or damaged is trained again, to the same bytes.
    """
    assert known.stored.model_id is not None, "nothing is promoted that was not trained"
    try:
        model: Forecaster | None = stored_model(job.home, job.policy.strategy, known.stored.model_id)
    except ModelDamaged as error:
        log.warning("The fold of %d is trained again: %s.", fold.start.year, error)
        model = _candidate(job, history, fold).model
        assert model is not None, "the same bars gave a model before"
        _saved(job, fold, model)
    assert model is not None, "a model's file holds one"
    return _kept(job, known.stored, _foretold(history, known.lacking(fold), model))


def _kept(job: Job, fold: StoredFold, fresh: Mapping[SignalKey, float]) -> KnownFold:
    """Store the fold and its signals and return what the store holds; what another process stored first wins."""
    with connect(job.home) as store:
        fold_store.record(store, fold, fresh)
        return KnownFold(stored=fold_store.find(store, fold.key) or fold, signals=fold_store.signals(store, fold.key))


def _candidate(job: Job, history: History, fold: FoldRequest) -> Candidate:
    trainer = trainer_for(job)
    with training_on(job.policy.recipe.device):
        return candidate(Past(bars=bars_until(history.bars, fold.fitted_to), config=history.config), trainer)


def _saved(job: Job, fold: FoldRequest, model: Forecaster) -> str:
    """Save the model and return its id."""
    metadata = {
        "config": json.dumps(trainer_for(job).config(), sort_keys=True),
        "trained_to": fold.fitted_to.isoformat(),
    }
    return model_store.save(job.home, model.to_arrays(), metadata)


def _foretold(history: History, wanted: Sequence[SignalKey], model: Forecaster) -> dict[SignalKey, float]:
    """Return the requested signals, each computed alone as a daily run does, from no bar after the last of them.

    A signal that is refused is left out.
    """
    if not wanted:
        return {}
    days = [day for _, day, _ in wanted]
    seen, since = bars_until(history.bars, max(days)), np.datetime64(min(days), "us")
    by_day = {
        symbol: dict(zip(seen[symbol].open_time.astype("M8[D]").tolist(), signals.tolist(), strict=True))
        for symbol, signals in model.forecast(seen, since).items()
    }
    # The prior trades there, as it does on every day without a signal of a model.
    refused = {(fault.symbol, fault.day) for fault in model.refusals(seen, since)}
    return {
        (symbol, day, history_sha256): by_day[symbol][day]
        for symbol, day, history_sha256 in wanted
        if (symbol, day) not in refused
    }
