"""Trainer of the networks: through the account that will trade them, from scratch or on from a champion."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from strategy.networks.ensemble import Ensemble, revive
from strategy.networks.transformer import NetworkShape
from strategy.signals.forecaster import Forecaster
from strategy.signals.strategies import Arrays
from strategy.training.fit import fitted, input_importance, rival_returns
from strategy.training.loop import Member, Trained, TrainingDiverged
from strategy.training.recipe import TrainingConfig
from strategy.training.settings import TrainingSettings
from strategy.training.trainer import HistoryTooShort, Importance, Learned, NotTrained, Past, Returns

#: Only with the same shares of the same history do the gate's dates lie after all that a champion learned from.
_KEPT = ("members", "validation_share", "purge_bars")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTrainer:
    """Networks of a shape, their training from scratch, and the steps of a training that goes on from a champion."""

    shape: NetworkShape
    settings: TrainingSettings
    warm_steps: int = TrainingSettings().steps

    @property
    def summary(self) -> str:
        """Return the number of networks and their shape."""
        shape = self.shape
        return f"{self.settings.members} networks {shape.dimensions}/{shape.heads}/{shape.layers}"

    def config(self) -> dict[str, Any]:
        """Return shape and training as JSON values."""
        return {"shape": asdict(self.shape), "training": asdict(self.settings)}

    def warmed(self, config: Mapping[str, Any]) -> "NetworkTrainer | None":
        """Return the trainer that goes on from a model of the same build; None for another."""
        same = config["shape"] == asdict(self.shape) and all(
            config["training"].get(name) == getattr(self.settings, name) for name in _KEPT
        )
        warmup_steps = min(self.settings.warmup_steps, self.warm_steps // 4)
        return (
            replace(self, settings=replace(self.settings, steps=self.warm_steps, warmup_steps=warmup_steps))
            if same
            else None
        )

    def train(self, past: Past, start: Forecaster | None = None) -> Learned:
        """Train the networks and judge them, see `strategy.training.fit.fitted`."""
        champion = None if start is None else _ensemble(start)
        try:
            trained = fitted(past.bars, past.config, self.shape, self.settings, champion)
        except (TrainingDiverged, HistoryTooShort) as error:
            raise NotTrained(str(error)) from error
        return Learned(
            model=trained.ensemble,
            gate=trained.gate,
            prior_gate=trained.prior_gate,
            gate_span=trained.gate_span,
            gate_dates=trained.gate_dates,
            figures={
                "best_steps": [member.best_step for member in trained.members],
                "steps": [len(member.losses) for member in trained.members],
                "training_windows": trained.training_windows,
                "twins": trained.twins,
                "dates": _dates(trained),
                "course": [_course(member) for member in trained.members],
            },
        )

    def importance(self, past: Past, model: Forecaster) -> Importance:
        """Return what each input is worth to the model on the gate dates, see `strategy.training.importance`."""
        return input_importance(past.bars, past.config, _ensemble(model), self.settings)

    def returns(self, past: Past, model: Forecaster, span: range) -> Returns:
        """Return what other networks earn on the gate dates of a training on this past, net at single cost."""
        return rival_returns(past.bars, past.config, _ensemble(model), span, self.settings)


def network_trainer(recipe: TrainingConfig) -> NetworkTrainer:
    """Return the trainer of a recipe. Raises ValueError if there can be no such network."""
    shape = NetworkShape(
        dimensions=recipe.dimensions, heads=recipe.heads, layers=recipe.layers, context_bars=recipe.context_bars
    )
    settings = TrainingSettings(
        seed=recipe.seed,
        members=recipe.members,
        steps=recipe.steps,
        twins=recipe.twins,
        validation_share=recipe.validation_share,
        threads=recipe.threads,
        device=recipe.device,
    )
    return NetworkTrainer(shape=shape, settings=settings, warm_steps=recipe.warm_steps)


def read_networks(arrays: Arrays, config: Mapping[str, Any]) -> Ensemble:
    """Return the networks of these weights and this shape. Raises KeyError, TypeError or ValueError for others."""
    return revive(NetworkShape(**config["shape"]), {name: np.asarray(array) for name, array in arrays.items()})


def _ensemble(model: Forecaster) -> Ensemble:
    if not isinstance(model, Ensemble):
        raise TypeError(f"{type(model).__name__} is not an ensemble of networks")
    return model


def _course(member: Member) -> dict[str, Any]:
    """Return the course of a training: losses by step, and validation Sharpe ratios as pairs of step and value."""
    return {
        "losses": [_short(loss) for loss in member.losses],
        "stop_sharpes": [[step, _short(sharpe)] for step, sharpe in member.stop_sharpes.items()],
    }


def _dates(trained: Trained) -> dict[str, list[str]]:
    """Return the first and last date of each part of the history, by name."""
    ends = {
        "training": trained.training_dates,
        "stopping": trained.stop_dates,
        "gate": (trained.gate_dates[0], trained.gate_dates[-1]),
    }
    return {name: [str(day.astype("M8[D]")) for day in between] for name, between in ends.items()}


def _short(value: float) -> float:
    """Return a number to six digits: more cannot be seen, and would only make the record longer."""
    return float(f"{value:.6g}")
