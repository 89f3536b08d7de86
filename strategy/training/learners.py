"""Learners as the product uses them: by a trainer of their own, which they must bring."""

from strategy.signals.forecaster import Forecaster
from strategy.signals.strategies import Arrays, Strategy
from strategy.training.recipe import TrainingConfig
from strategy.training.trainer import OwnTrainer, Settings, Trainer


def trainer_of(strategy: Strategy, recipe: TrainingConfig) -> Trainer:
    """Return the trainer of the strategy's models. Raises ValueError if the recipe admits none."""
    return _own(strategy).trainer(recipe)


def determined_by(strategy: Strategy, recipe: TrainingConfig) -> Settings:
    """Return the JSON values that determine a model trained from scratch, besides bars, account and code."""
    return _own(strategy).determined_by(recipe)


def read_model(strategy: Strategy, arrays: Arrays, config: Settings) -> Forecaster:
    """Return the strategy's stored model. Raises KeyError, TypeError or ValueError if it cannot be used."""
    return _own(strategy).read(arrays, config)


def _own(strategy: Strategy) -> OwnTrainer:
    if not isinstance(strategy.learner, OwnTrainer):
        raise ValueError(f"{strategy} has no learner")
    return strategy.learner
