"""The champion: of the models promoted for a strategy on some symbols, the one that decides on a day."""

from datetime import date

from storage.database import Connection
from storage.models.panels import Panel
from storage.models.promotions import in_force
from storage.models.registry import ModelRecord, registered
from strategy.training.promotion_gate import PRIOR


def champion(connection: Connection, panel: Panel, *, trained_until: date) -> ModelRecord | None:
    """Return the model that decides on `trained_until`, which saw nothing after that day; None if the prior decides.

    How old a champion may be is for the caller to judge.
    """
    ruling = in_force(connection, panel, trained_until)
    if ruling is None or ruling.model_id == PRIOR:
        return None
    return registered(connection, ruling.model_id)
