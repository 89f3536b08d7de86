"""Loading of registered models for forecasting."""

import json
from pathlib import Path

from storage.models import registry as model_store
from storage.models.registry import ModelDamaged
from strategy.signals.forecaster import Forecaster
from strategy.signals.strategies import Strategy
from strategy.training.learners import read_model


def forecaster(home: Path, strategy: Strategy, model_id: str | None) -> Forecaster | None:
    """Return the strategy's model, or None for the prior. Raises ModelDamaged as `stored_model` does."""
    return None if model_id is None else stored_model(home, strategy, model_id)


def stored_model(home: Path, strategy: Strategy, model_id: str) -> Forecaster:
    """Return a model of the strategy from its file.

    Raises ModelDamaged if the file is not the one that was registered, or this version cannot use it.
    """
    arrays, metadata = model_store.read(home, model_id)
    try:
        return read_model(strategy, arrays, json.loads(str(metadata["config"])))
    except (KeyError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ModelDamaged(
            f"model {model_id[:12]} was made by another version ({what}); run `turbodmt train`, or promote another"
        ) from error
