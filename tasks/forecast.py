"""The model of the day, read back from the registry and ready to forecast."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from storage import models as model_store
from strategy.signals import Forecaster

if TYPE_CHECKING:
    from strategy.ensemble import Ensemble


def forecaster(home: Path, model_id: str | None) -> Forecaster | None:
    """The registered model, or None for the prior.

    Raises ModelDamaged if the file is not the one that was registered, and ValueError if this code cannot use it.
    """
    return None if model_id is None else ensemble(home, model_id)


def ensemble(home: Path, model_id: str) -> "Ensemble":
    """The networks of a registered model. Raises ModelDamaged and ValueError as `forecaster` does."""
    from strategy.ensemble import revive
    from strategy.network import NetworkShape

    arrays, metadata = model_store.read(home, model_id)
    shape = NetworkShape(**json.loads(str(metadata["config"]))["shape"])
    return revive(shape, arrays)
