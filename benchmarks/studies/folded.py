"""Networks of a walk-forward study, fold by fold: fitted on bars before it alone, and kept in a cache."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np

import strategy
from strategy.market.bars import Bars, FloatArray
from strategy.market.data_hash import data_sha256
from strategy.networks.transformer import NetworkShape
from strategy.portfolio.account_config import AccountConfig
from strategy.signals.features import FEATURES
from strategy.training.fit import last_learned, twin_panels
from strategy.training.loop import Trained, TrainingSet, train
from strategy.training.promotion_gate import GateRules, judge_first
from strategy.training.rollout import walked
from strategy.training.settings import TrainingSettings
from strategy.training.training_panel import TrainingPanel, training_panel
from strategy.training.walk_forward import Fold

#: Configurations tried on these bars: 44 before this study began, three ways to train at a flat rate, three other
#: allocations, six other estimates of volatility, 17 other bands and frequencies, and at dated rates the network, the
#: other target and the other rate of futures.
TRIALS = 76


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One panel with its folds."""

    bars: Mapping[str, Bars]
    config: AccountConfig
    panel: TrainingPanel
    plan: tuple[Fold, ...]
    cache: Path

    @property
    def span(self) -> range:
        """All dates decided on."""
        return range(self.plan[0].dates.start, self.plan[-1].dates.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to make the networks."""

    name: str
    settings: TrainingSettings
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walked:
    """Result of one way to train on all dates: departures (D, S) of the ensemble, of one member, and those promoted."""

    ensemble: FloatArray
    single: FloatArray
    gated: FloatArray
    promoted: int


def departed(study: Study, way: Way) -> Walked:
    """The departures of a way to train, fold by fold."""
    parts = [_fold(study, way, fold) for fold in study.plan]
    whole = np.concatenate(parts, axis=1)
    return Walked(
        ensemble=whole[0], single=whole[1], gated=whole[2], promoted=sum(bool(part[2].any()) for part in parts)
    )


def _fold(study: Study, way: Way, fold: Fold) -> FloatArray:
    """(3, D, S): the ensemble's departures, its first member's, and the ensemble's where the gate promotes, else 0."""
    key = {
        "code": _code_sha256(),
        "bars": data_sha256(study.bars),
        "account": f"{study.config.sizing} {study.config.terms.costs} {TRIALS}",
        "settings": asdict(way.settings),
        "alone": way.alone,
        "fold": str(fold),
    }
    file = study.cache / f"{sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]}.npy"
    if file.exists():
        return np.asarray(np.load(file, allow_pickle=False))
    shape = NetworkShape()
    try:
        trained = _trained(study, way, fold, shape)
    except ValueError as error:
        print(f"<!-- {way.name}, fitted to {fold.fitted_to}: the prior trades: {error} -->", flush=True)
        result = np.zeros((3, len(fold.dates), len(study.panel.inputs)))
    else:
        panel = _alone(study.panel) if way.alone else study.panel
        models = [trained.ensemble, replace(trained.ensemble, members=trained.ensemble.members[:1])]
        both = [walked(panel, [fold], [model], shape.context_bars) for model in models]
        rules = GateRules(days_per_year=trained.gate.days_per_year, trials=TRIALS)
        verdict = judge_first(trained.gate.net, trained.prior_gate.net, rules)
        print(f"<!-- {way.name}, fitted to {str(fold.fitted_to)[:10]}: {verdict.reason} -->", flush=True)
        result = np.stack([*both, both[0] * verdict.promoted])
    study.cache.mkdir(parents=True, exist_ok=True)
    np.save(file, result, allow_pickle=False)
    return result


@cache
def _code_sha256() -> str:
    """Hash of the strategy's own code: what an older version computed is not what this one would."""
    files = sorted(Path(strategy.__file__).parent.rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _trained(study: Study, way: Way, fold: Fold, shape: NetworkShape) -> Trained:
    past = {symbol: series.until(fold.fitted_to) for symbol, series in study.bars.items()}
    past = {symbol: series for symbol, series in past.items() if len(series)}
    panel = training_panel(past, study.config)
    twins = twin_panels(past, study.config, last_learned(panel, way.settings.rule(shape)), way.settings)
    if way.alone:
        panel, twins = _alone(panel), tuple(map(_alone, twins))
    return train(shape, TrainingSet(market=panel, twins=twins), way.settings)


def _alone(panel: TrainingPanel) -> TrainingPanel:
    """The panel whose networks see no other symbol."""
    count = len(FEATURES)
    own = tuple(np.concatenate([rows[:, :count], np.zeros_like(rows[:, count:])], axis=1) for rows in panel.inputs)
    return replace(panel, inputs=own)
