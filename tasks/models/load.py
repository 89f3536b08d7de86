"""Loading of registered models for forecasting."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from storage.models import registry as model_store
from storage.models.registry import ModelDamaged

if TYPE_CHECKING:
    from strategy.networks.ensemble import Ensemble


def forecaster(home: Path, model_id: str | None) -> "Ensemble | None":
    """Return the registered model, or None for the prior. Raises ModelDamaged as `ensemble` does."""
    return None if model_id is None else ensemble(home, model_id)


def ensemble(home: Path, model_id: str) -> "Ensemble":
    """Return the networks of a registered model.

    Raises ModelDamaged if the file is not the one that was registered, or this version cannot use it.
    """
    from strategy.networks.ensemble import revive
    from strategy.networks.transformer import NetworkShape

    arrays, metadata = model_store.read(home, model_id)
    try:
        shape = NetworkShape(**json.loads(str(metadata["config"]))["shape"])
        return revive(shape, arrays)
    except (KeyError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ModelDamaged(
            f"model {model_id[:12]} was made by another version ({what}); run `turbodmt train`, or promote another"
        ) from error
