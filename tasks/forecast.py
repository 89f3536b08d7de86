"""The model of the day, read back from the registry and ready to forecast."""

import json
from pathlib import Path

from storage import models as model_store
from strategy.signals import Forecaster


def forecaster(home: Path, model_id: str | None) -> Forecaster | None:
    """The registered model, or None for the prior.

    Raises ModelDamaged if the file is not the one that was registered, and ValueError if this code cannot use it.
    """
    if model_id is None:
        return None
    from strategy.network import NetworkForecaster, NetworkShape, from_arrays

    arrays, metadata = model_store.read(home, model_id)
    shape = NetworkShape(**json.loads(str(metadata["config"]))["shape"])
    return NetworkForecaster(network=from_arrays(shape, arrays))
