"""Types of the values that a person chooses from, for options, forms and settings alike."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from strategy.signals.strategies import NAME_PATTERN

Broker = Literal["paper", "testnet-spot", "testnet-futures"]
Notify = Literal["all", "digest", "faults"]
_SLEEVE = rf"{NAME_PATTERN}=(\d*\.?\d+|risk)"
#: A strategy's name, or the names of sleeves with their weights.
StrategyName = Annotated[str, StringConstraints(pattern=rf"^({NAME_PATTERN}|{_SLEEVE}(\+{_SLEEVE})*)$")]
