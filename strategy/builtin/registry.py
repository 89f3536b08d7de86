"""Registry of the built-in strategies."""

from collections.abc import Mapping
from types import MappingProxyType

from strategy.builtin import hold, momentum, rules, turbo, vol_target
from strategy.signals.strategies import Strategy

TURBO, RULES, HOLD, VOL_TARGET, MOMENTUM = (module.strategy for module in (turbo, rules, hold, vol_target, momentum))
#: The strategy beside which every other is shown.
BASELINE = HOLD
#: The strategies by name, the default first.
BUILT_IN: Mapping[str, Strategy] = MappingProxyType(
    {strategy.name: strategy for strategy in (TURBO, RULES, HOLD, VOL_TARGET, MOMENTUM)}
)
