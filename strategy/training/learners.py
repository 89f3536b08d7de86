"""Learners as the product uses them: by a trainer of their own, or by the one that fits every learner."""

from collections.abc import Mapping
from types import MappingProxyType

from strategy.signals.fitted_model import learner_settings, read_fitted
from strategy.signals.forecaster import Forecaster
from strategy.signals.strategies import Arrays, Learner, Strategy
from strategy.training.recipe import TrainingConfig
from strategy.training.trainer import OwnTrainer, Settings, Trainer


def trainer_of(strategy: Strategy, recipe: TrainingConfig) -> Trainer:
    """Return the trainer of the strategy's models. Raises ValueError if the recipe admits none."""
    learner = _learner(strategy)
    if isinstance(learner, OwnTrainer):
        return learner.trainer(recipe)
    # Imports the compiled account, which a repeated backtest does not need.
    from strategy.training.held_out import held_out

    return held_out(strategy, learner, recipe)


def determined_by(strategy: Strategy, recipe: TrainingConfig) -> Settings:
    """Return the JSON values that determine a model trained from scratch, besides bars, account and code."""
    learner = _learner(strategy)
    if isinstance(learner, OwnTrainer):
        return learner.determined_by(recipe)
    return {
        "strategy": strategy.name,
        "sizing": str(strategy.sizing),
        "learner": learner_settings(strategy),
        "recipe": {"seed": recipe.seed, "validation_share": recipe.validation_share},
    }


def read_model(strategy: Strategy, arrays: Arrays, config: Settings) -> Forecaster:
    """Return the strategy's stored model. Raises KeyError, TypeError or ValueError if it cannot be used."""
    learner = _learner(strategy)
    return learner.read(arrays, config) if isinstance(learner, OwnTrainer) else read_fitted(strategy, arrays, config)


def settings_read(strategy: Strategy) -> frozenset[str]:
    """Return the names of the settings that the strategy's learner reads and others do not."""
    learner: object = strategy.learner
    return learner.settings if isinstance(learner, OwnTrainer) else frozenset()


def trial_settings(strategy: Strategy) -> Mapping[str, object]:
    """Return what distinguishes a trial of the strategy's learner from one of another; the settings tell the rest."""
    learner: object = strategy.learner
    if learner is None or isinstance(learner, OwnTrainer):
        return MappingProxyType({})
    return {"learner": learner_settings(strategy)}


def _learner(strategy: Strategy) -> Learner:
    if strategy.learner is None:
        raise ValueError(f"{strategy} has no learner")
    return strategy.learner
